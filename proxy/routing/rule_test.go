package routing

import (
	"slices"
	"strings"
	"testing"
)

func TestOnlyAPlainPathCanBeThatOfARoute(t *testing.T) {
	for _, path := range []string{"/", "/a", "/a/b-c_d.e~f", "/.well-known/matrix", "/...", "/a!$&'()*+,=:@b", "/" + strings.Repeat("x", maxSegment)} {
		for _, exact := range []bool{false, true} {
			if problem := PathProblem(path, exact); problem != "" {
				t.Errorf("%s, exact=%v: got the problem %q, want none", path, exact, problem)
			}
			if got := taken(siteOf([]Rule[int]{{Path: path, Exact: exact}}), "GET", path); got != 0 {
				t.Errorf("%s, exact=%v: a valid path is not found", path, exact)
			}
		}
	}
	for path, want := range map[string]string{
		"": "begin with a slash", "a": "begin with a slash", "*": "begin with a slash",
		"//": "empty segment", "/a//b": "empty segment", "//a": "empty segment", "/a/./b": `segment "."`, "/..": `segment ".."`,
		"/a?b": "query", "/a#b": "fragment", "/a%20b": "percent-encoded", "/a b": "character ' '", `/a\b`: "character", "/a;b": "character ';'", "/ä": "character 'ä'", "/\x00": "character", "/\xff": "character",
		"/" + strings.Repeat("x", maxSegment+1): "256 bytes",
	} {
		for _, exact := range []bool{false, true} {
			if problem := PathProblem(path, exact); !strings.Contains(problem, want) {
				t.Errorf("%q, exact=%v: got the problem %q, want one with %q", path, exact, problem, want)
			}
		}
	}
	if problem := PathProblem("/a/", false); !strings.Contains(problem, "ends with a slash") {
		t.Errorf("got the problem %q of a prefix with a slash at its end", problem)
	}
	if problem := PathProblem("/a/", true); problem != "" {
		t.Errorf("got the problem %q of an exact path with a slash at its end, want none", problem)
	}
	if problem := PathProblem("/a//", true); !strings.Contains(problem, "empty segment") {
		t.Errorf("got the problem %q of an exact path with two slashes at its end", problem)
	}
}

func TestCollisionsAreFound(t *testing.T) {
	rules := []Rule[int]{
		{Path: "/a"},
		{Path: "/a", Exact: true},
		{Path: "/a", Methods: []string{"GET", "POST", "GET"}},
		{Path: "/a/", Exact: true},
		{Path: "/a", Methods: []string{"PUT", "POST", "GET"}},
		{Path: "/a"},
		{Path: "/a", Methods: []string{"PUT"}},
		{Path: "/a"},
	}
	want := []Collision{{2, 4, "POST"}, {0, 5, ""}, {4, 6, "PUT"}, {0, 7, ""}}
	if got := Collisions(rules); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Collisions(rules[:4]); got != nil {
		t.Errorf("got %+v, want no collision", got)
	}
}

// TestEveryRuleWithoutACollisionIsChosen checks the claim in the comment of Collisions.
func TestEveryRuleWithoutACollisionIsChosen(t *testing.T) {
	rules := []Rule[int]{
		{Path: "/"}, {Path: "/", Exact: true}, {Path: "/a"}, {Path: "/a", Exact: true}, {Path: "/a/", Exact: true}, {Path: "/a", Methods: []string{"GET"}},
		{Path: "/a", Exact: true, Methods: []string{"GET"}}, {Path: "/a/b"}, {Path: "/a/b", Methods: []string{"POST"}},
	}
	table, chosen := siteOf(rules), map[int]bool{}
	for _, method := range []string{"GET", "POST", "PUT"} {
		for _, path := range []string{"/", "/a", "/a/", "/a/b", "/c", "/a/c"} {
			chosen[taken(table, method, path)] = true
		}
	}
	for i := range rules {
		if !chosen[i] {
			t.Errorf("%+v is never chosen", rules[i])
		}
	}
}

func TestARuleCoversAnother(t *testing.T) {
	get, both := []string{"GET"}, []string{"HEAD", "GET"}
	for _, test := range []struct {
		rule, other Rule[int]
		want        bool
	}{
		{Rule[int]{Path: "/h", Exact: true, Methods: both}, Rule[int]{Path: "/h", Exact: true, Methods: get}, true},
		{Rule[int]{Path: "/h", Exact: true, Methods: both}, Rule[int]{Path: "/h", Exact: true}, false},
		{Rule[int]{Path: "/h", Exact: true, Methods: get}, Rule[int]{Path: "/h", Exact: true, Methods: both}, false},
		{Rule[int]{Path: "/h", Exact: true}, Rule[int]{Path: "/h", Methods: get}, false},
		{Rule[int]{Path: "/h"}, Rule[int]{Path: "/h"}, true},
		{Rule[int]{Path: "/h"}, Rule[int]{Path: "/h/x", Methods: get}, true},
		{Rule[int]{Path: "/h"}, Rule[int]{Path: "/hx", Exact: true}, false},
		{Rule[int]{Path: "/"}, Rule[int]{Path: "/hx", Exact: true}, true},
		{Rule[int]{Path: "/h/x"}, Rule[int]{Path: "/h"}, false},
	} {
		if got := test.rule.Covers(test.other); got != test.want {
			t.Errorf("%+v and %+v: got %v, want %v", test.rule, test.other, got, test.want)
		}
	}
}
