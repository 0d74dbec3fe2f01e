package proxy

import "reverse-proxy/proxy/balance"

// upstreamSample is what the metrics say about one upstream of a site that has several, or checks.
type upstreamSample struct {
	labels []string
	// Info describes one of the upstream's states: it has one for each check of the site, all with the same counters. A
	// state that is not in service is preferred.
	balance.Info
}

// upstreamSamples reads the numbers of all upstreams.
func (s *scrape) upstreamSamples() []*upstreamSample {
	var samples []*upstreamSample
	known := map[[3]string]*upstreamSample{}
	for _, info := range s.dynamic.Load().upstreamInfos() {
		if info.only && info.key.What == "" {
			continue // reverse_proxy_upstream_connections has its connections
		}
		labels := [3]string{info.config.Host, info.listener, info.key.Address}
		sample := known[labels]
		switch {
		case sample == nil:
			sample = &upstreamSample{labels[:], info.Info}
			known[labels] = sample
			samples = append(samples, sample)
		case sample.State == balance.Up && info.State != balance.Up:
			sample.Info = info.Info
		}
	}
	return samples
}

// ofEachUpstream returns a function of the table that writes a number of each upstream.
func ofEachUpstream(write func(t *metricsText, u *upstreamSample)) func(s *scrape, t *metricsText) {
	return func(s *scrape, t *metricsText) {
		for _, u := range s.upstreamSamples() {
			write(t, u)
		}
	}
}

func writeUpstreamServes(t *metricsText, u *upstreamSample) {
	t.truth(u.State == balance.Up, u.labels...)
}

func writeUpstreamSince(t *metricsText, u *upstreamSample) { t.time(u.Since, u.labels...) }

func writeUpstreamInFlight(t *metricsText, u *upstreamSample) { t.size(int(u.InFlight), u.labels...) }

func writeUpstreamFailed(t *metricsText, u *upstreamSample) { t.count(u.Failures, u.labels...) }

func writeUpstreamRetries(t *metricsText, u *upstreamSample) { t.count(u.Retries, u.labels...) }

// ofEachBalancedSite returns a function of the table that writes a number of each site that has several upstreams, or checks.
func ofEachBalancedSite(number func(balance.Counts) uint64) func(s *scrape, t *metricsText) {
	return func(s *scrape, t *metricsText) {
		dynamic := s.dynamic.Load()
		for _, site := range dynamic.balancedSites() {
			t.count(number(site.totals.Counts()), site.config.Host, dynamic.sites[site.listener].name)
		}
	}
}

func retriesRefused(c balance.Counts) uint64 { return c.Refused }

func failOpens(c balance.Counts) uint64 { return c.FailOpen }
