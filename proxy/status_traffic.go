package proxy

import (
	"maps"
	"slices"
)

// SiteTraffic is one site with what it has served since the start of the daemon, or since it was added.
type SiteTraffic struct {
	SiteSummary
	// Counts is nil where nothing is counted.
	Counts *TrafficCounts `json:"counts"`
}

// TrafficCounts are the counts of one site.
type TrafficCounts struct {
	// Requests is the number of requests that were answered.
	Requests uint64 `json:"requests"`
	// ClientErrors and ServerErrors are those of them with a status of 4xx and of 5xx.
	ClientErrors uint64 `json:"client_errors"`
	ServerErrors uint64 `json:"server_errors"`
	// BytesIn and BytesOut are the bytes of their bodies, from and to clients.
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

// trafficCounter counts the traffic of sites by their hosts.
type trafficCounter interface {
	siteTraffic(host string) (requests, clientErrors, serverErrors, bytesIn, bytesOut uint64)
}

// siteTraffic lists the sites on the running listeners with their counts, by host. counter may be nil.
func siteTraffic(running []ListenerConfig, dynamic *DynamicConfig, counter trafficCounter) []SiteTraffic {
	served := servedSites(running, dynamic)
	traffic := make([]SiteTraffic, 0, len(served))
	for _, host := range slices.Sorted(maps.Keys(served)) {
		site := SiteTraffic{SiteSummary: served[host].summary()}
		if counter != nil {
			var c TrafficCounts
			c.Requests, c.ClientErrors, c.ServerErrors, c.BytesIn, c.BytesOut = counter.siteTraffic(host)
			site.Counts = &c
		}
		traffic = append(traffic, site)
	}
	return traffic
}
