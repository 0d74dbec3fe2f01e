package routing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// siteOf returns a table with one site that has the rules. The value of each rule is its index.
func siteOf(rules []Rule[int]) *Table[string, int] {
	for i := range rules {
		rules[i].Value = i
	}
	table := new(Table[string, int])
	table.Add([]string{"a.test"}, "site", rules)
	return table
}

// taken returns the rule that a table chooses, -1 if there is none, or -2 if the path is ambiguous.
func taken(table *Table[string, int], method, path string) int {
	switch d := table.Decide("a.test", method, path); d.Outcome {
	case Routed:
		return d.Route
	case Ambiguous:
		return -2
	}
	return -1
}

// checkViews checks what must hold for any rules and any path: a decision is right for every reader of the path, and a path
// with only one or two readings is refused only if they differ.
func checkViews(t testing.TB, table *Table[string, int], rules []Rule[int], all []reader, method, path string) {
	t.Helper()
	got := taken(table, method, path)
	came, read := refer(rules, method, path), refer(rules, method, lenient.read(path))
	if came != read && got != -2 {
		t.Fatalf("%q: got rule %d, want it to be ambiguous: it came as %d and is read as %d\n%+v", path, got, came, read, rules)
	}
	if got == -2 {
		return
	}
	if got != came {
		t.Fatalf("%q: got rule %d, want %d\n%+v", path, got, came, rules)
	}
	for _, r := range all {
		if other := refer(rules, method, r.read(path)); other != got {
			t.Fatalf("%q: got rule %d, but the reader %+v reads %q, which rule %d takes\n%+v", path, got, r, r.read(path), other, rules)
		}
	}
}

// randomRules returns rules on short paths, without collisions.
func randomRules(random *rand.Rand) []Rule[int] {
	var rules []Rule[int]
	seen := map[string]bool{}
	for range 1 + random.IntN(5) {
		rule := Rule[int]{Exact: random.IntN(3) == 0, Value: len(rules)}
		for range random.IntN(4) {
			rule.Path += "/" + string("ab"[random.IntN(2)])
		}
		if rule.Path == "" || rule.Exact && random.IntN(3) == 0 {
			rule.Path += "/"
		}
		if random.IntN(4) == 0 {
			rule.Methods = []string{"GET"}
		}
		if key := fmt.Sprint(rule.Path, rule.Exact, rule.Methods); !seen[key] {
			seen[key] = true
			rules = append(rules, rule)
		}
	}
	return rules
}

// spellings are the parts of random paths.
var spellings = []string{
	"a", "b", "a", "b", "/", "/", "/a", "/b", "/..", "/.", "//", "%2e", "%2E", ".", "..", "%2f", "%2F", "%5c", `\`, ";", ";x", "%3b", "%3f", "%23", "%00", "%61", "%62", "%20", "%", "%zz", "c",
}

func randomPath(random *rand.Rand, of []string) string {
	var path strings.Builder
	path.WriteByte('/')
	for range random.IntN(9) {
		path.WriteString(of[random.IntN(len(of))])
	}
	return path.String()
}

// TestNoReaderOfAnAcceptedPathFindsAnotherRoute checks the property of S-14.3.
func TestNoReaderOfAnAcceptedPathFindsAnotherRoute(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random, all := rand.New(rand.NewPCG(seed, 0)), readers()
	accepted := 0
	for range 500 {
		rules := randomRules(random)
		table := siteOf(rules)
		for range 10 {
			method, path := []string{"GET", "POST"}[random.IntN(2)], randomPath(random, spellings)
			checkViews(t, table, rules, all, method, path)
			if taken(table, method, path) != -2 {
				accepted++
			}
		}
	}
	if accepted < 500 {
		t.Errorf("got %d accepted paths, want more, so that the property is tested", accepted)
	}
}

// TestAPathWithOneDeviationIsRefusedOnlyIfItsTwoViewsDiffer checks the reverse: no path is refused without need.
func TestAPathWithOneDeviationIsRefusedOnlyIfItsTwoViewsDiffer(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, deviation := range []string{"/..", "/.", "//", "/%2e%2E", "/%2e", "%2f", "%5c", `\`, ";x", "%3b", "%61", "%20", "%"} {
		of := append([]string{"/a", "/b", "/a", "/b", "/"}, deviation, deviation)
		if strings.HasPrefix(deviation, "/") {
			of = []string{"/a", "/b", "/a", "/b", deviation, deviation}
		}
		for range 2000 {
			rules := randomRules(random)
			path := randomPath(random, of)[1:]
			if path == "" || path[0] != '/' {
				continue
			}
			if strings.Contains(path, "//") && deviation != "//" {
				continue
			}
			got, came, read := taken(siteOf(rules), "GET", path), refer(rules, "GET", path), refer(rules, "GET", lenient.read(path))
			trimmed := lenient
			trimmed.trim = true
			if came == read && got != came && refer(rules, "GET", trimmed.read(path)) == came {
				t.Fatalf("%q: got rule %d, want %d: both views agree\n%+v", path, got, came, rules)
			}
		}
	}
}

// FuzzViews checks the property of S-14.3 with arbitrary paths.
func FuzzViews(f *testing.F) {
	for _, path := range []string{
		"/", "/a", "/a/b", "/a/", "/api/../admin", "/api/..;/admin", "/api/%2e%2e/admin", "/api%2f..%2fadmin", `/api\..\admin`, "//admin", "/api;/admin", "/admin%3b", "/ad%6din",
		"/a//../b", "/a/x%2fy/../b", `/a/x\y/../b`, "/a/..;/../b", "/a/b;%2fc", `/a;%2fq\b`, "/admin%3fx", "/admin%23", "/admin%00", "/%61/../b", "/a/%2E./b", "/a/.%2e/%2e", "/%", "/%2", "/%zz", "*", "",
		"/a/..%3f/b", "/b///..%3f", "/b//.%3f", "/;%00/b%00", "/;x%3f%00/a%00", "/..", "/../..//a", "/a/;/b", "/a/%3b%2f..", "/a/b%2f", "/./a/.", "/a%5c..%5cb",
	} {
		f.Add(path, uint16(5))
	}
	all := readers()
	f.Fuzz(func(t *testing.T, path string, set uint16) {
		if path, _, _ = strings.Cut(path, "?"); len(path) > 100 || path == "" || path[0] != '/' || strings.ContainsAny(path, "#\x00") {
			t.Skip()
		}
		rules := randomRules(rand.New(rand.NewPCG(uint64(set), 1)))
		table := siteOf(rules)
		checkViews(t, table, rules, all, "GET", path)
		checkViews(t, table, rules, all, "POST", path)
	})
}
