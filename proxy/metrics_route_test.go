package proxy

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
)

// dynamicOfRoutes returns a configuration of one site on one of two listeners, with routes to an upstream.
func dynamicOfRoutes(listener int, paths ...string) *DynamicConfig {
	of := config.Site{Host: "a.test", Upstreams: config.OneUpstream("own:1")}
	for _, path := range paths {
		of.Routes = append(of.Routes, config.Route{Path: path, Upstreams: config.OneUpstream("other:1")}, config.Route{Path: path, Methods: []string{"PUT"}, Respond: 403})
	}
	dynamic := &DynamicConfig{Sites: 1, sites: siteTable{newListenerSites("first:443"), newListenerSites("second:443")}}
	dynamic.sites[listener].add(newSite(listener, "", of))
	return dynamic
}

// countAsked counts a request that the configuration has decided about.
func countAsked(m *metrics, dynamic *DynamicConfig, listener int, method, path string, status int) {
	r := &Request{Method: method, Target: path}
	made := dynamic.decide(listener, "a.test", r)
	m.request(&exchange{request: r, site: made.site, route: made.route, status: status, exchangeCounts: exchangeCounts{responseTime: time.Millisecond, upstreamAtFault: status == 502, sent: 10}}, time.Second)
}

// TestTheNumbersOfARouteArePartOfThoseOfItsSite checks that a path has one series, whatever its methods, and that it lives on
// over a reload and a move to another listener.
func TestTheNumbersOfARouteArePartOfThoseOfItsSite(t *testing.T) {
	m := newMetrics()
	first := dynamicOfRoutes(0, "/api", "/old")
	m.adopt(first)
	countAsked(m, first, 0, "GET", "/api/x", 502)
	countAsked(m, first, 0, "PUT", "/api/x", 403)
	countAsked(m, first, 0, "GET", "/x", 200)
	countAsked(m, first, 0, "GET", "/x/../api", 400)
	want := func(what string, id siteID, path string, counts admin.TrafficCounts) {
		t.Helper()
		if diff := cmp.Diff(counts, m.traffic(id, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	want("the site", siteID{0, "a.test"}, "", admin.TrafficCounts{Requests: 4, ClientErrors: 2, ServerErrors: 1, UpstreamErrors: 1, BytesOut: 40})
	want("the route", siteID{0, "a.test"}, "/api", admin.TrafficCounts{Requests: 2, ClientErrors: 1, ServerErrors: 1, UpstreamErrors: 1, BytesOut: 20})
	want("a route without requests", siteID{0, "a.test"}, "/old", admin.TrafficCounts{})
	want("a route that there is not", siteID{0, "a.test"}, "/x", admin.TrafficCounts{})

	second := dynamicOfRoutes(0, "/new", "/api")
	m.adopt(second)
	countAsked(m, first, 0, "GET", "/api", 200) // still in progress at the reload
	countAsked(m, second, 0, "GET", "/api", 200)
	want("the route after a reload", siteID{0, "a.test"}, "/api", admin.TrafficCounts{Requests: 4, ClientErrors: 1, ServerErrors: 1, UpstreamErrors: 1, BytesOut: 40})
	want("a route that is gone", siteID{0, "a.test"}, "/old", admin.TrafficCounts{})

	m.adopt(dynamicOfRoutes(1, "/api"))
	want("the route after a move", siteID{1, "a.test"}, "/api", admin.TrafficCounts{Requests: 4, ClientErrors: 1, ServerErrors: 1, UpstreamErrors: 1, BytesOut: 40})
	for i := range 1000 {
		m.adopt(dynamicOfRoutes(1, fmt.Sprintf("/route-%d", i)))
	}
	if got := len(m.sites[siteID{1, "a.test"}].routes); got != 1 {
		t.Errorf("got the series of %d routes after a thousand reloads, want those of one", got)
	}
}

// TestAScrapeHasTheRoutesInUse checks the families of routes, and that an idle route costs nothing.
func TestAScrapeHasTheRoutesInUse(t *testing.T) {
	m := newMetrics()
	dynamic := dynamicOfRoutes(0, "/idle", "/b", "/a")
	m.adopt(dynamic)
	countAsked(m, dynamic, 0, "GET", "/b", 200)
	countAsked(m, dynamic, 0, "PUT", "/b", 502)
	countAsked(m, dynamic, 0, "GET", "/a", 200)
	s := &scrape{shared: &sharedState{metrics: m}, series: m.inUse()}
	s.routes = m.routesInUse(s.series)
	s.routeTotals = sumOf(s.routes)
	if len(s.routes) != 2 || s.routes[0].route != "/a" {
		t.Fatalf("got %d routes in use, want /a and /b", len(s.routes))
	}
	const b = `{site="a.test",listener="first:443",route="/b"`
	for name, want := range map[string]map[string]string{
		"reverse_proxy_route_requests_total":                     {b + `,status="2xx"}`: "1", b + `,status="5xx"}`: "1", b + `,status="4xx"}`: "0"},
		"reverse_proxy_route_request_duration_seconds":           {`_count` + b + `}`: "2", `_bucket` + b + `,le="1"}`: "2", `_bucket` + b + `,le="0.5"}`: "0"},
		"reverse_proxy_route_upstream_response_duration_seconds": {`_count` + b + `}`: "2"},
		"reverse_proxy_route_upstream_errors_total":              {b + `}`: "1"},
	} {
		got := written(t, s, name)
		for labels, value := range want {
			if got[name+labels] != value {
				t.Errorf("%s%s: got %q, want %q", name, labels, got[name+labels], value)
			}
		}
	}
}

// TestAScrapeIsBoundedWhenEveryRouteIsInUse checks that a route costs no more than the series that it can have.
func TestAScrapeIsBoundedWhenEveryRouteIsInUse(t *testing.T) {
	paths := make([]string, 2000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/route-%04d", i)
	}
	s := scrapeOfSites(t, 1, 0)
	dynamic := dynamicOfRoutes(0, paths...)
	m := s.shared.metrics
	m.adopt(dynamic)
	countAsked(m, dynamic, 0, "GET", "/", 200)
	var least, got pieces
	s.write(&least)
	for _, path := range paths {
		countAsked(m, dynamic, 0, "GET", path, 502)
	}
	s.write(&got)
	if a := (got.total - least.total) / len(paths); a > 6<<10 {
		t.Errorf("got %d bytes for a route, want at most 6 KiB", a)
	}
	if want := metricsPiece + 1<<10; got.largest > want {
		t.Errorf("got %d bytes at a time, want at most %d", got.largest, want)
	}
}
