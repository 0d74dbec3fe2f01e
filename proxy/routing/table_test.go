package routing

import (
	"fmt"
	"strings"
	"testing"
)

func TestAHostIsMatchedExactlyAndThenByOneWildcardLabel(t *testing.T) {
	var table Table[string, int]
	table.Add([]string{"*.apps.test"}, "wildcard", nil)
	table.Add([]string{"own.apps.test"}, "own", nil)
	table.Add([]string{"www.test", "test", "*.www.test", "alias.apps.test"}, "www", nil)
	for host, want := range map[string]string{
		"a.apps.test": "wildcard", "own.apps.test": "own", "alias.apps.test": "www", "www.test": "www", "test": "www", "x.www.test": "www",
		"apps.test": "", "a.b.apps.test": "", "a.own.apps.test": "", "A.apps.test.": "", "": "", "a": "", "a.test": "",
	} {
		d := table.Decide(host, "GET", "/x")
		if got, known := d.Site, d.Outcome == SiteOnly; got != want || known != (want != "") {
			t.Errorf("%q: got the site %q and the outcome %d, want %q", host, got, d.Outcome, want)
		}
		if got, ok := table.Site(host); got != want || ok != (want != "") {
			t.Errorf("%q: got the site %q, %v, want %q", host, got, ok, want)
		}
	}
	var empty Table[string, int]
	if got := empty.Decide("a.test", "GET", "/").Outcome; got != UnknownHost {
		t.Errorf("got the outcome %d of an empty table, want an unknown host", got)
	}
}

// TestTheMostSpecificRouteIsChosen has the rules in an order that would fail if the first match were chosen.
func TestTheMostSpecificRouteIsChosen(t *testing.T) {
	rules := []Rule[int]{
		{Path: "/api"},
		{Path: "/api", Methods: []string{"POST"}},
		{Path: "/api", Exact: true},
		{Path: "/api", Exact: true, Methods: []string{"PUT"}},
		{Path: "/api/v1/x"},
		{Path: "/api/v1", Methods: []string{"GET", "HEAD"}},
		{Path: "/only/slash/", Exact: true},
		{Path: "/", Exact: true},
	}
	table := siteOf(rules)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/api", 2}, {"PUT", "/api", 3}, {"POST", "/api", 2}, {"put", "/api", 2},
		{"GET", "/api/", 0}, {"PUT", "/api/", 0}, {"POST", "/api/", 1}, {"POST", "/api/x", 1}, {"GET", "/api/x/y/z", 0},
		{"GET", "/api/v1", 5}, {"HEAD", "/api/v1/", 5}, {"PUT", "/api/v1/y", 0}, {"POST", "/api/v1", 1}, {"POST", "/api/v1/x", 4}, {"GET", "/api/v1/x/y", 4}, {"GET", "/api/v1/xy", 5},
		{"GET", "/apix", -1}, {"GET", "/ap", -1}, {"GET", "/API", -1}, {"GET", "/x/api", -1},
		{"GET", "/only/slash/", 6}, {"GET", "/only/slash", -1}, {"GET", "/only/slash/x", -1},
		{"GET", "/", 7}, {"GET", "/x", -1},
		{"GET", "/api?x=/../..%2f", 2}, {"GET", "/?/api", 7},
		{"OPTIONS", "*", -1}, {"GET", "", -1}, {"GET", "?x", -1},
	} {
		if got := taken(table, test.method, test.path); got != test.want {
			t.Errorf("%s %s: got rule %d, want %d", test.method, test.path, got, test.want)
		}
	}
}

func TestAPrefixOfASlashTakesEverything(t *testing.T) {
	table := siteOf([]Rule[int]{{Path: "/"}, {Path: "/a", Methods: []string{"GET"}}})
	for path, want := range map[string]int{"/": 0, "/b": 0, "/a": 1, "/a/..": -2, "/b/..": 0, "/b/../a": -2, "/%zz": 0, "*": -1} {
		if got := taken(table, "GET", path); got != want {
			t.Errorf("%s: got rule %d, want %d", path, got, want)
		}
	}
	if got := taken(table, "POST", "/b/../a"); got != 0 {
		t.Errorf("got rule %d, want 0: both views lead to it", got)
	}
}

