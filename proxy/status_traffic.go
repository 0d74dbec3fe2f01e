package proxy

import (
	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
)

// siteTraffic lists the sites on the running listeners, by host, with the results of count.
func siteTraffic(running []config.Listener, dynamic *DynamicConfig, count func(host string) admin.TrafficCounts) []admin.SiteTraffic {
	served := servedSites(running, dynamic)
	traffic := make([]admin.SiteTraffic, 0, len(served))
	for _, id := range inOrder(served) {
		counts := count(id.host)
		traffic = append(traffic, admin.SiteTraffic{SiteSummary: served[id].summary(), Counts: &counts})
	}
	return traffic
}
