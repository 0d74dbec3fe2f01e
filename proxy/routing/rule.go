package routing

import (
	"fmt"
	"slices"
	"strings"
)

// PathProblem returns why a path cannot be the path of a route, or "" if it can. Only a plain path can, because every
// spelling that has to be decoded or resolved would be ambiguous. An exact path may end with a slash, which is then part of
// it.
func PathProblem(path string, exact bool) string {
	if path == "" || path[0] != '/' {
		return "it does not begin with a slash"
	}
	if path == "/" {
		return ""
	}
	segments, slash := strings.CutSuffix(path[1:], "/")
	for segment := range strings.SplitSeq(segments, "/") {
		if problem := segmentProblem(segment); problem != "" {
			return problem
		}
	}
	if slash && !exact {
		return "it ends with a slash; without it, the route takes the path and all below it"
	}
	return ""
}

func segmentProblem(segment string) string {
	switch {
	case segment == "":
		return "it has an empty segment"
	case segment == "." || segment == "..":
		return fmt.Sprintf("it has the segment %q, which clients resolve before they send a path", segment)
	case len(segment) > maxSegment:
		return fmt.Sprintf("it has a segment of %d bytes, and at most %d are allowed", len(segment), maxSegment)
	}
	for _, r := range segment {
		if problem := runeProblem(r); problem != "" {
			return problem
		}
	}
	return ""
}

// runeProblem returns why a character cannot be in a route's path, or "" if it can. The allowed characters are those that no
// client has to encode (RFC 3986, section 3.3), except `;`.
func runeProblem(r rune) string {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r < 0x80 && strings.ContainsRune("-._~!$&'()*+,=:@", r):
		return ""
	case r == '?':
		return "it has a query, and routes are chosen only by the path"
	case r == '#':
		return "it has a fragment, which clients do not send"
	case r == '%':
		return "it is percent-encoded, and routes have decoded paths"
	}
	return fmt.Sprintf("it has the character %q, which has more than one spelling in a request", r)
}

// Collision names two rules of a site that take the same requests.
type Collision struct {
	// First and Second are the indexes of the rules.
	First, Second int
	// Method is the first method that both take, or "" if both take all methods.
	Method string
}

// Collisions returns the rules of a site that take the same requests as an earlier one, each with the first rule that has
// the same path and method. Every rule without a collision is chosen for some request, because longer paths and rules with
// methods come first.
func Collisions[R any](rules []Rule[R]) []Collision {
	type key struct {
		path   string
		exact  bool
		method string
	}
	var found []Collision
	first := map[key]int{}
	for i, rule := range rules {
		methods := rule.Methods
		if len(methods) == 0 {
			methods = []string{""}
		}
		reported := map[int]bool{i: true} // a method that is listed twice is not a collision
		for _, method := range methods {
			k := key{rule.Path, rule.Exact, method}
			before, taken := first[k]
			if !taken {
				first[k] = i
			} else if !reported[before] {
				reported[before] = true
				found = append(found, Collision{before, i, method})
			}
		}
	}
	return found
}

// Covers reports whether this rule takes every request that the other rule takes. If this rule is tried first, the other one
// is then never chosen.
func (rule Rule[R]) Covers(other Rule[R]) bool {
	return rule.coversPath(other) && rule.coversMethods(other.Methods)
}

func (rule Rule[R]) coversPath(other Rule[R]) bool {
	if rule.Exact {
		return other.Exact && other.Path == rule.Path
	}
	below, ok := strings.CutPrefix(other.Path, strings.TrimSuffix(rule.Path, "/"))
	return ok && (below == "" || below[0] == '/')
}

func (rule Rule[R]) coversMethods(methods []string) bool {
	if len(rule.Methods) == 0 {
		return true
	}
	for _, method := range methods {
		if !slices.Contains(rule.Methods, method) {
			return false
		}
	}
	return len(methods) > 0
}
