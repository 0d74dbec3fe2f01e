package eventlog

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many characters of one value are shown to people: in a table or beside others, and on a line of its own.
const (
	MaxCellRunes = 256
	maxLineRunes = 4096
)

// Printable makes text safe to be shown on a terminal, on one line: what is no printable character, as an escape, a
// line's end or a mark that turns the direction of writing, is written as an escape of Go, and what is longer than
// MaxCellRunes is clipped. Nothing that a configuration, a client or another program's socket says can so move the
// cursor, change a colour or forge a line.
func Printable(text string) string { return printableUpTo(text, MaxCellRunes) }

// PrintableLine is printable for a text that has a line for itself.
func PrintableLine(text string) string { return printableUpTo(text, maxLineRunes) }

// printableUpTo is printable with another limit of characters.
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

// PrintableJSON makes a line of valid JSON safe to be shown on a terminal, and leaves its meaning: outside of strings
// JSON is printable ASCII and white space, and in them every other character can stand as `\u` with four digits
// (RFC 8259, section 7). A byte that is not UTF-8 becomes U+FFFD, as which every reader takes it.
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
