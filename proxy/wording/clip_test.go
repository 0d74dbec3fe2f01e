package wording

import (
	"strings"
	"testing"
)

func TestClippingCutsNoCharacterInTwo(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a short text stays", "ab", "ab"},
		{"a text that just fits stays", "abcdefgh", "abcdefgh"},
		{"a long text is cut", "abcdefghi", "abcdefgh"},
		{"a character that just fits stays", "abcdefäh", "abcdefä"},
		{"a character of two bytes is cut as a whole", "abcdefgä", "abcdefg"},
		{"a character of four bytes is cut as a whole", "abcdef\U0001f600", "abcdef"},
		{"bytes that are not text are cut anywhere", strings.Repeat("\x80", 9), strings.Repeat("\x80", 8)},
		{"a torn character is cut anywhere", "abcdefg\xc3i", "abcdefg\xc3"},
	} {
		if got := Clip(c.text, 8); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestATextOfSeveralLinesBecomesOne(t *testing.T) {
	if got, want := OneLine("a\r\nb\x1b[0m\u2028c\u0085d\xffé"), "a  b [0m c d\ufffdé"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
