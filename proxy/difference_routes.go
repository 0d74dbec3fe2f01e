package proxy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// routeKey distinguishes the routes of a site. kind is "exact" or "prefix".
type routeKey struct{ path, kind, methods string }

func (k routeKey) compare(other routeKey) int {
	return cmp.Or(cmp.Compare(k.path, other.path), cmp.Compare(k.kind, other.kind), cmp.Compare(k.methods, other.methods))
}

// keyOf returns the key of a route without its methods.
func keyOf(r config.Route) routeKey {
	if r.Exact {
		return routeKey{path: r.Path, kind: "exact"}
	}
	return routeKey{path: r.Path, kind: "prefix"}
}

// routesByKey returns the routes of a site by key. others are the routes of the same site in the other configuration.
// The key has methods only if one of the two has several routes with the same path and kind. Otherwise, different
// methods count as a change of the route.
func routesByKey(routes, others []config.Route) map[routeKey]config.Route {
	most := map[routeKey]int{}
	for _, side := range [][]config.Route{routes, others} {
		count := map[routeKey]int{}
		for _, r := range side {
			key := keyOf(r)
			count[key]++
			most[key] = max(most[key], count[key])
		}
	}
	byKey := make(map[routeKey]config.Route, len(routes))
	for _, r := range routes {
		key := keyOf(r)
		if most[key] > 1 {
			key.methods = strings.Join(slices.Sorted(slices.Values(r.Methods)), ", ")
		}
		byKey[key] = r
	}
	return byKey
}

// routes compares the routes of a site that stays. It leaves out the changes in ofSite, which a route inherits from its
// site: they are already listed for the site.
func (d *comparison) routes(was, is servedSite, ofSite []admin.KeyChange) {
	before, after := routesByKey(was.config.Routes, is.config.Routes), routesByKey(is.config.Routes, was.config.Routes)
	for _, key := range slices.SortedFunc(maps.Keys(before), routeKey.compare) {
		if _, stays := after[key]; !stays {
			d.RoutesRemoved = append(d.RoutesRemoved, is.route(before[key]))
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(after), routeKey.compare) {
		old, stayed := before[key]
		if !stayed {
			d.RoutesAdded = append(d.RoutesAdded, is.route(after[key]))
			continue
		}
		changes := changedKeys(routeKeys(old), routeKeys(after[key]))
		changes = slices.DeleteFunc(changes, func(c admin.KeyChange) bool { return slices.Contains(ofSite, c) })
		if len(changes) > 0 {
			d.RoutesChanged = append(d.RoutesChanged, admin.RouteChange{RouteSummary: is.route(after[key]), Keys: changes})
		}
	}
}

// route describes a route of the site in short.
func (s servedSite) route(r config.Route) admin.RouteSummary {
	return admin.RouteSummary{Host: s.config.Host, Listener: s.listener, Route: r.Path, Exact: r.Exact, Methods: r.Methods, Action: routeAction(r)}
}

// routeAction says what a route does.
func routeAction(r config.Route) string {
	switch {
	case r.Redirect != "":
		return fmt.Sprintf("redirect %d to %s", r.RedirectStatus, r.Redirect)
	case r.Respond != 0:
		return fmt.Sprintf("respond %d", r.Respond)
	}
	return "upstream " + urlOf(r.Upstreams, r.Settings)
}

// routeKeys returns the keys of a route other than its path, in the order of the documentation.
func routeKeys(r config.Route) []keyValue {
	keys := []keyValue{
		{"methods", strings.Join(r.Methods, ", ")},
		{"upstream", r.Upstreams.Single()},
		{"upstreams", r.Upstreams.Several()},
		{"upstream_scheme", r.UpstreamScheme},
		{"upstream_proxy_protocol", string(r.UpstreamProxy)},
		{"upstream_protocol", r.UpstreamProtocol},
	}
	keys = append(keys, keyValues(r.UpstreamTLS.Texts())...)
	keys = append(keys, []keyValue{
		{"upstream_connect_timeout_secs", wording.InSeconds(r.ConnectTimeout)},
		{"upstream_request_timeout_secs", wording.InSeconds(r.RequestTimeout)},
		{"upstream_max_connections", config.OrUnset(r.MaxConnections)},
		{"strip_prefix", strconv.FormatBool(r.StripPrefix)},
		{"redirect", r.Redirect},
		{"redirect_status", config.OrUnset(r.RedirectStatus)},
		{"respond", config.OrUnset(r.Respond)},
		{"respond_type", r.RespondType},
		{"respond_body", bodyText(r.RespondBody)},
		{"respond_file", r.RespondFile},
	}...)
	keys = append(keys, keyValues(r.BalanceTexts())...)
	keys = append(keys, keyValues(r.Limits.Texts(config.LevelRoute))...)
	keys = append(keys, keyValues(r.Maintenance.Texts(config.LevelRoute))...)
	keys = append(keys, keyValues(r.Access.Texts(config.LevelRoute))...)
	level := config.LevelRoute.String()
	return append(keys, keyValue{"request_headers", r.RequestHeaders.OfLevel(level)}, keyValue{"response_headers", r.ResponseHeaders.OfLevel(level)})
}

// bodyText shows a body by its length and the beginning of its hash.
func bodyText(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes, %.16s", len(body), config.HashOf(body))
}
