package proxy

import (
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/deadline"
)

// close ends the connection, whatever the reason. After a truncated response it sends no close_notify, so that a body
// that ends with the connection does not look complete (S-6.10). If the kernel still has data to send, close waits
// until the kernel has sent it. If the client does not take the data, close tells the kernel to discard it: the kernel
// would otherwise keep it for minutes (S-12.9).
func (c *clientConn) close() {
	discard := c.takesNothing() || c.isCut()
	if !discard && !c.aborted {
		c.timer.Set(deadline.PhaseLinger, lingerTime) // a late connection already has a deadline
		if c.tls != nil {
			_ = c.tls.CloseWrite() // sends close_notify if it can; a failure needs no report
		}
	}
	if discard || !c.flush() {
		_ = c.tcp.SetLinger(0) // fails only if the connection is already gone
	}
	c.server.registry.remove(c) // nothing uses the descriptor any more
	_ = c.tcp.Close()
}

// isCut reports whether the connection was ended without regard to requests in flight.
func (c *clientConn) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wasCut
}

// takesNothing reports whether the connection was cut because the client does not read what it is sent.
func (c *clientConn) takesNothing() bool {
	if c.timer.Phase() != deadline.PhaseExpired || c.unsentBytes() == 0 {
		return false
	}
	switch deadline.Phase(c.late.Load()) {
	case deadline.PhaseIdle, deadline.PhaseFirst, deadline.PhaseHead, deadline.PhaseNone:
		return c.forced.Load() // the client is late with a request, but may still be reading an earlier response
	}
	return true
}

// flush waits until the kernel has sent everything that was written. Usually the kernel has done so already, and flush
// returns immediately. It returns false after flushTime without progress.
func (c *clientConn) flush() bool {
	if c.isFlushed() {
		return true
	}
	if c.forced.Load() || !c.beginFlush() {
		return false
	}
	_ = c.tcp.CloseWrite() // the client sees the end as soon as it has read the rest
	<-c.flushed
	return c.timer.Phase() != deadline.PhaseExpired
}

// beginFlush starts the deadline of flush. It returns false if the connection was cut.
func (c *clientConn) beginFlush() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wasCut {
		return false
	}
	c.timer.Reset()
	return c.timer.Set(deadline.PhaseFlush, c.server.flushTime())
}

// flushTime returns how long a client may read nothing of an answer that is completely written to the kernel. The time
// is shorter during a shutdown, so that a silent client does not delay the shutdown.
func (s *siteServer) flushTime() time.Duration {
	if s.draining() {
		return min(s.bodyIdle(), drainFlushTime)
	}
	return s.bodyIdle()
}

// isFlushed reports whether no data is left to send or the connection is gone.
func (c *clientConn) isFlushed() bool {
	if c.unsentBytes() == 0 {
		return true
	}
	info, err := unix.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err != nil || info.State == unix.BPF_TCP_CLOSE
}

// endFlush ends the wait of flush.
func (c *clientConn) endFlush() {
	select {
	case c.flushed <- struct{}{}:
	default:
	}
}

// unsentBytes returns how many bytes the kernel has not sent yet.
func (c *clientConn) unsentBytes() int {
	unsent, err := unix.IoctlGetInt(c.fd, unix.SIOCOUTQNSD)
	if err != nil {
		return 0
	}
	return unsent
}

// Overdue implements deadline.Owner. The connection was interrupted deadline.endTime ago, and a goroutine still waits
// for its client.
func (c *clientConn) Overdue() {
	c.abort()
	c.endFlush()
}

// abort makes all reads and writes of the connection return, and makes close discard what the kernel holds. Unlike a
// deadline, which crypto/tls moves when it sends close_notify, abort cannot be undone. The descriptor stays valid until
// close.
func (c *clientConn) abort() {
	c.forced.Store(true)
	_ = c.tcp.SetLinger(0) // all of these fail only if the connection is already gone
	_ = c.tcp.CloseRead()
	_ = c.tcp.CloseWrite()
	c.idle.EndReadAndWrite()
}

