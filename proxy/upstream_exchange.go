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

// errUpstreamClosed marks the failure of a connection before any byte of the response arrived.
type errUpstreamClosed struct{ error }

// Unwrap returns the cause.
func (e errUpstreamClosed) Unwrap() error { return e.error }

// roundTrip sends the request to the site's upstream and reads the head of its response. It replaces a pooled connection
// that turns out to be dead by a new one if that is safe (S-6.8). The returned connection belongs to the exchange until
// giveBack or release. roundTrip composes nothing until it has a connection to write to (S-12.8).
func (x *exchange) roundTrip(pool *upstreamPool) (conn *upstreamConn, err error) {
	defer func() {
		if err != nil || !x.call.pump.running {
			x.releaseOut()
		}
	}()
	if conn = x.call.pin.take(pool, x.route.site.Host, x); conn == nil {
		conn = pool.take(x)
	}
	sent := x.start // within what the stages before took
	for {
		if conn == nil {
			began := time.Now()
			if conn, err = x.connect(pool); err != nil {
				return nil, err
			}
			sent = time.Now()
			x.connectTime = sent.Sub(began)
		}
		whole, err := x.compose()
		if err != nil {
			pool.put(conn) // nothing was sent on it
			return nil, err
		}
		reused := conn.reused
		err = x.tryOn(conn, whole)
		if err == nil {
			x.responseTime = time.Since(sent)
			return conn, nil
		}
		x.release(conn, pool)
		if !reused || !x.mayRepeat(err) {
			return nil, err
		}
		conn = nil // another pooled one could be just as dead
	}
}

// compose writes the request into the buffer, with the part of its body that has arrived, and reports whether that is all
// of it. A request that was already composed, for a connection that was dead, is left as it is.
func (x *exchange) compose() (whole bool, err error) {
	if x.call.out != nil {
		return x.call.composed, nil
	}
	x.settleLength()
	x.call.out = x.outBuffer()
	*x.call.out = x.appendRequest((*x.call.out)[:0])
	x.call.composed = true
	expectAt := len(*x.call.out) - len(expectLine) - len("\r\n")
	x.call.gathered = false
	if x.body.present() {
		var out []byte
		head := len(*x.call.out)
		out, x.call.composed, err = x.gatherBody(*x.call.out, false)
		*x.call.out, x.call.gathered = out, len(out) > head // gatherBody may have taken another buffer
	}
	x.call.seen.expects = x.request.Continue && !x.call.composed
	if x.request.Continue && x.call.composed { // the client no longer waits for an invitation
		*x.call.out = slices.Delete(*x.call.out, expectAt, expectAt+len(expectLine))
	}
	return x.call.composed, err
}

// expectLine is the field line that tells an upstream to ask for the body. It is the last one of a head.
const expectLine = "Expect: 100-continue\r\n"

// mayRepeat reports whether a request that failed on a pooled connection may be sent again: nothing of a response was
// read, every byte taken from the body is still in the buffer, and a proxy may repeat the method (RFC 9110, section
// 9.2.2).
func (x *exchange) mayRepeat(err error) bool {
	var closed errUpstreamClosed
	if !errors.As(err, &closed) || x.cancelled() != nil || x.call.pump.taken {
		return false
	}
	return x.isRepeatable()
}

// isRepeatable reports whether a proxy may repeat the request.
func (x *exchange) isRepeatable() bool {
	switch x.request.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return x.request.Fields.Has("Idempotency-Key")
}

// tryOn sends the request on one connection and reads the head of the final response. It passes interim responses to the
// client.
func (x *exchange) tryOn(conn *upstreamConn, whole bool) error {
	conn.begin()
	x.call.seen = seenUse{expects: x.call.seen.expects}
	if !x.use(conn) {
		return x.cancelled()
	}
	if !x.watch.Set(deadline.PhaseUpstream, x.route.site.RequestTimeout) {
		return os.ErrDeadlineExceeded // no other deadline would ever end the wait
	}
	rest, err := conn.send(*x.call.out)
	if err != nil {
		return errUpstreamClosed{err}
	}
	if len(rest) > 0 || !whole {
		x.watch.Set(deadline.PhaseBody, x.body.idle)
		x.startPump(conn, rest, whole)
	} else {
		if x.request.Body == nil || !conn.reused || !x.isRepeatable() {
			x.releaseOut() // it can be written again, or is not sent again
		}
		// Let other goroutines work: afterwards the response is often there, and the read neither fails nor waits.
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
		x.call.seen.head(x, &conn.head)
		switch status := conn.head.Status; {
		case status == 101 && http1.HasToken(x.request.Upgrade, conn.head.Upgrade): // RFC 9110, section 7.8
			return nil
		case status == 101 || status > 599:
			return errBadResponse("unexpected status " + strconv.Itoa(status))
		case status >= 200:
			return nil
		case status == 100:
			x.toldToContinue()
			continue
		}
		fields := conn.head.Fields
		cleanResponse(&fields)
		x.inform(conn.head.Status, passedReason(conn.head.Reason), fields)
	}
}

