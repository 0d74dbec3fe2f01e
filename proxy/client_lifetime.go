package proxy

import "time"

// idleFor returns how long the connection has had no request in flight; false while it has one, or shakes hands.
func (c *clientConn) idleFor() (time.Duration, bool) {
	if !c.asked.Load() {
		return c.watch.idleFor(c.server.headerTimeout)
	}
	return c.watch.idleFor(c.server.idleTimeout)
}

// drain ends the connection if it is idle. A request in flight is left to its end, after which its loop sees that the
// server is draining. An HTTP/2 client is told.
func (c *clientConn) drain() {
	if h := c.http2.Load(); h != nil {
		h.drain()
		return
	}
	if c.watch.endIdle() {
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
