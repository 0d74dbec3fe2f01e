package proxy

import (
	"reverse-proxy/proxy/config"
)

// SiteTraffic is one site with what it has served since the start of the daemon, or since it was added.
type SiteTraffic struct {
	SiteSummary
	// Counts is nil in the answer of a daemon that does not count yet.
	Counts *TrafficCounts `json:"counts"`
}

// TrafficCounts are the counts of one site.
type TrafficCounts struct {
	// Requests is the number of requests that were answered.
	Requests uint64 `json:"requests"`
	// ClientErrors and ServerErrors are those of them with a status of 4xx and of 5xx.
	ClientErrors uint64 `json:"client_errors"`
	ServerErrors uint64 `json:"server_errors"`
	// UpstreamErrors is the number of those of which the upstream could not be reached or did not answer to the end.
	UpstreamErrors uint64 `json:"upstream_errors"`
	// BytesIn and BytesOut are the bytes of their bodies, from and to clients.
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// siteTraffic lists the sites on the running listeners, by host, with what count tells of them.
func siteTraffic(running []config.Listener, dynamic *DynamicConfig, count func(host string) TrafficCounts) []SiteTraffic {
	served := servedSites(running, dynamic)
	traffic := make([]SiteTraffic, 0, len(served))
	for _, id := range inOrder(served) {
		counts := count(id.host)
		traffic = append(traffic, SiteTraffic{SiteSummary: served[id].summary(), Counts: &counts})
	}
	return traffic
}
