package proxy

import (
	"time"

	"reverse-proxy/proxy/balance"
)

// upstreamSample holds the numbers of one upstream of a site that has several, or checks.
type upstreamSample struct {
	host, listener, upstream string
	// serves reports whether it is in service, with every check that the site has for it, and since when it is so.
	serves            bool
	since             time.Time
	inFlight          int
	failures, retries uint64
}

// upstreamSamples reads the numbers. The states of one upstream with different checks are one sample.
func (s *scrape) upstreamSamples() []*upstreamSample {
	var samples []*upstreamSample
	known := map[[3]string]*upstreamSample{}
	for _, info := range s.dynamic.Load().upstreamInfos() {
		if info.only && info.key.What == "" {
			continue // reverse_proxy_upstream_connections has its connections
		}
		labels := [3]string{info.config.Host, info.listener, info.key.Address}
		sample := known[labels]
		if sample == nil {
			sample = &upstreamSample{host: labels[0], listener: labels[1], upstream: labels[2], serves: true}
			known[labels] = sample
			samples = append(samples, sample)
		}
		serves := info.State == balance.Up
		if sample.since.IsZero() || sample.serves && !serves {
			sample.since = info.Since
		}
		sample.serves = sample.serves && serves
		sample.inFlight = int(info.InFlight) // which all states of the upstream have together
		sample.failures += info.Failures
		sample.retries += info.Retries
	}
	return samples
}

func writeUpstreamServes(s *scrape, t *metricsText) {
	for _, u := range s.upstreamSamples() {
		t.truth(u.serves, u.host, u.listener, u.upstream)
	}
}

func writeUpstreamSince(s *scrape, t *metricsText) {
	for _, u := range s.upstreamSamples() {
		t.time(u.since, u.host, u.listener, u.upstream)
	}
}

func writeUpstreamInFlight(s *scrape, t *metricsText) {
	for _, u := range s.upstreamSamples() {
		t.size(u.inFlight, u.host, u.listener, u.upstream)
	}
}

func writeUpstreamFailed(s *scrape, t *metricsText) {
	for _, u := range s.upstreamSamples() {
		t.count(u.failures, u.host, u.listener, u.upstream)
	}
}

func writeUpstreamRetries(s *scrape, t *metricsText) {
	for _, u := range s.upstreamSamples() {
		t.count(u.retries, u.host, u.listener, u.upstream)
	}
}

func writeRetriesRefused(s *scrape, t *metricsText) {
	dynamic := s.dynamic.Load()
	for _, site := range dynamic.balancedSites() {
		t.count(site.totals.Counts().Refused, site.config.Host, dynamic.sites[site.listener].name)
	}
}

func writeFailOpen(s *scrape, t *metricsText) {
	dynamic := s.dynamic.Load()
	for _, site := range dynamic.balancedSites() {
		t.count(site.totals.Counts().FailOpen, site.config.Host, dynamic.sites[site.listener].name)
	}
}
