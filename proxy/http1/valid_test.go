package http1

import (
	"strings"
	"testing"
)

func TestPartsOfAMessageAreJudgedAsTheParserJudgesThem(t *testing.T) {
	tests := []struct {
		name  string
		valid func(string) bool
		good  []string
		bad   []string
	}{
		{
			"an authority", ValidAuthority,
			[]string{"a.test", "a.test:443", "[::1]:8443", "127.0.0.1"},
			[]string{"", "user@a.test", "a.test/x", "a test", "a.test:99999", "[::1", "a%2ftest", "a\r\nb"},
		},
		{
			"a path", ValidPathQuery,
			[]string{"/", "/a%20b?c=%", "/a//../b", "/ä"},
			[]string{"", "a", "*", "/a b", "/a\x00", "/a\x7f", "/a#b", "/a?b#c", "/%2", "/a\r\n", "/a?b c", "/" + strings.Repeat("a", MaxTargetBytes)},
		},
		{"a method", ValidMethod, []string{"GET", "m-search"}, []string{"", "G T", "GET\r\n", strings.Repeat("A", MaxMethodBytes+1)}},
		{"a name", ValidLowerName, []string{"x", "x-real_ip", "a1!"}, []string{"", "X", "a b", "a:", ":a", "a\n", "ä"}},
		{"a value", ValidValue, []string{"", "a", "a b\tc", "ä"}, []string{" a", "a ", "\ta", "a\t", "a\x00b", "a\rb", "a\nb", "a\x7fb"}},
	}
	for _, test := range tests {
		for _, s := range test.good {
			if !test.valid(s) {
				t.Errorf("%s: got %q refused, want it accepted", test.name, s)
			}
		}
		for _, s := range test.bad {
			if test.valid(s) {
				t.Errorf("%s: got %q accepted, want it refused", test.name, s)
			}
		}
	}
}

func TestALengthIsReadAsTheParserReadsIt(t *testing.T) {
	if n, ok := ParseLength("42"); n != 42 || !ok {
		t.Errorf("got %d %v, want 42 true", n, ok)
	}
	if _, ok := ParseLength("+42"); ok {
		t.Error("got a sign accepted, want it refused")
	}
}
