package http1

import (
	"encoding/binary"
	"math/bits"
)

// The functions below process eight bytes as one word. In each result the high bit of a byte reports whether that byte
// matches. No carry crosses from byte to byte, because the high bits are masked out before each addition.
const (
	lowBits  = 0x7f7f7f7f7f7f7f7f
	highBits = 0x8080808080808080
)

// scanText returns the index of the first byte at or after i that is not allowed in a field value: a control character
// other than the tab (RFC 9110, section 5.5). It returns len(b) if there is none.
func scanText(b []byte, i int) int {
	for i+8 <= len(b) {
		word := binary.LittleEndian.Uint64(b[i:])
		// The first addition makes 0x20 the lowest value, with the controls above all others; the second lifts
		// those, and 0x7f, into the high bit.
		moved := (word&lowBits + 0x6060606060606060) & lowBits
		if found := (moved + 0x2121212121212121) &^ word & highBits; found != 0 {
			i += bits.TrailingZeros64(found) >> 3
			if b[i] != '\t' {
				return i
			}
			i++
			continue
		}
		i += 8
	}
	for i < len(b) && class[b[i]]&classText != 0 {
		i++
	}
	return i
}

// scanVisible returns the index of the first byte at or after i that is a space or a control character, or len(b).
func scanVisible(b []byte, i int) int {
	for i+8 <= len(b) {
		word := binary.LittleEndian.Uint64(b[i:])
		// As above, with 0x21 as the lowest value.
		moved := (word&lowBits + 0x5f5f5f5f5f5f5f5f) & lowBits
		if found := (moved + 0x2222222222222222) &^ word & highBits; found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] > ' ' && b[i] != 0x7f {
		i++
	}
	return i
}
