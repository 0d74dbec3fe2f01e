package proxy

import (
	"reverse-proxy/proxy/admin"
)

// siteTraffic lists the sites on the running listeners, by host and listener, with the results of count.
func siteTraffic(dynamic *DynamicConfig, count func(siteID) admin.TrafficCounts) []admin.SiteTraffic {
	served := servedSites(dynamic)
	traffic := make([]admin.SiteTraffic, 0, len(served))
	for _, id := range inOrder(served) {
		counts := count(id)
		traffic = append(traffic, admin.SiteTraffic{SiteSummary: served[id].summary(), Counts: &counts})
	}
	return traffic
}