// interrupt makes the blocked call of the connection's goroutine return with an error. Over HTTP/2 it interrupts only
// reads. A write continues, because after a truncated record the client could not be told anything more.
func (c *clientConn) interrupt() {
	if c.http2.Load() != nil {
		c.idle.EndRead()
		return
	}
	c.idle.EndReadAndWrite()
	// A handshake at the gate ends after that, or crypto/tls would send an alert: a start that fails answers nobody (S-4.3).
	if letGo := c.letGo.Load(); letGo != nil {
		(*letGo)()
	}
}

// resumeWrites takes back the interruption of writes, unless the connection is being ended.
func (c *clientConn) resumeWrites() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wasCut && !c.forced.Load() {
		_ = c.tcp.SetWriteDeadline(time.Time{}) // fails only if the connection is already gone
	}
}

// isStuck reports whether a write has waited for the client, without any progress, for as long as a body may be idle.
// Requests and frames that still arrive do not count as progress. It does not matter which goroutine writes: crypto/tls
// answers a KeyUpdate, and sends alerts, while it reads. The sweeper calls isStuck.
func (c *clientConn) isStuck() bool {
	switch now := c.server.registry.sweeper.Clock.Load(); {
	case !c.socket.writing.Load():
		c.stuck = 0
	case c.stuck == 0 || c.progressed():
		c.stuck = now
	default:
		return now-c.stuck >= max(c.patience.Load(), int64(c.server.bodyIdle()))
	}
	return false
}

// bePatient lets the connection's writes wait up to patience without progress.
func (c *clientConn) bePatient(patience time.Duration) {
	if int64(patience) > c.patience.Load() {
		c.patience.Store(int64(patience))
	}
}

// bePatient implements patientClient.
func (w *http1Work) bePatient(patience time.Duration) { w.conn.bePatient(patience) }

// bePatient implements patientClient.
func (s *h2Stream) bePatient(patience time.Duration) { s.conn.client.bePatient(patience) }

// cutStuck ends a connection in phase p whose client reads nothing.
func (c *clientConn) cutStuck(p deadline.Phase) {
	if !c.timer.EndIn(p) {
		return // the connection has moved on to another phase, and the next sweep looks again
	}
	c.late.Store(int64(deadline.PhaseBody))
	if h := c.http2.Load(); h != nil {
		h.cut(errBodyIdle)
	}
	c.mu.Lock()
	if c.work != nil {
		c.work.exchange.cancel(errBodyIdle)
	}
	c.mu.Unlock()
	c.abort()
}

// lingerClose closes the sending half and keeps reading for a while. If it closed the connection while bytes arrive,
// the kernel would reset it, and the client could lose the answer (RFC 9112, section 9.6).
func (c *clientConn) lingerClose() {
	if !c.beginLinger() || c.tls != nil && c.tls.CloseWrite() != nil {
		return
	}
	_ = c.tcp.CloseWrite()
	var room discardRoom
	for {
		if c.discard(&room) != nil {
			return
		}
	}
}

// discard reads bytes that have arrived into the room. They are not decrypted.
func (c *clientConn) discard(room roomLender) error {
	_, err := c.socket.ReadLent(room)
	room.takeBack()
	return err
}

// discardRoom is room for bytes that are discarded. It takes a buffer only while there are bytes to read, because a few
// bytes each are enough for a client to leave many connections with an unread body (S-12.8).
type discardRoom struct{ buffer *[]byte }

// lend implements roomLender.
func (r *discardRoom) lend() []byte {
	if r.buffer == nil {
		r.buffer = outBuffers.Get().(*[]byte)
	}
	return (*r.buffer)[:outBufferBytes]
}

// takeBack implements roomLender.
func (r *discardRoom) takeBack() {
	if r.buffer != nil {
		putOutBuffer(r.buffer)
		r.buffer = nil
	}
}

// beginLinger starts the deadline of lingerClose. It returns false if the connection was cut.
func (c *clientConn) beginLinger() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wasCut {
		return false
	}
	c.idle.Undo() // an interrupted read of the body may have set the deadline
	c.timer.Reset()
	return c.timer.Set(deadline.PhaseLinger, lingerTime)
}

// drainFlushTime is how long a client may read nothing of a complete answer while the daemon shuts down.
const drainFlushTime = 5 * time.Second

// lingerTime is how long the unwanted rest of a body is read and discarded after the answer.
const lingerTime = 2 * time.Second
