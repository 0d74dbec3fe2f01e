package wording

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// These are the numbers of characters shown of one value: in a table or next to other values, and on a line of its own.
const (
	maxCellRunes = 256
	maxLineRunes = 4096
)

// Printable makes text safe to show on a terminal, on one line. Characters that are not printable (escapes, line ends,
// marks that change the direction of writing) are written as Go escapes, and a text longer than maxCellRunes is
// clipped. So nothing that a configuration, a client or another program's socket says can move the cursor, change a
// colour or forge a line.
func Printable(text string) string { return printableUpTo(text, maxCellRunes) }

// PrintableLine is Printable for a text that has a line to itself.
func PrintableLine(text string) string { return printableUpTo(text, maxLineRunes) }

// printableUpTo is Printable with another limit of characters.
func printableUpTo(text string, limit int) string {
	var b strings.Builder
	shown := 0
	for i := 0; i < len(text); {
		if shown == limit {
			b.WriteString("...")
			break
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
		shown++
	}
	return b.String()
}

// PrintableJSON makes a line of valid JSON safe to show on a terminal, without changing its meaning: outside strings
// JSON is printable ASCII and white space, and inside strings every other character can be written as `\u` and four
// digits (RFC 8259, section 7). A byte that is not UTF-8 becomes U+FFFD, which is how every reader takes it.
func PrintableJSON(line []byte) []byte {
	safe := make([]byte, 0, len(line))
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		switch {
		case line[i] == '\r' || line[i] == '\n' || line[i] == '\t':
			safe = append(safe, ' ') // white space between two tokens
		case r == utf8.RuneError && size == 1:
			safe = append(safe, `\ufffd`...)
		case unicode.IsPrint(r):
			safe = append(safe, line[i:i+size]...)
		case r > 0xffff:
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
		i += size
	}
	return safe
}
