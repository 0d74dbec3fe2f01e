package proxy

import (
	"cmp"
	"slices"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/share"
)

// The functions of the table that write the numbers of requests, by site.

// writeRequests writes the requests. A method that a site has not seen has no series, except GET. All series of a
// method appear with its first request. So the series for failures exists before the first failure, and a rate includes
// that failure too.
func writeRequests(s *scrape, t *metricsText) {
	for i, series := range s.series {
		for method, classes := range s.totals[i].requests {
			if method > 0 && classes == [len(statusClasses)]uint64{} {
				continue
			}
			for class, n := range classes {
				t.count(n, series.host, series.listener, methodClasses[method], statusClasses[class])
			}
		}
	}
}

func writeProtocols(s *scrape, t *metricsText) {
	for protocol, name := range protocolNames {
		t.count(s.shared.metrics.process.byProtocol(Protocol(protocol)), name)
	}
}

func writeInFlight(s *scrape, t *metricsText) { t.size(int(s.pipeline.inFlight.Load())) }

func writeDurations(s *scrape, t *metricsText) {
	for i, series := range s.series {
		t.histogram(&s.totals[i].duration, series.host, series.listener)
	}
}

func writeBytesIn(s *scrape, t *metricsText) {
	for i, series := range s.series {
		t.count(s.totals[i].bytesIn, series.host, series.listener)
	}
}

func writeBytesOut(s *scrape, t *metricsText) {
	for i, series := range s.series {
		t.count(s.totals[i].bytesOut, series.host, series.listener)
	}
}

// The first element of the series is that of requests without a site, and so without an upstream.

func writeConnects(s *scrape, t *metricsText) {
	for i, series := range s.series[1:] {
		t.histogram(&s.totals[1+i].connect, series.host, series.listener)
	}
}

func writeResponses(s *scrape, t *metricsText) {
	for i, series := range s.series[1:] {
		t.histogram(&s.totals[1+i].response, series.host, series.listener)
	}
}

func writeUpstreamErrors(s *scrape, t *metricsText) {
	for i, series := range s.series[1:] {
		t.count(s.totals[1+i].upstreamErrors, series.host, series.listener)
	}
}

// writeRouteRequests writes the requests of routes, without their methods: a route that is only for some methods names
// them in its configuration.
func writeRouteRequests(s *scrape, t *metricsText) {
	for i, series := range s.routes {
		var classes [len(statusClasses)]uint64
		for _, of := range s.routeTotals[i].requests {
			for class, n := range of {
				classes[class] += n
			}
		}
		for class, n := range classes {
			t.count(n, series.host, series.listener, series.route, statusClasses[class])
		}
	}
}

func writeRouteDurations(s *scrape, t *metricsText) {
	for i, series := range s.routes {
		t.histogram(&s.routeTotals[i].duration, series.host, series.listener, series.route)
	}
}

func writeRouteResponses(s *scrape, t *metricsText) {
	for i, series := range s.routes {
		t.histogram(&s.routeTotals[i].response, series.host, series.listener, series.route)
	}
}

func writeRouteUpstreamErrors(s *scrape, t *metricsText) {
	for i, series := range s.routes {
		t.count(s.routeTotals[i].upstreamErrors, series.host, series.listener, series.route)
	}
}

// writeUpstreamConnections sums up the pools by address: one address may be used with both schemes.
func writeUpstreamConnections(s *scrape, t *metricsText) {
	sizes := s.shared.upstreams.sizes()
	addresses := make([]string, 0, len(sizes))
	for address := range sizes {
		addresses = append(addresses, address)
	}
	slices.Sort(addresses)
	for _, address := range addresses {
		t.size(sizes[address].idle, address, "idle")
		t.size(sizes[address].used, address, "active")
	}
}

func writeMaxUpstreamConnections(s *scrape, t *metricsText) { t.size(s.shared.upstreams.slots.Limit()) }

func writeUpstreamWaiting(s *scrape, t *metricsText) {
	t.size(s.shared.upstreams.slots.Wanted())
}

func writeRejections(s *scrape, t *metricsText) { t.count(s.shared.metrics.process.limited()) }

func writeTracked(s *scrape, t *metricsText) { t.size(s.shared.limits.limiter.Tracked()) }

