package proxy

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/deadline"
)

// deadline implements accountedConn.
func (c *clientConn) deadline() *deadline.Timer { return &c.timer }

// peer implements accountedConn.
func (c *clientConn) peer() netip.Addr { return c.peerAddr }

// idleFor implements accountedConn. A connection without a request in flight is idle. But a connection that has not
// sent a request yet is idle only after freshGrace, because its request is most likely under way. A connection in its
// handshake is idle once it has received nothing for freshGrace (S-12.10).
func (c *clientConn) idleFor() (time.Duration, bool) {
	switch c.timer.Phase() {
	case deadline.PhaseHandshake:
		silent := time.Duration(c.timer.Sweeper.Clock.Load() - c.heard.Load())
		return silent - freshGrace, silent > freshGrace
	case deadline.PhaseIdle:
		return c.timer.Since(deadline.PhaseIdle, c.server.idleTimeout)
	}
	fresh, ok := c.freshFor()
	return fresh - freshGrace, ok && fresh > freshGrace
}

// freshFor returns how long ago the handshake ended on a connection that has not sent a request yet. ok is false for
// any other connection.
func (c *clientConn) freshFor() (time.Duration, bool) {
	timeout := c.server.headerTimeout
	if c.http2.Load() != nil {
		timeout = c.server.idleTimeout
	}
	return c.timer.Since(deadline.PhaseFirst, timeout)
}

// drainGrace returns how long a shutdown still waits for the first request of a new connection.
func (c *clientConn) drainGrace() time.Duration {
	fresh, _ := c.freshFor()
	return max(0, freshDrainGrace-fresh)
}

// freshGrace is how long a new connection has for its first request before it may have to make room for another
// connection.
const freshGrace = time.Second

// freshDrainGrace is how long after its handshake a new connection has for its first request during a shutdown. It is
// enough for two retransmissions of a lost packet. A new connection, unlike a used one, must not be closed at just any
// time, because its client expects an answer.
const freshDrainGrace = 5 * time.Second

// use implements accountedConn.
func (c *clientConn) use() connUse {
	switch c.timer.Phase() {
	case deadline.PhaseHandshake:
		return useHandshake
	case deadline.PhaseIdle, deadline.PhaseFirst:
		return useWaiting
	case deadline.PhaseHead:
		return useHead
	case deadline.PhaseLinger:
		return useLinger
	}
	return useRequest
}

// endIdle implements accountedConn. It does not close a connection on which bytes of a request have arrived.
func (c *clientConn) endIdle() bool {
	if c.hasReceived() {
		return false
	}
	c.mu.Lock() // revive runs entirely before this or after it
	defer c.mu.Unlock()
	if !c.timer.EndIdle() {
		return false
	}
	c.interrupt()
	return true
}

// drain ends the connection if it is idle, and a new one if no request arrives soon. A request that is in flight, or
// still in the kernel, runs to its end; then the connection's loop sees that the server is draining. An HTTP/2 client
// is told with GOAWAY.
func (c *clientConn) drain() {
	c.mu.Lock() // the connection may be about to end
	c.timer.Shorten(deadline.PhaseFlush, c.server.flushTime())
	c.mu.Unlock()
	if h := c.http2.Load(); h != nil {
		h.drain()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch p := c.timer.Phase(); {
	case p == deadline.PhaseFirst && !c.hasReceived():
		c.timer.Shorten(p, c.drainGrace())
	case p == deadline.PhaseFirst, p == deadline.PhaseIdle && c.hasReceived():
		c.timer.Shorten(p, freshDrainGrace)
	case p == deadline.PhaseIdle && c.timer.EndIdle():
		c.idle.EndRead()
	}
}

// revive undoes the end of an idle connection that a drain, the need for room or a deadline has ended. The connection's
// goroutine calls revive if it has read a request all the same. It took that request from the kernel before the end was
// decided, so the request was received before the connection ended (S-12.12). revive sets the deadline for what follows
// and reports whether to serve the request. The connection ends after that request.
func (c *clientConn) revive(p deadline.Phase, timeout time.Duration) bool {
	if !c.takeBackEnd(p, timeout) {
		return false
	}
	c.revived = true
	return true
}

// reviveHTTP1 calls revive for the first byte of a head.
func (c *clientConn) reviveHTTP1() bool {
	if !c.revive(deadline.PhaseHead, c.server.headerTimeout) {
		return false
	}
	c.server.registry.stays(c)
	return true
}

// takeBackEnd does the work of revive under the lock that every end of the connection takes.
func (c *clientConn) takeBackEnd(p deadline.Phase, timeout time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wasCut || c.forced.Load() {
		return false
	}
	c.idle.UndoReadAndWrite()
	c.timer.Reset()
	return c.timer.Set(p, timeout)
}

// hasReceived reports whether there are unread bytes.
func (c *clientConn) hasReceived() bool {
	n, err := unix.IoctlGetInt(c.fd, unix.SIOCINQ)
	return err == nil && n > 0
}

// cut implements accountedConn.
func (c *clientConn) cut(cause error) {
	h := c.http2.Load()
	if h != nil {
		h.cut(cause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wasCut = true
	if h == nil && c.work != nil {
		c.work.exchange.cancel(cause) // before the timer ends: an exchange that finds it ended looks up the cause
	}
	c.timer.End() // no new phase begins
	c.endFlush()
	if h == nil {
		c.interrupt()
	}
}
