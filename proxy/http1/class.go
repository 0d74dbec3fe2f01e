package http1

// These are the classes of bytes that make up the grammars of RFC 9110 and RFC 3986.
const (
	classToken  = 1 << iota // tchar, RFC 9110, section 5.6.2
	classPath               // a byte of a path except %, ? and #
	classHost               // a byte of a reg-name, RFC 3986, section 3.2.2, except percent-encoding
	classHex                // HEXDIG
	classText               // a byte of a field value: visible, obs-text, space and tab; RFC 9110, section 5.5
	classQuoted             // qdtext: text except the quote and the backslash; RFC 9110, section 5.6.4
)

const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// class maps each byte to its classes. It is never written to.
var class = classTable()

func classTable() (table [256]uint8) {
	mark := func(class uint8, bytes string) {
		for i := range len(bytes) {
			table[bytes[i]] |= class
		}
	}
	mark(classToken, alphanumerics+"!#$%&'*+-.^_`|~")
	mark(classHost, alphanumerics+"-._~!$&'()*+,;=")
	mark(classHex, "0123456789ABCDEFabcdef")
	mark(classText, "\t ")
	for b := 0x21; b < 0x100; b++ {
		if b == 0x7f {
			continue
		}
		table[b] |= classText
		// RFC 3986 allows fewer bytes in a path. Real links contain the others, including bytes beyond ASCII, and no reader
		// treats them as the end of the target.
		if b != '%' && b != '?' && b != '#' {
			table[b] |= classPath
		}
	}
	for b := range 0x100 {
		if table[b]&classText != 0 && b != '"' && b != '\\' {
			table[b] |= classQuoted
		}
	}
	return table
}
