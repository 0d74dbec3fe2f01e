package proxy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
)

// TestTheDifferenceShowsRoutesByTheirPaths checks which routes are the same before and after, and what changes of them.
func TestTheDifferenceShowsRoutesByTheirPaths(t *testing.T) {
	plain := config.Settings{UpstreamScheme: "http", RequestTimeout: time.Minute}
	slower := config.Settings{UpstreamScheme: "http", RequestTimeout: time.Hour}
	api := config.Route{Path: "/api", Upstreams: config.OneUpstream("a:1"), Settings: plain}
	with := func(change func(r *config.Route)) config.Route {
		r := api
		change(&r)
		return r
	}
	get, put := with(func(r *config.Route) { r.Methods = []string{"GET"} }), with(func(r *config.Route) { r.Methods = []string{"PUT"} })
	exact := with(func(r *config.Route) { r.Exact, r.Upstreams, r.Redirect, r.RedirectStatus = true, nil, "/x", 308 })
	summary := func(methods []string) admin.RouteSummary {
		return admin.RouteSummary{Host: "a.test", Listener: "l", Route: "/api", Methods: methods, Action: "upstream http://a:1"}
	}
	for _, test := range []struct {
		name          string
		before, after []config.Route
		settings      config.Settings
		want          admin.Difference
	}{
		{"another order is no difference", []config.Route{api, exact}, []config.Route{exact, api}, plain, admin.Difference{}},
		{"a route is added", []config.Route{api}, []config.Route{exact, api}, plain,
			admin.Difference{RoutesAdded: []admin.RouteSummary{{Host: "a.test", Listener: "l", Route: "/api", Exact: true, Action: "redirect 308 to /x"}}}},
		{"a route is removed", []config.Route{api}, nil, plain, admin.Difference{RoutesRemoved: []admin.RouteSummary{summary(nil)}}},
		{"the only route with its path gets other methods", []config.Route{get}, []config.Route{put}, plain,
			admin.Difference{RoutesChanged: []admin.RouteChange{{RouteSummary: summary(put.Methods), Keys: []admin.KeyChange{{Key: "methods", Old: "GET", New: "PUT"}}}}}},
		{"one of several routes with a path changes", []config.Route{get, api}, []config.Route{api, put}, plain,
			admin.Difference{RoutesAdded: []admin.RouteSummary{summary(put.Methods)}, RoutesRemoved: []admin.RouteSummary{summary(get.Methods)}}},
		{"the site's timeout changes, which the route inherits", []config.Route{api}, []config.Route{with(func(r *config.Route) { r.Settings = slower })}, slower,
			admin.Difference{SitesChanged: []admin.SiteChange{{Host: "a.test", Listener: "l", Keys: []admin.KeyChange{{Key: "upstream_request_timeout_secs", Old: "60", New: "3600"}}}}}},
		{"the route's own timeout changes", []config.Route{api}, []config.Route{with(func(r *config.Route) { r.Settings = slower })}, plain,
			admin.Difference{RoutesChanged: []admin.RouteChange{{RouteSummary: summary(nil), Keys: []admin.KeyChange{{Key: "upstream_request_timeout_secs", Old: "60", New: "3600"}}}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			of := func(settings config.Settings, routes []config.Route) *DynamicConfig {
				sites := newListenerSites("l")
				sites.add(newSite(0, "", config.Site{Host: "a.test", Upstreams: config.OneUpstream("own:1"), Settings: settings, Routes: routes}))
				return &DynamicConfig{sites: siteTable{sites}}
			}
			var got comparison
			got.sites(of(plain, test.before), of(test.settings, test.after))
			if diff := cmp.Diff(test.want, got.Difference); diff != "" {
				t.Errorf("the difference differs (-want +got):\n%s", diff)
			}
		})
	}
}
