package eventlog

import "unicode/utf8"

const lowerHex = "0123456789abcdef"

// appendJSONValue adds a value as a JSON string (RFC 8259, section 7) of printable ASCII. JSON cannot hold bytes that
// are not UTF-8, so each is shown as U+FFFD, as in encoding/json. Values are clipped as in the text layout.
func appendJSONValue(b []byte, v string) []byte {
	shown := ClipValue(v)
	b = append(b, '"')
	b = appendJSONText(b, shown)
	if len(shown) < len(v) {
		b = append(b, clipMark...)
	}
	return append(b, '"')
}

// appendJSONText adds the contents of a JSON string, without its quotes.
func appendJSONText(b []byte, v string) []byte {
	plain := 0 // v[plain:i] is still to be copied unchanged
	for i := 0; i < len(v); {
		c := v[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, v[plain:i]...)
		if c < utf8.RuneSelf {
			b = appendJSONEscape(b, c)
			i++
		} else {
			r, size := utf8.DecodeRuneInString(v[i:])
			b = appendJSONRune(b, r)
			i += size
		}
		plain = i
	}
	return append(b, v[plain:]...)
}

// appendJSONEscape escapes one ASCII character.
func appendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&0xf])
}

// appendJSONRune escapes one non-ASCII character. A character above U+FFFF becomes a surrogate pair.
func appendJSONRune(b []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		b = appendJSONRune(b, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(b, '\\', 'u', lowerHex[r>>12&0xf], lowerHex[r>>8&0xf], lowerHex[r>>4&0xf], lowerHex[r&0xf])
}
