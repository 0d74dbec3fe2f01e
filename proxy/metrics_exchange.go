package proxy

import "time"

// exchangeCounts is what an exchange finds out on its way that is counted at its end (metrics.request).
type exchangeCounts struct {
	// limited reports whether the rate limit has refused the request.
	limited bool
	// upstreamAtFault reports whether the upstream could not be reached, or did not answer to the end.
	upstreamAtFault bool
	// connectTime is what connecting to the upstream took, TLS included; 0 where a connection was there.
	connectTime time.Duration
	// responseTime is the time from when the request was sent until the head of the response was there; 0 without one.
	responseTime time.Duration
	// sent is how many bytes of a body the client was sent, and received how many came through a tunnel.
	sent, received int64
}

// wrote counts bytes of a body that were given to the client.
func (x *exchange) wrote(n int) {
	if x.request.Method != "HEAD" {
		x.sent += int64(n)
	}
}

// taken returns how many bytes of the request's body were taken, or of what a client has sent in a tunnel.
func (x *exchange) taken() int64 {
	if x.body.source == nil {
		return x.received
	}
	return x.config.BodyLimit - x.body.left
}
