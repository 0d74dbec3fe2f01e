package proxy

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"

	"reverse-proxy/proxy/http1"
)

// outBufferBytes is the size of the buffers in which heads are written, with as much of a body as fits.
const outBufferBytes = 16 << 10

var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, outBufferBytes+1<<10); return &b }}

// putOutBuffer gives a buffer back, unless a large head has made it large.
func putOutBuffer(b *[]byte) {
	if cap(*b) <= 2*outBufferBytes {
		*b = (*b)[:0]
		outBuffers.Put(b)
	}
}

// errUpstreamClosed marks the failure of a connection before a byte of the response had come.
type errUpstreamClosed struct{ error }

// Unwrap returns the cause.
func (e errUpstreamClosed) Unwrap() error { return e.error }

// roundTrip sends the request to the site's upstream and reads the head of its response. A pooled connection that turns
// out to be dead is replaced by a new one where that is safe (S-6.8). The connection that it returns is the exchange's
// until finish.
func (x *exchange) roundTrip(pool *upstreamPool) (*upstreamConn, error) {
	out := outBuffers.Get().(*[]byte)
	defer putOutBuffer(out)
	*out = x.appendRequest((*out)[:0])
	pumped := x.body.present() && !x.body.whole()
	if x.body.present() && !pumped {
		var err error
		if *out, err = x.appendBody(*out); err != nil {
			return nil, err
		}
	}
	conn := pool.take()
	for {
		if conn == nil {
			var err error
			if conn, err = dialUpstream(x); err != nil {
				return nil, err
			}
		}
		reused := conn.reused
		err := x.tryOn(conn, *out, pumped)
		if err == nil {
			return conn, nil
		}
		x.release(conn)
		if !reused || !x.mayRepeat(err, pumped) {
			return nil, err
		}
		conn = nil // another pooled one could be as dead
	}
}

// mayRepeat reports whether a request that failed on a pooled connection may be sent again: nothing of a response was
// read, nothing of a body was taken that is not in the buffer, and the method may be repeated by a proxy (RFC 9110,
// section 9.2.2).
func (x *exchange) mayRepeat(err error, pumped bool) bool {
	var closed errUpstreamClosed
	if !errors.As(err, &closed) || x.cancelled() != nil || pumped && x.body.taken {
		return false
	}
	switch x.request.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return x.request.Fields.Has("Idempotency-Key")
}

// tryOn sends the request on one connection and reads the final response's head. Interim ones go to the client.
func (x *exchange) tryOn(conn *upstreamConn, request []byte, pumped bool) error {
	conn.received = false
	if !x.use(conn) {
		return x.cancelled()
	}
	waiting, timeout := phaseUpstream, x.site.RequestTimeout
	if pumped {
		waiting, timeout = phaseBody, x.body.idle
	}
	if !x.watch.set(waiting, timeout) {
		return os.ErrDeadlineExceeded // no other would ever end the wait
	}
	if _, err := conn.Write(request); err != nil {
		return errUpstreamClosed{err}
	}
	if pumped {
		x.startPump(conn)
	}
	for {
		err := conn.readHead()
		if err != nil {
			if !conn.received {
				err = errUpstreamClosed{err}
			}
			return err
		}
		switch status := conn.head.Status; {
		case status == 101 && http1.HasToken(x.request.Upgrade, conn.head.Upgrade): // RFC 9110, section 7.8
			return nil
		case status == 101 || status > 599:
			return errBadResponse("its status " + strconv.Itoa(status) + " is none that was asked for")
		case status >= 200:
			return nil
		case status == 100:
			x.toldToContinue()
			continue
		}
		fields := conn.head.Fields
		removeHopByHop(&fields)
		fields.Remove(isServerField) // S-6.5
		x.inform(conn.head.Status, fields)
	}
}

