package wording

import (
	"strings"
	"testing"
	"time"
)

func TestValuesAreQuotedOnOneLineAndClipped(t *testing.T) {
	long := strings.Repeat("x", maxQuoted)
	for value, want := range map[string]string{
		"": `""`, "a.example": `"a.example"`, "a\nb\x1b\"": `"a\nb\x1b\""`, long: `"` + long + `"`, long + "y": `"` + long + `…"`,
		long[1:] + "ä": `"` + long[1:] + `…"`,
	} {
		if got := Quoted(value); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

func TestNumbersHaveTheirNoun(t *testing.T) {
	for number, want := range map[int]string{0: "0 sites", 1: "1 site", 2: "2 sites"} {
		if got := Count(number, "site"); got != want {
			t.Errorf("%d: got %q, want %q", number, got, want)
		}
	}
	if got := InSeconds(90 * time.Second); got != "90" {
		t.Errorf("got %q, want 90", got)
	}
}
