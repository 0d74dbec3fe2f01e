package proxy

import (
	"net/http"
	"time"
)

// exchangeCounts holds what an exchange records on its way and counts at its end (metrics.request).
type exchangeCounts struct {
	// limited reports whether the rate limit has refused the request.
	limited bool
	// upstreamAtFault reports whether the upstream could not be reached, or did not answer to the end.
	upstreamAtFault bool
	// connectTime is the time that connecting to the upstream took, TLS included; 0 if a kept
	// connection was used.
	connectTime time.Duration
	// responseTime is the time from the sending of the request to the arrival of the response's head; 0 without one.
	responseTime time.Duration
	// sent is the number of body bytes sent to the client, and received the number that came through a tunnel.
	sent, received int64
}

// wrote counts body bytes that were given to the client.
func (x *exchange) wrote(n int) {
	if x.request.Method != "HEAD" {
		x.sent += int64(n)
	}
}

// taken returns the number of bytes taken from the request's body, or from the client in a tunnel.
func (x *exchange) taken() int64 {
	if x.body.source == nil {
		return x.received
	}
	return x.bodyLimit() - x.body.left
}

// request counts a request that has ended. Everything known about it is counted only here, whatever protocol the client
// speaks. took is the time from its head to its end.
func (m *metrics) request(x *exchange, took time.Duration) {
	series := m.none
	if x.site != nil && x.site.series != nil {
		series = x.site.series
	}
	at := m.free.Get().(*lane)
	series.lane(at.index).count(x, took)
	if x.route != nil && x.route.series != nil {
		x.route.series.lane(at.index).count(x, took)
	}
	m.process.lanes[at.index].protocols[x.request.Protocol].Add(1)
	if x.limited {
		m.process.lanes[at.index].limited.Add(1)
	}
	m.free.Put(at)
}

// count counts a request that has ended.
func (l *siteLane) count(x *exchange, took time.Duration) {
	l.requests[classOfMethod(x.request.Method)][classOfStatus(x.status)].Add(1)
	if x.status != http.StatusSwitchingProtocols { // the duration of a tunnel is up to its two ends
		l.duration.observe(took)
	}
	if n := x.taken(); n > 0 {
		l.bytesIn.Add(uint64(n))
	}
	if x.sent > 0 {
		l.bytesOut.Add(uint64(x.sent))
	}
	if x.connectTime > 0 {
		l.connect.observe(x.connectTime)
	}
	if x.responseTime > 0 {
		l.response.observe(x.responseTime)
	}
	if x.upstreamAtFault {
		l.upstreamErrors.Add(1)
	}
	if x.refusedBy != noRule {
		l.refused[x.refusedBy].Add(1)
	}
}

// refused counts a request that was given up before it became an exchange, as if it had been answered with that status.
// limited reports whether the client had no token left for it.
func (m *metrics) refused(protocol Protocol, status int, limited bool) {
	x := exchange{request: &Request{Protocol: protocol, Method: "-"}, status: status}
	if x.limited = limited; limited {
		x.status = http.StatusTooManyRequests
	}
	m.request(&x, 0)
}