// appendRequest writes the request's head as the upstream gets it.
func (x *exchange) appendRequest(out []byte) []byte {
	r := x.request
	out = http1.AppendRequestLine(out, r.Method, r.Target)
	out = http1.AppendField(out, "Host", r.Authority)
	for i := range r.Fields {
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
	if r.Upgrade != "" {
		out = http1.AppendField(out, "Connection", "Upgrade")
		out = http1.AppendField(out, "Upgrade", r.Upgrade)
	}
	return append(out, "\r\n"...)
}

// needsLength reports whether a method says that there is a body, so that its absence has to be told (RFC 9110,
// section 8.6).
func needsLength(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

// appendBody writes a body that is there whole.
func (x *exchange) appendBody(out []byte) ([]byte, error) {
	for {
		data, err := x.body.next()
		out = x.appendBodyPart(out, data, err == io.EOF)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// appendBodyPart writes bytes of the body in its framing, and its end after the last.
func (x *exchange) appendBodyPart(out, data []byte, last bool) []byte {
	if x.request.ContentLength >= 0 {
		return append(out, data...)
	}
	if len(data) > 0 {
		out = http1.AppendChunkHead(out, len(data))
		out = append(out, data...)
		out = http1.AppendChunkEnd(out)
	}
	if last {
		trailers := x.body.trailers()
		trailers.Remove(forbiddenTrailer)
		out = http1.AppendLastChunk(out, trailers)
	}
	return out
}

// bodyPump is the goroutine that sends a body which is still on its way, so that the response can be read meanwhile: an
// upstream may answer before it has all of it.
type bodyPump struct {
	running bool
	done    chan struct{}
	err     error
}

// startPump starts sending the body.
func (x *exchange) startPump(conn *upstreamConn) {
	if x.pump.done == nil {
		x.pump.done = make(chan struct{}, 1)
	}
	x.pump.running, x.pump.err = true, nil
	go func() {
		x.awaitContinue()
		x.pump.err = x.sendBody(conn)
		if x.body.failed() != nil {
			conn.interrupt() // there is nothing to wait for any more
		}
		x.pump.done <- struct{}{}
	}()
}

// sendBody sends the body as it comes.
func (x *exchange) sendBody(conn *upstreamConn) error {
	out := outBuffers.Get().(*[]byte)
	defer putOutBuffer(out)
	for {
		data, err := x.body.next()
		if err != nil && err != io.EOF {
			return err
		}
		part := data
		if x.request.ContentLength < 0 {
			*out = x.appendBodyPart((*out)[:0], data, err == io.EOF)
			part = *out
		}
		if len(part) > 0 {
			if _, writeErr := conn.Write(part); writeErr != nil {
				return writeErr
			}
		}
		x.bodyMoved(err == io.EOF)
		if err == io.EOF {
			return nil
		}
	}
}

// bodyMoved sets the deadline after bytes of the body were sent: at the last one the upstream's time begins, unless it
// has answered already.
func (x *exchange) bodyMoved(last bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if last && !x.answered.Load() {
		x.watch.set(phaseUpstream, x.site.RequestTimeout)
		return
	}
	x.watch.set(phaseBody, x.body.idle)
}

// beginAnswer says that the response goes out from now on.
func (x *exchange) beginAnswer() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answered.Store(true)
	x.watch.set(phaseBody, x.body.idle)
}

// endPump waits for the pump, which it interrupts if the body is still on its way, and reports whether the body was sent
// whole.
func (x *exchange) endPump(conn *upstreamConn) bool {
	if !x.pump.running {
		return true
	}
	x.pump.running = false
	if x.request.Continue {
		x.endContinue()
	}
	select {
	case <-x.pump.done:
	default:
		if x.body.isEnded() {
			<-x.pump.done
			break
		}
		failed := x.body.failure.Load()
		x.client.Interrupt(false)
		conn.interrupt()
		<-x.pump.done
		if failed == nil {
			x.body.failure.Store(nil) // that the read was interrupted is not the client's doing
		}
		x.body.taken = true // the client cannot be read from again
		return false
	}
	return x.pump.err == nil
}

// release closes a connection on which the exchange failed.
func (x *exchange) release(conn *upstreamConn) {
	x.use(nil)
	x.endPump(conn)
	conn.body.release()
	conn.releaseBuffer()
	conn.Close()
}

// finish ends the exchange with the upstream: the connection goes back into the pool when both messages were complete and
// nothing follows the response.
func (x *exchange) finish(conn *upstreamConn, pool *upstreamPool, complete bool) {
	x.use(nil)
	sent := x.endPump(conn)
	leftover := conn.body.buffered()
	conn.body.release()
	conn.releaseBuffer()
	if !complete || !sent || leftover > 0 || !conn.head.KeepAlive || conn.body.kind == http1.BodyUntilClose || x.cancelled() != nil ||
		conn.readAhead() {
		conn.Close()
		return
	}
	conn.reused = true
	pool.put(conn)
}

// interrupt makes blocked reads and writes return.
func (u *upstreamConn) interrupt() { _ = u.Conn.SetDeadline(pastDeadline) }
