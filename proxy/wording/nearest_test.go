package wording

import "testing"

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "axc", 1}, {"abc", "ac", 1}, {"ac",
		"abc", 1}, {"kitten", "sitting", 3}, {"hots", "host", 1}, {"ab", "ba", 1}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q): got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"check", "reload", "status", "diff"}
	for name, want := range map[string]string{"relaod": "reload", "Status": "status", "chek": "check", "dif": "diff", "re": "", "maintenance": "", "": ""} {
		if got, ok := Nearest(name, candidates); got != want || ok != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", name, got, ok, want)
		}
	}
}

func TestAShortCandidateIsNotNearOtherWords(t *testing.T) {
	candidates := []string{"X", "H", "on"}
	for name, want := range map[string]string{"x": "X", "h": "H", "ON": "on", "v": "", "-": "", "no": "", "off": "", "": ""} {
		if got, ok := Nearest(name, candidates); got != want || ok != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", name, got, ok, want)
		}
	}
}
