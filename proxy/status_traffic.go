package proxy

import (
	"slices"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
)

// siteTraffic lists the sites on the running listeners with their routes, by host and listener, with the results of
// count. The second argument of count is the path of a route, or "" for the whole site.
func siteTraffic(dynamic *DynamicConfig, count func(siteID, string) admin.TrafficCounts) []admin.SiteTraffic {
	served := servedSites(dynamic)
	traffic := make([]admin.SiteTraffic, 0, len(served))
	for _, id := range inOrder(served) {
		counts := count(id, "")
		site := admin.SiteTraffic{SiteSummary: served[id].summary(), Counts: &counts}
		upstreams := served[id].routeUpstreams()
		for _, path := range served[id].paths() {
			site.RouteTraffic = append(site.RouteTraffic, admin.RouteTraffic{Route: path, Upstream: upstreams[path], Counts: count(id, path)})
		}
		traffic = append(traffic, site)
	}
	return traffic
}

// paths lists the paths of the site's routes, each once, in their order.
func (s servedSite) paths() []string {
	var paths []string
	for _, r := range s.config.Routes {
		paths = append(paths, r.Path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// routeUpstreams returns for each path the URL to which the routes with that path forward; "" if they do not all forward to
// the same upstream.
func (s servedSite) routeUpstreams() map[string]string {
	upstreams := make(map[string]string, len(s.config.Routes))
	for _, r := range s.config.Routes {
		url := urlOf(r.Upstreams, r.Settings)
		if known, ok := upstreams[r.Path]; ok && known != url {
			url = ""
		}
		upstreams[r.Path] = url
	}
	return upstreams
}

// urlOf returns the URL of the upstream of a site or a route, or the scheme and the list of several; "" without one.
func urlOf(upstreams config.Upstreams, settings config.Settings) string {
	if upstreams == nil {
		return ""
	}
	return settings.UpstreamScheme + "://" + upstreams.String()
}
