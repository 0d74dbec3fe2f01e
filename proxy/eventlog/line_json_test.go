package eventlog

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJSONValues(t *testing.T) {
	for _, tt := range []struct {
		name, value, want string
	}{
		{"a word is unchanged", "git.example.com", `"git.example.com"`},
		{"the empty value is an empty string", "", `""`},
		{"quote and backslash are escaped", `a"b\c`, `"a\"b\\c"`},
		{"newline, return and tab have their short escapes", "\n\r\t", `"\n\r\t"`},
		{"other control characters are escaped", "\x00\x1b\x7f", `"\u0000\u001b\u007f"`},
		{"the line separator is escaped", "\u2028", `"\u2028"`},
		{"a character beyond the BMP is a surrogate pair", "a😀b", `"a\ud83d\ude00b"`},
		{"the last character is a surrogate pair", "\U0010ffff", `"\udbff\udfff"`},
		{"each byte that is not UTF-8 is the replacement character", "a\xff\xfeb", `"a\ufffd\ufffdb"`},
		{"a forged field stays one value", `","client_ip":"1.2.3.4`, `"\",\"client_ip\":\"1.2.3.4"`},
		{"2049 bytes are clipped", strings.Repeat("a", 2049), `"` + strings.Repeat("a", 2048) + `\u2026"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(appendJSONValue(nil, tt.value)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestEveryCharacterComesBackFromJSON(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if r > 0x3000 && r < 0xd000 { // thousands of similar characters
			continue
		}
		want := "a" + string(r) + "b"
		var got string
		if err := json.Unmarshal(appendJSONValue(nil, want), &got); err != nil || got != want {
			t.Fatalf("U+%04X: got %q and error %v, want %q", r, got, err, want)
		}
	}
}
