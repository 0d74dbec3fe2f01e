package http1

import (
	"bytes"
	"testing"
)

// TestEveryByteIsFoundAtEveryPosition compares the word-wise scans with byte-wise ones.
func TestEveryByteIsFoundAtEveryPosition(t *testing.T) {
	tests := []struct {
		name string
		scan func(b []byte, i int) int
		ends func(c byte) bool
	}{
		{"text", scanText, func(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }},
		{"visible", scanVisible, func(c byte) bool { return c <= ' ' || c == 0x7f }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, around := range []byte{'x', '!', '~', 0x80, 0xff} {
				for c := range 0x100 {
					for place := range 26 {
						b := bytes.Repeat([]byte{around}, 26)
						b[place] = byte(c)
						want := len(b)
						if test.ends(byte(c)) {
							want = place
						}
						for i := range place + 1 {
							if got := test.scan(b, i); got != want {
								t.Fatalf("byte %#x at %d among %#x, from %d: got %d, want %d", c, place, around, i, got, want)
							}
						}
					}
				}
			}
		})
	}
}

func TestTheFirstOfSeveralEndsIsFound(t *testing.T) {
	for _, text := range []string{"abc\x01\x02\x03defgh", "abcdefg\x7f\x00ijklmnop", "\x00\x01\x02\x03\x04\x05\x06\x07", "a\x80\x7f\x1f\xffbcdefgh"} {
		want := bytes.IndexFunc([]byte(text), func(r rune) bool { return r < ' ' || r == 0x7f })
		if got := scanText([]byte(text), 0); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
		if got := scanVisible([]byte(text), 0); got != want {
			t.Errorf("%q, visible: got %d, want %d", text, got, want)
		}
	}
}
