package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
)

// outBufferBytes is the size of the buffers for request heads, with as much of the body as fits.
const outBufferBytes = 16 << 10

// chunkHeadBytes is the room for the line before a chunk. The chunk's size fits into eight digits.
const chunkHeadBytes = 8 + len("\r\n")

// gatherSlack is the room left after the gathered bytes of a body for their framing and usual trailers.
const gatherSlack = 512

var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, outBufferBytes+1<<10); return &b }}

// outBuffer takes a buffer for the request: a large one only for a large head. A body gets a large one once it fills the
// small one, not before: a client can stop after one byte (S-12.8).
func (x *exchange) outBuffer() *[]byte {
	if x.request.headBytes() > outBufferBytes {
		return takeLongOut()
	}
	return outBuffers.Get().(*[]byte)
}

// takeLongOut takes a large buffer for a request.
func takeLongOut() *[]byte {
	b := longBuffers.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

// growOut replaces the small buffer by a large one, with what was written so far.
func (x *exchange) growOut(written []byte) []byte {
	larger := takeLongOut()
	*larger = append(*larger, written...)
	x.releaseOut()
	x.call.out = larger
	return *larger
}

// outIsLarge reports whether the request has taken more than a small buffer.
func (x *exchange) outIsLarge() bool {
	return x.call.out != nil && cap(*x.call.out) > outBufferBytes+1<<10
}

// releaseOut gives the request's buffer back, unless a large head has enlarged it.
func (x *exchange) releaseOut() {
	if x.call.out == nil {
		return
	}
	if cap(*x.call.out) == longBodyBufferBytes {
		*x.call.out = (*x.call.out)[:longBodyBufferBytes]
		longBuffers.Put(x.call.out)
	} else {
		putOutBuffer(x.call.out)
	}
	x.call.out = nil
}

// putOutBuffer gives a small buffer back.
func putOutBuffer(b *[]byte) {
	if cap(*b) <= 2*outBufferBytes {
		*b = (*b)[:0]
		outBuffers.Put(b)
	}
}

// gatherBody appends the bytes of the body that have arrived, in their framing, so that they are sent in one piece. With
// wait it waits for some. It reports whether that was the rest of the body; else more follows when it arrives, or when there
// is room.
func (x *exchange) gatherBody(out []byte, wait bool) (gathered []byte, whole bool, err error) {
	offset := 0
	if x.request.ContentLength < 0 {
		offset = chunkHeadBytes
	}
	for {
		if cap(out)-len(out) <= gatherSlack {
			if cap(out) >= longBodyBufferBytes {
				return out, false, nil
			}
			out = x.growOut(out)
		}
		room := out[len(out)+offset : cap(out)-gatherSlack/2]
		if wait {
			x.blocks()
		}
		data, err := x.body.read(room, wait)
		if wait {
			x.unblocks()
		}
		if err == errNotReady {
			return out, false, nil
		}
		if err != nil && err != io.EOF {
			return out, false, err
		}
		if offset == 0 && len(data) > 0 && &data[0] == &room[0] {
			out = out[:len(out)+len(data)]
		} else {
			out = x.appendBodyPart(out, data, err == io.EOF)
		}
		if err == io.EOF {
			return out, true, nil
		}
		wait = false
	}
}

// appendBodyPart writes bytes of the body in their framing, and the end of the body after the last ones.
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
		if len(trailers) > 0 && !fitsTrailers(out, trailers) && cap(out) < longBodyBufferBytes {
			out = x.growOut(out)
		}
		out = http1.AppendLastChunk(out, trailers)
	}
	return out
}

// fitsTrailers reports whether there is room for trailers, and for what frames them, after what was written.
func fitsTrailers(out []byte, trailers Fields) bool {
	room := cap(out) - len(out) - gatherSlack/2
	for i := range trailers {
		room -= len(trailers[i].Name) + len(trailers[i].Value) + len(": \r\n")
	}
	return room >= 0
}

// bodyPump is the goroutine that sends a body while it still arrives, so that the response can be read meanwhile: an
// upstream may answer before it has the whole body.
type bodyPump struct {
	running bool
	// taken reports whether the pump has begun to take bytes of the body, so that the request cannot be sent again, and
	// stopping that it must no longer begin. The exchange's mu guards both.
	taken, stopping bool
	done            chan struct{}
	err             error
	// last is set before the last write begins. waited is set after it, and reports whether it had to wait for the upstream.
	last   atomic.Bool
	waited bool
}

// errPumpStopped is the error of a pump that was stopped before it took any byte of the body.
var errPumpStopped = errors.New("the exchange ended before the body was sent")

// lastWriteTime is how long sending the rest of a fully read body may take once the response is complete. The end of the
// response waits for it.
const lastWriteTime = 100 * time.Millisecond