func writeConnections(s *scrape, t *metricsText) {
	census := s.shared.conns.census()
	for protocol, states := range census {
		for state, n := range states {
			if shown := connStates[protocol][state]; shown != "" {
				t.size(n, connProtocols[protocol], shown)
			}
		}
	}
}

func writeAccepted(s *scrape, t *metricsText) {
	_, admitted := s.shared.conns.counts()
	t.count(admitted)
}

func writeMaxConnections(s *scrape, t *metricsText) { t.size(s.shared.conns.limit) }

func writeWaiting(s *scrape, t *metricsText) { t.size(int(s.shared.conns.waiting.Load())) }

func writeOverShare(s *scrape, t *metricsText) {
	refused, cut := s.shared.conns.limited()
	t.count(refused, "refused")
	t.count(cut, "cut")
}

func writeProxyRefused(s *scrape, t *metricsText) { t.count(s.shared.conns.proxyRefused.Load()) }

func writeShares(s *scrape, t *metricsText) {
	for limit := range share.Limits {
		t.count(s.shared.metrics.process.shares[limit].Load(), limit.String())
	}
}

func writeParked(s *scrape, t *metricsText) { t.count(s.shared.conns.parked.resets()) }

func writeBreaches(s *scrape, t *metricsText) { t.count(s.shared.metrics.process.breaches.Load()) }

func writeHandshakes(s *scrape, t *metricsText) {
	for result, name := range handshakeResults {
		for version, text := range tlsVersions {
			if handshakeResult(result).has(version) {
				t.count(s.shared.metrics.process.handshakes[result][version].Load(), name, text)
			}
		}
	}
}

// certificates lists the certificates of the listeners, and those with which the proxy identifies itself to upstreams.
func (s *scrape) certificates() []cert.Info {
	infos := s.listeners.certificates()
	if s.dynamic != nil {
		infos = append(infos, s.dynamic.Load().upstreamCertificates()...)
	}
	return infos
}

// writeExpiries writes when the certificate for each name expires.
func writeExpiries(s *scrape, t *metricsText) {
	s.firstToExpire(func(k certificateKey, c cert.Info) { t.time(c.NotAfter, k.listener, k.name, k.source) })
}

// writeExpiryWarnings writes how long before their expiry the same certificates should have been renewed.
func writeExpiryWarnings(s *scrape, t *metricsText) {
	s.firstToExpire(func(k certificateKey, c cert.Info) {
		t.number(cert.WarnBefore(c.NotBefore, c.NotAfter).Seconds(), k.listener, k.name, k.source)
	})
}

// certificateKey says which name of which listener a certificate is for, and where it comes from.
type certificateKey struct{ listener, name, source string }

// firstToExpire calls write for each name, with the certificate that expires first if two of a listener are for the same name, as
// with an ECDSA and an RSA key.
func (s *scrape) firstToExpire(write func(certificateKey, cert.Info)) {
	type key = certificateKey
	expiries := map[key]cert.Info{}
	var keys []key
	for _, certificate := range s.certificates() {
		for _, name := range certificate.Names {
			k := key{certificate.Listener, name, string(certificate.Source)}
			if certificate.ForUpstreams != "" {
				k.source = "upstream"
			}
			before, ok := expiries[k]
			if !ok {
				keys = append(keys, k)
			}
			if !ok || certificate.NotAfter.Before(before.NotAfter) {
				expiries[k] = certificate
			}
		}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.listener, b.listener), cmp.Compare(a.name, b.name)) })
	for _, k := range keys {
		write(k, expiries[k])
	}
}

func writeLimitRejections(s *scrape, t *metricsText) {
	for _, r := range s.shared.limits.report() {
		for kind := range limit.Kinds {
			if kind == limit.OfClient || r.host != "" {
				t.count(r.refused[kind], r.host, r.listener, r.path, kind.String())
			}
		}
	}
}

func writeConcurrent(s *scrape, t *metricsText) {
	for _, r := range s.shared.limits.report() {
		if r.bound > 0 {
			t.size(r.running, r.host, r.listener, r.path, "running")
			t.size(r.waiting, r.host, r.listener, r.path, "waiting")
		}
	}
}

func writeMaxConcurrent(s *scrape, t *metricsText) {
	for _, r := range s.shared.limits.report() {
		if r.bound > 0 {
			t.size(r.bound, r.host, r.listener, r.path)
		}
	}
}