// appendRequest writes the request's head for the upstream.
func (x *exchange) appendRequest(out []byte) []byte {
	r := x.request
	out = http1.AppendRequestLine(out, r.Method, r.Target)
	out = http1.AppendField(out, "Host", r.Authority)
	for i := range r.Fields {
		if name := r.Fields[i].Name; len(name) == len("Expect") {
			if http1.EqualFold(name, "Expect") {
				continue
			}
			if len(r.Cookies) > 0 && name == "cookie" {
				out = http1.AppendCookie(out, name, r.Fields[i].Value, r.Cookies)
				continue
			}
		}
		out = http1.AppendField(out, r.Fields[i].Name, r.Fields[i].Value)
	}
	switch {
	case x.body.source != nil && r.ContentLength < 0:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
		if len(r.TrailerNames) > 0 {
			out = append(out, "Trailer: "...)
			for i, name := range r.TrailerNames {
				if i > 0 {
					out = append(out, ", "...)
				}
				out = append(out, name...)
			}
			out = append(out, "\r\n"...)
		}
	case x.body.source != nil || needsLength(r.Method):
		out = append(out, "Content-Length: "...)
		out = http1.AppendInt(out, max(0, r.ContentLength))
		out = append(out, "\r\n"...)
	}
	switch {
	case r.Upgrade != "" && r.AcceptsTrailers:
		out = append(out, "Connection: Upgrade, TE\r\n"...)
	case r.Upgrade != "":
		out = append(out, "Connection: Upgrade\r\n"...)
	case r.AcceptsTrailers:
		out = append(out, "Connection: TE\r\n"...) // RFC 9110, section 10.1.4
	}
	if r.Upgrade != "" {
		out = http1.AppendField(out, "Upgrade", r.Upgrade)
	}
	if r.AcceptsTrailers {
		out = append(out, "TE: trailers\r\n"...)
	}
	if r.Continue {
		out = append(out, expectLine...)
	}
	return append(out, "\r\n"...)
}

// needsLength reports whether a method implies a body, so that an absent one has to be declared (RFC 9110, section 8.6).
func needsLength(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

// release closes a connection on which the exchange failed, or which became a tunnel.
func (x *exchange) release(conn *upstreamConn, pool *upstreamPool) {
	x.use(nil)
	if x.call.pump.running {
		conn.interrupt()
	}
	x.endPump(conn)
	conn.detach().release()
	pool.drop(conn)
}

// giveBack ends the exchange with the upstream as soon as the response has been read to its end, whether or not the client
// has taken it (S-12.7). The fate of the connection depends on what the two messages have left on it. What was read of the
// response stays with the exchange until releaseResponse.
func (x *exchange) giveBack(conn *upstreamConn, pool *upstreamPool) {
	x.use(nil)
	use := x.useOf(conn)
	x.releaseOut()
	r := conn.detach()
	x.call.response = r
	fate := use.fate()
	if fate != fateClose && conn.readAhead() {
		fate = fateClose
	}
	conn.reused = true
	switch fate {
	case fateReuse:
		pool.put(conn)
	case fatePin:
		x.call.pin.hold(conn, pool, x.route.site.Host)
	default:
		pool.drop(conn)
	}
}

// releaseResponse releases what is left of a response whose connection was given back. The caller has copied the rest.
func (x *exchange) releaseResponse() {
	x.call.response.release()
	x.call.response = nil
}

// interrupt makes blocked reads and writes return.
func (u *upstreamConn) interrupt() { _ = u.Conn.SetDeadline(pastDeadline) }
