package proxy

import (
	"reverse-proxy/proxy/deadline"
)

// These are the protocols and states by which connections are counted. A connection in its handshake has no protocol yet.
const (
	connShaking = iota
	connHTTP1
	connHTTP2
	connRedirect
)

const (
	connIdle = iota
	connActive
)

var (
	connProtocols = [...]string{connShaking: "unknown", connHTTP1: "HTTP/1", connHTTP2: "HTTP/2", connRedirect: "redirect"}
	connStates    = [len(connProtocols)][2]string{
		connShaking:  {connActive: "handshake"},
		connHTTP1:    {connIdle: "idle", connActive: "active"},
		connHTTP2:    {connIdle: "idle", connActive: "active"},
		connRedirect: {connIdle: "idle", connActive: "active"},
	}
)

// census counts the open connections by protocol and state. Like the sweeper, it goes through them in parts, so that it
// does not delay new or ending connections for long. A change during the count may or may not be included.
func (r *connRegistry) census() (census [len(connProtocols)][2]int) {
	r.sweeper.Each(func(t *deadline.Timer) {
		if c, ok := t.Owner.(accountedConn); ok {
			protocol, state := c.state()
			census[protocol][state]++
		}
	})
	return census
}

// state implements accountedConn. A connection that has not sent a request yet is idle.
func (c *clientConn) state() (protocol, state int) {
	protocol, state = connHTTP1, connActive
	switch {
	case c.server.redirects():
		protocol = connRedirect
	case !c.serving.Load():
		return connShaking, connActive
	case c.http2.Load() != nil:
		protocol = connHTTP2
	}
	switch c.timer.Phase() {
	case deadline.PhaseIdle, deadline.PhaseFirst:
		state = connIdle
	}
	return protocol, state
}

// counts returns the number of open connections and the number ever admitted.
func (r *connRegistry) counts() (open int, admitted uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open, r.admitted
}

// limited returns how many connections were refused because their client held its share, and how many were cut because
// their client held more than its share.
func (r *connRegistry) limited() (refused, cut uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused, r.cutForOthers
}