// TestSpellingsOfAPath has spellings that are in use and must pass, and spellings that are known from attacks.
func TestSpellingsOfAPath(t *testing.T) {
	table := siteOf([]Rule[int]{{Path: "/api"}, {Path: "/api/admin"}, {Path: "/exact", Exact: true}, {Path: "/wiki"}})
	for want, paths := range map[int][]string{
		0: {
			"/api/v4/projects/group%2Fproject", "/api/x;v=1/y", "/api/x//y", "/api/./x", "/api/x/../y", "/api/%78", "/api/a%20b", "/api/caf%C3%A9", "/api/.well-known", "/api/...", "/api/..x", "/api/x/%2e%2e/y",
			"/api/100%", "/api/%zz", "/api//", "/api/adminx", "/api/x?admin/../..", "/api/;v=1",
		},
		3:  {"/wiki/What%3F", "/wiki/C%23", "/wiki/a//b", `/wiki/a\b`, "/wiki/"},
		-1: {"/x%2fapi", "/x/%2e", "/xapi", "/a/../b", "/%61", "/a;b", "//x", `/\x`, "/exact/", "/exact/x"},
		-2: {
			"/api/../api/admin", "/api/./admin", "/api//admin", "/api/%61dmin", "/api/admin%2f..", "/api/x%2f../admin", `/api\admin`, "/api%5cadmin", "/api;/admin", "/api/admin;x", "/api/admin%3bx", "/api/..;/x",
			"/api/../x", "/x/../api", "/x/..%2fapi", "/%2e/api", "//api", "/./api", "/%2e%2e/api", "/;/api", "/api%2fx", "/%61pi", "/api%00", "/api%3f", "/api%23", "/exact%3b", "/exact;", "/exact%2f", "/exact/.", "/exac%74",
			"/exact/x/..", "/exact%00x", "/wiki/../exact", "/wiki/%2e%2e%2fwiki", "/api/x;%2fy/../admin", "/x;%2fy/api",
		},
	} {
		for _, path := range paths {
			if got := taken(table, "GET", path); got != want {
				t.Errorf("%s: got rule %d, want %d", path, got, want)
			}
		}
	}
}

// TestWhatIsLeftOfAStrippedPathIsReadFromItsRoute checks how an upstream reads a path without its prefix: dot segments
// cannot lead above its root, and the path that they lead to has a plain spelling of its own.
func TestWhatIsLeftOfAStrippedPathIsReadFromItsRoute(t *testing.T) {
	for _, stripped := range []bool{false, true} {
		table := siteOf([]Rule[int]{{Path: "/api", Stripped: stripped}, {Path: "/api/api"}, {Path: "/api/x/y", Exact: true}, {Path: "/b", Exact: true, Stripped: stripped}})
		for path, want := range map[string][2]int{
			"/api/a/../../api/b": {0, -2}, // an upstream of the stripped path reads /api/b, whose plain spelling is /api/api/b
			"/api/../api/a":      {0, -2},
			"/api/a/..":          {0, 0}, "/api/a/../b": {0, 0}, "/api": {0, 0}, "/api/": {0, 0}, "/api/a/../api": {-2, -2}, "/api/a/../../api/x/y": {-2, -2},
			"/b": {3, 3}, "/api/../../api/x": {0, -2}, "/api/../api/x/z": {0, -2},
		} {
			if got := taken(table, "GET", path); got != want[map[bool]int{true: 1}[stripped]] {
				t.Errorf("%s, stripped=%v: got rule %d, want %v", path, stripped, got, want)
			}
		}
	}
}

// decisions are requests of every kind, to test what a decision costs.
var decisions = []struct{ host, path string }{
	{"site-1.test", "/"}, {"site-1.test", "/route-1/x"}, {"x.wild.test", "/route-1"}, {"unknown.test", "/"}, {"bare.test", "/../x"}, {"site-1.test", "/route-1/%2e%2e/x"},
	{"site-1.test", "/route-1//..%2f;/%3f%23%00" + strings.Repeat("x", 1000)},
}

// tableOf returns a table of many sites with many routes.
func tableOf(sites, routes int) *Table[int, int] {
	var table Table[int, int]
	for i := range sites {
		var rules []Rule[int]
		for j := range routes {
			rules = append(rules, Rule[int]{Path: fmt.Sprintf("/route-%d", j), Value: j})
		}
		table.Add([]string{fmt.Sprintf("site-%d.test", i)}, i, rules)
	}
	table.Add([]string{"*.wild.test"}, -1, []Rule[int]{{Path: "/route-1", Methods: []string{"GET"}}})
	table.Add([]string{"bare.test"}, -2, nil)
	return &table
}

func TestADecisionAllocatesNothing(t *testing.T) {
	table := tableOf(10, 10)
	for _, d := range decisions {
		if got := testing.AllocsPerRun(100, func() { table.Decide(d.host, "GET", d.path) }); got != 0 {
			t.Errorf("%s%s: got %v allocations, want none", d.host, d.path, got)
		}
	}
}

// BenchmarkDecide measures a decision among one site and route, and among 10,000 of them.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ sites, routes int }{{2, 2}, {1000, 10}, {2, 10_000}, {10_000, 2}} {
		table := tableOf(size.sites, size.routes)
		for _, path := range []string{"/route-1/some/usual/path", "/route-1/some/%C3%BCsual/path"} {
			b.Run(fmt.Sprintf("sites=%d/routes=%d/plain=%v", size.sites, size.routes, isPlain(path)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					table.Decide("site-1.test", "GET", path)
				}
			})
		}
	}
}

// BenchmarkDecideHostile measures the longest path with the most deviations.
func BenchmarkDecideHostile(b *testing.B) {
	table := tableOf(2, 10)
	for name, part := range map[string]string{"dots": "/route-1/..", "slashes": "/", "encoded": "%2f..%2f", "ends": "%3f", "parameters": ";%2f", "names": "%61"} {
		b.Run(name, func(b *testing.B) {
			path := "/" + strings.Repeat(part, 32<<10/len(part))
			b.SetBytes(int64(len(path)))
			for b.Loop() {
				table.Decide("site-1.test", "GET", path)
			}
		})
	}
}
