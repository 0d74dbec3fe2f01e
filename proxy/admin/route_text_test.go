package admin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoutesForPeople(t *testing.T) {
	route := RouteSummary{Host: "a.test", Listener: "l:443", Route: "/api", Action: "upstream http://b:1"}
	exact := RouteSummary{Host: "a.test", Listener: "l:443", Route: "/x\n", Exact: true, Methods: []string{"GET", "HEAD"}, Action: "redirect 308 to /y\x1b"}
	got := Difference{
		SitesAdded:    []SiteSummary{{Host: "b.test", Listener: "l:443", Routes: []string{"/api", "/old"}}},
		RoutesAdded:   []RouteSummary{exact},
		RoutesRemoved: []RouteSummary{route},
		RoutesChanged: []RouteChange{{RouteSummary: route, Keys: []KeyChange{{"strip_prefix", "false", "true"}, {"methods", "GET, HEAD", "GET, PUT"}}}},
	}
	want := []string{
		"site added: b.test on l:443, upstream (none), routes /api, /old",
		`route added: a.test/x\u000a (exact) for GET, HEAD on l:443: redirect 308 to /y\u001b`,
		"route removed: a.test/api on l:443: upstream http://b:1",
		"route changed: a.test/api on l:443: strip_prefix false -> true, methods GET, HEAD -> GET, PUT",
	}
	if diff := cmp.Diff(want, got.lines()); diff != "" {
		t.Errorf("the lines differ (-want +got):\n%s", diff)
	}
	if n := got.Count(); n != 4 {
		t.Errorf("got %d differences, want 4", n)
	}
	var status strings.Builder
	Status{SiteTraffic: []SiteTraffic{{
		SiteSummary: SiteSummary{Host: "a.test", Listener: "l:443", Upstream: "http://c:1"}, Counts: &TrafficCounts{Requests: 5},
		RouteTraffic: []RouteTraffic{{"/api", "http://d:2", TrafficCounts{Requests: 3, ServerErrors: 2, BytesOut: 1024}}, {Route: "/x"}},
	}}}.writeSites(&status, 0)
	table := "SITE        LISTENER  UPSTREAM    REQUESTS  4XX  5XX   IN      OUT\n" +
		"a.test      l:443     http://c:1         5    0    0  0 B      0 B\n" +
		"a.test/api  l:443     http://d:2         3    0    2  0 B  1.0 KiB\n" +
		"a.test/x    l:443     -                  0    0    0  0 B      0 B\n"
	if diff := cmp.Diff(table, status.String()); diff != "" {
		t.Errorf("the table differs (-want +got):\n%s", diff)
	}
}
