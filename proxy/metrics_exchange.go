package proxy

import "time"

// exchangeCounts holds what an exchange records on its way and counts at its end (metrics.request).
type exchangeCounts struct {
	// limited reports whether the rate limit has refused the request.
	limited bool
	// upstreamAtFault reports whether the upstream could not be reached, or did not answer to the end.
	upstreamAtFault bool
	// connectTime is the time that connecting to the upstream took, TLS included; 0 if there was a connection
	// already.
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