// startPump starts sending the rest of the request in the buffer, and then the body as it arrives unless that was all.
func (x *exchange) startPump(conn *upstreamConn, rest []byte, whole bool) {
	if x.call.pump.done == nil {
		x.call.pump.done = make(chan struct{}, 1)
	}
	x.call.pump.running, x.call.pump.stopping, x.call.pump.err = true, false, nil
	x.call.pump.waited = false
	x.call.pump.last.Store(false)
	go func() {
		defer contain(x.log, x.request.ClientText, func() {
			x.call.pump.err = errPumpStopped
			conn.interrupt()
			x.call.pump.done <- struct{}{}
		})
		x.call.pump.err = x.sendRest(conn, rest, whole)
		if x.body.failed() != nil {
			conn.interrupt() // nothing is left to wait for
		}
		x.call.pump.done <- struct{}{}
	}()
}

// sendRest is the pump's main function.
func (x *exchange) sendRest(conn *upstreamConn, rest []byte, whole bool) error {
	if len(rest) > 0 {
		if err := x.sendPart(conn, rest, whole); err != nil {
			return err
		}
	}
	if whole {
		return nil
	}
	if x.outIsLarge() && (!x.call.gathered || !conn.reused) {
		x.releaseOut() // it is no longer needed, or can be written again
	}
	x.awaitContinue()
	if !x.beginTaking() {
		return errPumpStopped
	}
	for {
		x.awaitPart()
		part, whole, err := x.gatherBody((*x.call.out)[:0], true)
		if err != nil {
			return err
		}
		if err := x.sendPart(conn, part, whole); err != nil || whole {
			return err
		}
	}
}

// awaitPart takes a buffer for the next part of the body, if possible only once some of it has arrived: a client may take
// its time (S-12.8).
func (x *exchange) awaitPart() {
	if source, ok := x.body.source.(bodyAwaiter); ok {
		x.releaseOut()
		x.blocks()
		n := x.body.await(source)
		x.unblocks()
		if n > outBufferBytes {
			x.call.out = takeLongOut()
		}
	}
	if x.call.out == nil {
		x.call.out = outBuffers.Get().(*[]byte)
	}
}

// sendPart writes a part of the request.
func (x *exchange) sendPart(conn *upstreamConn, part []byte, last bool) error {
	if last {
		conn.socket.waited.Store(false)
		x.call.pump.last.Store(true)
	}
	if len(part) > 0 {
		if _, err := conn.Write(part); err != nil {
			return err
		}
	}
	x.call.pump.waited = last && conn.socket.waited.Load()
	x.bodyMoved(last)
	return nil
}

// beginTaking marks the body as begun, unless the pump has to stop.
func (x *exchange) beginTaking() bool {
	x.call.mu.Lock()
	defer x.call.mu.Unlock()
	x.call.pump.taken = !x.call.pump.stopping
	return x.call.pump.taken
}

// stopTaking keeps the pump from starting with the body, and reports whether it had already started.
func (x *exchange) stopTaking() bool {
	x.call.mu.Lock()
	defer x.call.mu.Unlock()
	x.call.pump.stopping = true
	return x.call.pump.taken
}

// bodyMoved sets the deadline after bytes of the body were sent. With the last one the upstream's time begins, unless it has
// already answered.
func (x *exchange) bodyMoved(last bool) {
	x.call.mu.Lock()
	defer x.call.mu.Unlock()
	if last && !x.answered.Load() {
		x.watch.Set(deadline.PhaseUpstream, x.route.site.RequestTimeout)
		return
	}
	x.watch.Set(deadline.PhaseBody, x.body.idle)
}

// endPump waits for the pump, and interrupts it if the body is still arriving. It reports whether the body was sent whole
// and the connection is intact.
func (x *exchange) endPump(conn *upstreamConn) bool {
	if !x.call.pump.running {
		return true
	}
	x.call.pump.running = false
	taken := x.stopTaking()
	if x.request.Continue {
		x.endContinue()
	}
	select {
	case <-x.call.pump.done:
		return x.call.pump.err == nil
	default:
	}
	if x.body.isEnded() {
		// Only a write is left. It is nearly always done by now, unless the upstream has answered without reading.
		_ = conn.SetWriteDeadline(time.Now().Add(lastWriteTime))
		<-x.call.pump.done
		return x.call.pump.err == nil && conn.SetWriteDeadline(time.Time{}) == nil
	}
	failed := x.body.failure.Load()
	if taken {
		x.client.Interrupt(false)
	}
	conn.interrupt()
	<-x.call.pump.done
	if failed == nil {
		x.body.failure.Store(nil) // the interrupted read is not the client's fault
	}
	return false
}
