package proxy

import (
	"reverse-proxy/proxy/config"
)

// SiteTraffic is one site with what it has served since the start of the daemon, or since it was added.
type SiteTraffic struct {
	SiteSummary
	// Counts is nil in the answer of an older daemon, which does not count.
	Counts *TrafficCounts `json:"counts"`
}

// TrafficCounts are the counts of one site.
type TrafficCounts struct {
	// Requests is the number of answered requests.
	Requests uint64 `json:"requests"`
	// ClientErrors and ServerErrors are the numbers of those with a status of 4xx and of 5xx.
	ClientErrors uint64 `json:"client_errors"`
	ServerErrors uint64 `json:"server_errors"`
	// UpstreamErrors is the number of those whose upstream could not be reached or did not answer completely.
	UpstreamErrors uint64 `json:"upstream_errors"`
	// BytesIn and BytesOut are the numbers of body bytes, from and to clients.
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// siteTraffic lists the sites on the running listeners, by host, with the results of count.
func siteTraffic(running []config.Listener, dynamic *DynamicConfig, count func(host string) TrafficCounts) []SiteTraffic {
	served := servedSites(running, dynamic)
	traffic := make([]SiteTraffic, 0, len(served))
	for _, id := range inOrder(served) {
		counts := count(id.host)
		traffic = append(traffic, SiteTraffic{SiteSummary: served[id].summary(), Counts: &counts})
	}
	return traffic
}
