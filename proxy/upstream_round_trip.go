package proxy

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
)

// errNotConnected marks the failure of a connection before any byte was sent on it.
type errNotConnected struct{ error }

// Unwrap returns the cause.
func (e errNotConnected) Unwrap() error { return e.error }

// errUpstreamClosed marks the failure of a connection before any byte of the response arrived.
type errUpstreamClosed struct{ error }

// Unwrap returns the cause.
func (e errUpstreamClosed) Unwrap() error { return e.error }

// roundTrip sends the request to the target and reads the head of its response. If a pooled connection turns out to be
// dead, it uses a new one if that is safe (S-6.8); over HTTP/2, mayRepeatShared decides that. The returned connection
// belongs to the call until giveBack or release. roundTrip composes nothing until it has a connection to write to
// (S-12.8). If another upstream may be tried after an error, it keeps what it has composed, because the beginning of a
// body cannot be read again.
func (c *upstreamCall) roundTrip() (conn *upstreamConn, err error) {
	defer func() {
		if err == nil && !c.pump.running || err != nil && c.triesLeft == 0 {
			c.releaseOut()
		}
	}()
	if err := c.mayShare(); err != nil {
		return nil, err
	}
	pool := c.to.pool
	if conn = c.pin.take(pool, c.to.host, c); conn == nil {
		conn = pool.take(c)
	}
	if conn != nil {
		c.owner.placed()
	}
	sent := c.start // near enough, and saves reading the clock
	for tries := 1; ; tries++ {
		if conn == nil || !pool.ready(conn, c) {
			began := time.Now()
			if conn, err = c.connect(conn); err != nil {
				c.failedTime += time.Since(began)
				return nil, err
			}
			sent = time.Now()
			c.connectTime += sent.Sub(began)
		}
		whole, err := c.compose()
		if err != nil {
			conn.endStream()
			pool.put(conn) // nothing was sent on it
			return nil, err
		}
		reused := conn.reused && !conn.shared // over HTTP/2 every stream is new
		err = c.tryOn(conn, whole)
		if err == nil {
			c.responseTime = time.Since(sent)
			return conn, nil
		}
		c.waited += time.Since(sent)
		c.onKept = reused || conn.shared
		c.release(conn)
		if c.makesProgress(err) {
			tries--
		}
		if !(reused && c.mayRepeat(err)) && !(tries < c.maxSharedTries() && c.mayRepeatShared(err)) {
			return nil, err
		}
		conn = nil // another pooled connection could be just as dead
	}
}

// compose writes the request into the buffer, with the part of its body that has arrived. whole reports whether that is
// all of the body. A request that was already composed, for a connection that was dead, is not changed.
func (c *upstreamCall) compose() (whole bool, err error) {
	if c.out != nil {
		return c.composed, nil
	}
	c.body.settleLength(c.request)
	shared := c.to.isShared()
	if c.out = c.outBuffer(); shared {
		*c.out = (*c.out)[:0] // the head is encoded when it is sent on the connection
	} else {
		*c.out = c.appendRequest((*c.out)[:0])
	}
	c.composed = true
	expectAt := len(*c.out) - len(expectLine) - len("\r\n")
	c.gathered = false
	if c.body.present() {
		var out []byte
		head := len(*c.out)
		out, c.composed, err = c.gatherBody(*c.out, false)
		*c.out, c.gathered = out, len(out) > head // gatherBody may have taken another buffer
	}
	c.seen.expects = c.request.Continue && !c.composed
	if c.request.Continue && c.composed && !shared { // the client no longer waits for an invitation
		*c.out = slices.Delete(*c.out, expectAt, expectAt+len(expectLine))
	}
	return c.composed, err
}

// mayRepeat reports whether a request that failed on a pooled connection may be sent again: nothing of a response was
// read, every byte taken from the body is still in the buffer, and either nothing was sent or a proxy may repeat the method
// (RFC 9110, section 9.2.2).
func (c *upstreamCall) mayRepeat(err error) bool {
	var closed errUpstreamClosed
	if !errors.As(err, &closed) || c.cancelled() != nil || c.pump.taken {
		return false
	}
	var unsent errUnsent
	return errors.As(err, &unsent) || c.isRepeatable()
}

