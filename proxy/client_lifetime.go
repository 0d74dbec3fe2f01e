package proxy

import "time"

// idleFor returns how long the connection has had no request in flight; false while it has one, or shakes hands.
// One that has not asked for anything yet is idle after freshGrace: its request is most likely on its way.
func (c *clientConn) idleFor() (time.Duration, bool) {
	if c.watch.phase() == phaseIdle {
		return c.watch.since(phaseIdle, c.server.idleTimeout)
	}
	timeout := c.server.headerTimeout
	if c.http2.Load() != nil {
		timeout = c.server.idleTimeout
	}
	fresh, ok := c.watch.since(phaseFirst, timeout)
	return fresh - freshGrace, ok && fresh > freshGrace
}

// freshGrace is how long a new connection has for its first request before it may have to make room for another one, or
// is closed because the daemon ends.
const freshGrace = time.Second

// drain ends the connection if it is idle, and a new one if no request comes soon. A request in flight is left to its end, after which its loop sees that the
// server is draining. An HTTP/2 client is told.
func (c *clientConn) drain() {
	if h := c.http2.Load(); h != nil {
		h.drain()
		return
	}
	if c.watch.phase() == phaseFirst {
		c.watch.shorten(phaseFirst, freshGrace)
	} else if c.watch.endIdle() {
		_ = c.tcp.SetReadDeadline(pastDeadline)
	}
}

// cut ends the connection at once, with whatever is in flight.
func (c *clientConn) cut() {
	if h := c.http2.Load(); h != nil {
		h.cut(errShuttingDown)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work != nil {
		c.work.exchange.cancel(errShuttingDown)
	}
	c.interrupt()
}
