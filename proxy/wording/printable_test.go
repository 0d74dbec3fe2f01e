package wording

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestTextsAreMadePrintable(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain text stays", "git.example.com: 404, grün", "git.example.com: 404, grün"},
		{"an escape sequence is escaped", "\x1b]0;owned\x07", `\u001b]0;owned\u0007`},
		{"a control character of eight bits is escaped", "\u009b2J", `\u009b2J`},
		{"its byte, which is not UTF-8, is escaped", "\x9b2J", `\x9b2J`},
		{"line ends and tabs are escaped", "a\r\nb\tc\u2028d", `a\u000d\u000ab\u0009c\u2028d`},
		{"a change of direction is escaped", "abc\u202ecba", `abc\u202ecba`},
		{"a tag beyond the first plane is escaped", "x\U000e0041", `x\U000e0041`},
		{"a long text is cut", strings.Repeat("ä", maxCellRunes+1), strings.Repeat("ä", maxCellRunes) + "..."},
		{"a text that just fits stays", strings.Repeat("ä", maxCellRunes), strings.Repeat("ä", maxCellRunes)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Printable(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestJSONIsMadePrintableAndKeepsItsMeaning(t *testing.T) {
	for _, line := range []string{
		`{"status":"ok","a":"grün"}`, "{\"a\":\"\u009b2J\u202e\x7f\"}", "{\r\"a\" :\t[1,\"\U000e0041\U0001f600\"]}", `{"a":"\u001b\\"}`,
	} {
		safe := PrintableJSON([]byte(line))
		for _, r := range string(safe) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q became %q, which has %U", line, safe, r)
			}
		}
		var before, after any
		if err := json.Unmarshal([]byte(line), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(safe, &after); err != nil || !cmp.Equal(before, after) {
			t.Errorf("%q became %q: %v; got %v, want %v", line, safe, err, after, before)
		}
	}
}
