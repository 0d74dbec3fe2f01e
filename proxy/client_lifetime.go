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
// server is draining.
func (c *clientConn) drain() {
	if !c.http2.Load() && c.watch.endIdle() {
		_ = c.tcp.SetReadDeadline(pastDeadline)
	}
}

// cut ends the connection at once, with whatever is in flight.
func (c *clientConn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work != nil {
		c.work.exchange.cancel(errShuttingDown)
	}
	c.interrupt()
}

// beginStream says that an HTTP/2 stream has begun: the connection is no longer idle.
func (c *clientConn) beginStream() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams++
	if c.streams == 1 {
		c.watch.set(phaseNone, 0)
	}
}

// endStream says that a stream has ended. Without another one the connection is idle from now on; frames that carry no
// request, PINGs above all, do not change that (S-12.1).
func (c *clientConn) endStream() {
	c.mu.Lock()
	c.streams--
	idle := c.streams == 0
	if idle {
		c.watch.set(phaseIdle, c.server.idleTimeout)
	}
	c.mu.Unlock()
	if idle {
		c.server.registry.becameIdle()
	}
}