// blames reports whether an error of roundTrip counts as a failed connection to the upstream (S-18.5): no connection
// could be made, a new connection ended before any answer, or the upstream refused the request over HTTP/2. Other
// errors do not blame it: a connection that has answered may end at any time, an answer may take long, and clients
// leave.
func (c *upstreamCall) blames(err error) bool {
	if c.cancelled() != nil {
		return false
	}
	var notConnected errNotConnected
	var closed errUpstreamClosed
	return errors.As(err, &notConnected) || errors.As(err, &closed) && (!c.onKept || blamesServer(err)) && !isTimeout(err)
}

// mayGoElsewhere reports whether a request that failed with the error may be sent to another upstream (S-18.2): nothing
// was sent, the upstream has certainly not processed it, or it may be repeated.
func (c *upstreamCall) mayGoElsewhere(err error) bool {
	var notConnected errNotConnected
	if errors.As(err, &notConnected) {
		return c.cancelled() == nil && !c.pump.taken
	}
	return c.mayRepeat(err) || c.mayRepeatShared(err)
}

// isRepeatable reports whether a proxy may repeat the request.
func (c *upstreamCall) isRepeatable() bool {
	switch c.request.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return c.request.Fields.Has("Idempotency-Key")
}

// tryOn sends the request on one connection and reads the head of the final response. It passes interim responses to
// the client.
func (c *upstreamCall) tryOn(conn *upstreamConn, whole bool) error {
	conn.begin()
	c.seen = seenUse{expects: c.seen.expects}
	if !c.use(conn) {
		return c.cancelled()
	}
	if !c.timer.Set(deadline.PhaseUpstream, c.to.config.RequestTimeout-c.waited) {
		return os.ErrDeadlineExceeded // no other deadline would end the wait
	}
	var rest []byte
	var err error
	if conn.stream != nil {
		rest, err = c.sendShared(conn, whole)
	} else {
		rest, err = conn.send(*c.out)
	}
	if err != nil {
		return errUpstreamClosed{err}
	}
	if len(rest) > 0 || !whole {
		c.timer.Set(deadline.PhaseBody, c.body.idle)
		c.startPump(conn, rest, whole)
	} else {
		if c.request.Body == nil || !conn.shared && (!conn.reused && c.triesLeft == 0 || !c.isRepeatable()) {
			c.releaseOut() // it can be written again, or is not sent again
		}
		// Let other goroutines run. Afterwards the response has often arrived, and the read neither fails nor waits.
		runtime.Gosched()
	}
	for {
		err := conn.readHead()
		if err != nil {
			if !conn.received {
				err = errUpstreamClosed{err}
			}
			return err
		}
		c.seen.head(&c.pump, &conn.head)
		switch status := conn.head.Status; {
		case status == 101 && http1.HasToken(c.request.Upgrade, conn.head.Upgrade): // RFC 9110, section 7.8
			return nil
		case status == 101 || status > 599:
			return errBadResponse("unexpected status " + strconv.Itoa(status))
		case status >= 200:
			return nil
		case status == 100:
			c.toldToContinue()
			continue
		}
		fields := conn.head.Fields
		cleanResponse(&fields)
		c.owner.inform(conn.head.Status, passedReason(conn.head.Reason), fields)
	}
}

// release closes a connection on which the call failed, or which became a tunnel.
func (c *upstreamCall) release(conn *upstreamConn) {
	c.use(nil)
	if c.pump.running {
		conn.interrupt()
	}
	c.endPump(conn)
	conn.endStream()
	conn.detach().release()
	c.to.pool.drop(conn)
}

// giveBack returns the connection to its pool as soon as the response has been read to its end, whether or not the
// client has taken it (S-12.7). The fate of the connection depends on what the two messages have left on it. The part
// of the response that was read stays with the call until releaseResponse.
func (c *upstreamCall) giveBack(conn *upstreamConn) {
	if conn.shared {
		c.giveBackShared(conn)
		return
	}
	c.use(nil)
	use := c.useOf(conn)
	c.releaseOut()
	r := conn.detach()
	c.response = r
	fate := use.fate()
	if fate != fateClose && conn.readAhead() {
		fate = fateClose
	}
	conn.reused = true
	pool := c.to.pool
	switch fate {
	case fateReuse:
		pool.put(conn)
	case fatePin:
		c.pin.hold(conn, pool, c.to.host)
	default:
		pool.drop(conn)
	}
}

// releaseResponse releases the rest of a response whose connection was given back. The caller has copied it.
func (c *upstreamCall) releaseResponse() {
	c.response.release()
	c.response = nil
}
