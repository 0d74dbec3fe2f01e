package proxy

import (
	"testing"

	"reverse-proxy/proxy/config"
)

// decidingSites are sites with a route of each kind.
func decidingSites() *DynamicConfig {
	sites := newListenerSites("")
	settings := config.Settings{UpstreamScheme: "http"}
	sites.add(newSite(0, "", config.Site{
		Host: "a.test", Aliases: []string{"www.a.test"}, RedirectAliases: true, Upstreams: config.OneUpstream("own:1"), Settings: settings,
		Routes: []config.Route{
			{Path: "/api", Upstreams: config.OneUpstream("api:1"), Settings: settings},
			{Path: "/api", Methods: []string{"DELETE"}, Respond: 403},
			{Path: "/old", Redirect: "/new{path}", RedirectStatus: 308},
		},
	}))
	sites.add(newSite(0, "", config.Site{Host: "b.test", Aliases: []string{"c.test"}, Routes: []config.Route{{Path: "/api", Upstreams: config.OneUpstream("api:1"), Settings: settings}}}))
	return &DynamicConfig{HealthPath: "/health", sites: siteTable{sites, newListenerSites("")}}
}

func TestADecision(t *testing.T) {
	d := decidingSites()
	for _, test := range []struct {
		name                 string
		listener             int
		host, method, target string
		outcome              outcome
		site, route          string
	}{
		{"the site's own upstream takes what no route takes", 0, "a.test", "GET", "/x?/api", forwarded, "a.test", ""},
		{"a route takes its path", 0, "a.test", "GET", "/api/x", forwarded, "a.test", "/api"},
		{"a route takes its method", 0, "a.test", "DELETE", "/api/x", responded, "a.test", "/api"},
		{"a redirect answers", 0, "a.test", "POST", "/old", redirected, "a.test", "/old"},
		{"an ambiguous path is refused", 0, "a.test", "GET", "/x/../api", pathAmbiguous, "a.test", ""},
		{"an alias is redirected, whatever its path", 0, "www.a.test", "GET", "/x/../api", toOwnHost, "a.test", ""},
		{"an alias is served", 0, "c.test", "GET", "/api", forwarded, "b.test", "/api"},
		{"neither a route nor an upstream takes it", 0, "b.test", "GET", "/apix", routeMissing, "b.test", ""},
		{"an unknown host is refused", 0, "x.test", "GET", "/api", hostUnknown, "", ""},
		{"a host of another listener is refused", 1, "a.test", "GET", "/api", hostUnknown, "", ""},
		{"a missing host is refused", 0, "", "GET", "/api", hostInvalid, "", ""},
		{"the health path goes before everything else", 1, "", "HEAD", "/health?x", healthChecked, "", ""},
		{"the health path with another method is forwarded", 0, "a.test", "POST", "/health", forwarded, "a.test", ""},
		{"CONNECT is refused", 0, "a.test", "CONNECT", "a.test:443", methodRefused, "", ""},
		{"TRACE for the health path is refused", 0, "a.test", "TRACE", "/health", methodRefused, "", ""},
		{"OPTIONS of the server is forwarded", 0, "a.test", "OPTIONS", "*", forwarded, "a.test", ""},
		{"OPTIONS of a server without an upstream is refused", 0, "b.test", "OPTIONS", "*", routeMissing, "b.test", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &Request{Method: test.method, Target: test.target}
			got := d.decide(test.listener, test.host, r)
			site, route := "", ""
			if got.site != nil {
				site, route = got.site.config.Host, got.route.config.Path
			}
			if got.outcome != test.outcome || site != test.site || route != test.route {
				t.Errorf("got the outcome %d, the site %q and the route %q, want %d, %q and %q", got.outcome, site, route, test.outcome, test.site, test.route)
			}
			if allocs := testing.AllocsPerRun(10, func() { d.decide(test.listener, test.host, r) }); allocs != 0 {
				t.Errorf("got %v allocations, want none", allocs)
			}
		})
	}
}

// TestOnlyWhatIsForwardedMeetsItsLastHop checks that the proxy answers OPTIONS with Max-Forwards: 0 itself where it would
// otherwise have forwarded it, and that a route that answers anyway does (RFC 9110, section 7.6.2).
func TestOnlyWhatIsForwardedMeetsItsLastHop(t *testing.T) {
	d := decidingSites()
	last := fieldList("Max-Forwards", "0")
	for target, want := range map[string]outcome{"/x": atLastHop, "*": atLastHop, "/api/x": atLastHop, "/old": redirected, "/x/../api": pathAmbiguous} {
		if got := d.decide(0, "a.test", &Request{Method: "OPTIONS", Target: target, Fields: last}).outcome; got != want {
			t.Errorf("%s: got the outcome %d, want %d", target, got, want)
		}
	}
	if got := d.decide(0, "a.test", &Request{Method: "GET", Target: "/x", Fields: last}).outcome; got != forwarded {
		t.Errorf("GET: got the outcome %d, want it to be forwarded", got)
	}
}
