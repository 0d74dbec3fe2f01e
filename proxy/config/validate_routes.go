package config

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/routing"
	"reverse-proxy/proxy/wording"
)

// routes resolves `[[listeners.sites.routes]]` of one site. upstreams and above are the site's.
func (v *validator) routes(key string, raws []rawRoute, upstreams Upstreams, above inherited) []Route {
	var routes []Route
	for i, raw := range raws {
		routes = append(routes, v.route(IndexKey(key, i), raw, upstreams, above))
	}
	v.distinctRoutes(key, routes)
	return routes
}

// route resolves one route.
func (v *validator) route(key string, raw rawRoute, siteUpstreams Upstreams, above inherited) Route {
	settings := above.inherit(LevelRoute, key, raw.rawSettings)
	route := Route{Methods: v.methods(ChildKey(key, "methods"), raw.Methods), Settings: v.settings(settings)}
	route.Path, route.Exact = v.routePath(key, raw)
	v.action(key, raw, siteUpstreams, &route)
	if route.Upstreams != nil {
		v.namedForTLS(key, route.Upstreams, route.Settings)
		v.upstreamTLSUsed(key, raw.rawSettings, route.Settings, nil)
	}
	v.stripPrefix(ChildKey(key, "strip_prefix"), raw, &route)
	return route
}

// stripPrefix resolves `strip_prefix`.
func (v *validator) stripPrefix(key string, raw rawRoute, route *Route) {
	route.StripPrefix = orDefault(raw.StripPrefix, false)
	switch {
	case !route.StripPrefix:
	case raw.Upstream == nil && raw.Upstreams == nil:
		v.add(key, "has no effect without an upstream of the route; write the upstream, or leave the key out")
	case route.Exact:
		v.add(key, "would leave nothing of path_exact; write path in its place, or leave strip_prefix out")
	case route.Path == "/":
		v.add(key, "has nothing to cut off the path /; leave it out")
	}
}

// pathKeyOf returns the key of the route's path, for the route at the given key.
func (r Route) pathKeyOf(key string) string {
	if r.Exact {
		return ChildKey(key, "path_exact")
	}
	return ChildKey(key, "path")
}

// rule returns which requests the route takes.
func (r Route) rule() routing.Rule[int] {
	return routing.Rule[int]{Path: r.Path, Exact: r.Exact, Methods: r.Methods}
}

// distinctRoutes refuses routes of a site that take the same requests: their order in the file would then matter
// (S-14.2). Without such a pair, each route is chosen for some request. Routes without a valid path are ignored.
func (v *validator) distinctRoutes(key string, routes []Route) {
	var rules []routing.Rule[int]
	var keys []string
	for i, route := range routes {
		if route.Path != "" {
			rules = append(rules, route.rule())
			keys = append(keys, route.pathKeyOf(IndexKey(key, i)))
		}
	}
	for _, pair := range routing.Collisions(rules) {
		first, second := keys[pair.First], keys[pair.Second]
		requests := "the same requests"
		if pair.Method != "" {
			requests = pair.Method + " requests for the same path"
		}
		v.add(second, "%s takes %s as %s; the order of routes has no meaning, so write another path or other methods, or leave one of the two out",
			wording.Quoted(rules[pair.Second].Path), requests, v.withLine(first))
	}
}

// withLine returns the key with its line, to name it in an error about another key.
func (v *validator) withLine(key string) string {
	if at, ok := v.places.of(key); ok {
		return fmt.Sprintf("%s (line %d)", key, at.line)
	}
	return key
}

// chosenRoutes refuses routes that are never chosen because the health path is answered first.
func (v *validator) chosenRoutes(healthPath string, listeners []Listener) {
	if healthPath == "" {
		return
	}
	health := routing.Rule[int]{Path: healthPath, Exact: true, Methods: []string{http.MethodGet, http.MethodHead}}
	for i, listener := range listeners {
		for j, site := range listener.Sites {
			for k, route := range site.Routes {
				if key := routeKey(i, j, k); route.Path != "" && health.Covers(route.rule()) {
					v.add(route.pathKeyOf(key), "%s can never be chosen, because %s answers these requests first; change one of the two paths",
						wording.Quoted(route.Path), v.withLine("https_health_path"))
				}
			}
		}
	}
}

// routeKey returns the key of a route.
func routeKey(listener, site, route int) string {
	key := IndexKey(ChildKey(IndexKey("listeners", listener), "sites"), site)
	return IndexKey(ChildKey(key, "routes"), route)
}

// methods resolves `methods`.
func (v *validator) methods(key string, values []string) []string {
	if values != nil && len(values) == 0 {
		v.add(key, `is empty, so that the route would take nothing; write the methods, as in ["GET", "HEAD"], or leave the key out for all`)
	}
	for i, method := range values {
		elementKey := IndexKey(key, i)
		switch upper := strings.ToUpper(method); {
		case method == http.MethodConnect || method == http.MethodTrace:
			v.add(elementKey, "%s is answered with 405 before any route is asked; leave it out", wording.Quoted(method))
		case !http1.ValidMethod(method):
			v.add(elementKey, `%s is not a method; write one as in "GET"`, wording.Quoted(method))
		case upper != method:
			v.add(elementKey, "%s is in lower case, and methods are case-sensitive; write %s", wording.Quoted(method), wording.Quoted(upper))
		case slices.Index(values, method) < i:
			v.add(elementKey, "%s is %s already; write each method once", wording.Quoted(method), IndexKey(key, slices.Index(values, method)))
		}
	}
	return values
}
