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

// gatherSlack is the room that is left after the gathered bytes of a body, for their framing and usual trailers.
const gatherSlack = 512

var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, outBufferBytes+1<<10); return &b }}

// outBuffer takes a buffer for the request. It is large only for a large head. A body gets a large buffer once it fills
// the small one, and not before: a client can stop after one byte (S-12.8).
func (c *upstreamCall) outBuffer() *[]byte {
	if c.request.headBytes() > outBufferBytes {
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

// growOut replaces the small buffer with a large one, and copies what was written so far.
func (c *upstreamCall) growOut(written []byte) []byte {
	larger := takeLongOut()
	*larger = append(*larger, written...)
	c.releaseOut()
	c.out = larger
	return *larger
}

// outIsLarge reports whether the request has taken more than a small buffer.
func (c *upstreamCall) outIsLarge() bool {
	return c.out != nil && cap(*c.out) > outBufferBytes+1<<10
}

// releaseOut returns the request's buffer to its pool, unless a large head has enlarged it.
func (c *upstreamCall) releaseOut() {
	if c.out == nil {
		return
	}
	if cap(*c.out) == longBodyBufferBytes {
		*c.out = (*c.out)[:longBodyBufferBytes]
		longBuffers.Put(c.out)
	} else {
		putOutBuffer(c.out)
	}
	c.out = nil
}

// putOutBuffer returns a small buffer to its pool.
func putOutBuffer(b *[]byte) {
	if cap(*b) <= 2*outBufferBytes {
		*b = (*b)[:0]
		outBuffers.Put(b)
	}
}

// gatherBody appends the bytes of the body that have arrived, in their framing, so that they are sent in one piece. If
// wait is set, it waits for some. whole reports whether they are the rest of the body. Otherwise more follows when it
// arrives, or when there is room.
func (c *upstreamCall) gatherBody(out []byte, wait bool) (gathered []byte, whole bool, err error) {
	offset := 0
	if c.request.ContentLength < 0 && !c.to.isShared() {
		offset = chunkHeadBytes
	}
	for {
		if cap(out)-len(out) <= gatherSlack {
			if cap(out) >= longBodyBufferBytes {
				return out, false, nil
			}
			out = c.growOut(out)
		}
		room := out[len(out)+offset : cap(out)-gatherSlack/2]
		if wait {
			c.blocks()
		}
		data, err := c.body.read(room, wait)
		if wait {
			c.unblocks()
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
			out = c.appendBodyPart(out, data, err == io.EOF)
		}
		if err == io.EOF {
			return out, true, nil
		}
		wait = false
	}
}

// appendBodyPart writes bytes of the body in their framing, and the end of the body after the last ones.
func (c *upstreamCall) appendBodyPart(out, data []byte, last bool) []byte {
	if c.request.ContentLength >= 0 || c.to.isShared() {
		return append(out, data...)
	}
	if len(data) > 0 {
		out = http1.AppendChunkHead(out, len(data))
		out = append(out, data...)
		out = http1.AppendChunkEnd(out)
	}
	if last {
		trailers := c.trailersToSend()
		if len(trailers) > 0 && !fitsTrailers(out, trailers) && cap(out) < longBodyBufferBytes {
			out = c.growOut(out)
		}
		out = http1.AppendLastChunk(out, trailers)
	}
	return out
}

// trailersToSend returns the trailers that may be sent after a body that has ended. It is called once.
func (c *upstreamCall) trailersToSend() Fields {
	trailers := c.body.trailers()
	trailers.Remove(forbiddenTrailer)
	if owned := c.request.Owned; owned != nil {
		trailers.Remove(func(field Field) bool { return owned.Has(field.Name) })
	}
	if vouched := c.request.Vouched; vouched != nil {
		trailers.Remove(func(field Field) bool { return vouched.Has(field.Name) })
	}
	if rules := c.request.Rules; rules != nil {
		trailers.Remove(func(field Field) bool { return rules.Replaces(field.Name) })
	}
	return trailers
}

// fitsTrailers reports whether there is room for trailers and their framing after what was written.
func fitsTrailers(out []byte, trailers Fields) bool {
	room := cap(out) - len(out) - gatherSlack/2
	for i := range trailers {
		room -= len(trailers[i].Name) + len(trailers[i].Value) + len(": \r\n")
	}
	return room >= 0
}

// bodyPump is the goroutine that sends a body while it still arrives, so that the response can be read at the same
// time: an upstream may answer before it has the whole body.
type bodyPump struct {
	running bool
	// taken reports whether the pump has begun to take bytes of the body, so that the request cannot be sent again.
	// stopping reports whether the pump may no longer begin. The call's mu guards both.
	taken, stopping bool
	done            chan struct{}
	err             error
	// last is set before the last write begins. waited is set after that write, and reports whether it had to wait for
	// the upstream.
	last   atomic.Bool
	waited bool
}

// errPumpStopped is the error of a pump that was stopped before it took any byte of the body.
var errPumpStopped = errors.New("the exchange ended before the body was sent")

// lastWriteTime is how long the pump may still write, once the response is complete and the body has been read to its
// end. The end of the response waits for that write.
const lastWriteTime = 100 * time.Millisecond

// startPump starts sending the rest of the request in the buffer. Unless whole is set, the body follows as it arrives.
func (c *upstreamCall) startPump(conn *upstreamConn, rest []byte, whole bool) {
	if c.pump.done == nil {
		c.pump.done = make(chan struct{}, 1)
	}
	c.pump.running, c.pump.stopping, c.pump.err = true, false, nil
	c.pump.waited = false
	c.pump.last.Store(false)
	go func() {
		defer contain(c.log, c.request.ClientText, func() {
			c.pump.err = errPumpStopped
			conn.interrupt()
			c.pump.done <- struct{}{}
		})
		c.pump.err = c.sendRest(conn, rest, whole)
		if c.body.failed() != nil {
			conn.interrupt() // there is nothing left to wait for
		}
		c.pump.done <- struct{}{}
	}()
}

// sendRest is the pump's main function.
func (c *upstreamCall) sendRest(conn *upstreamConn, rest []byte, whole bool) error {
	if len(rest) > 0 {
		if err := c.sendPart(conn, rest, whole); err != nil {
			return err
		}
	}
	if whole {
		return nil
	}
	if c.outIsLarge() && (!c.gathered || !conn.reused && c.triesLeft == 0) {
		c.releaseOut() // it is no longer needed, or can be written again
	}
	c.awaitContinue()
	if !c.beginTaking() {
		return errPumpStopped
	}
	for {
		wait := c.awaitPart()
		part, whole, err := c.gatherBody((*c.out)[:0], wait)
		if err != nil {
			return err
		}
		if len(part) == 0 && !whole {
			continue // the beginning of a TLS record, or of a chunk
		}
		if err := c.sendPart(conn, part, whole); err != nil || whole {
			return err
		}
	}
}

// awaitPart takes a buffer for the next part of the body. If possible it does so only once some of the part has
// arrived, because a client may take its time (S-12.8). It reports whether the part may still have to be waited for.
func (c *upstreamCall) awaitPart() (wait bool) {
	wait = true
	if source, ok := c.body.source.(bodyAwaiter); ok {
		large := c.outIsLarge()
		c.releaseOut()
		c.blocks()
		n := c.body.await(source)
		c.unblocks()
		wait = n >= 0
		if n > outBufferBytes || n < 0 && large {
			c.out = takeLongOut()
		}
	}
	if c.out == nil {
		c.out = outBuffers.Get().(*[]byte)
	}
	return wait
}

// sendPart writes a part of the request.
func (c *upstreamCall) sendPart(conn *upstreamConn, part []byte, last bool) error {
	if last {
		c.pump.last.Store(true)
	}
	if conn.stream != nil {
		waited, err := c.sendSharedPart(conn, part, last)
		if err != nil {
			return err
		}
		c.pump.waited = last && waited
		c.bodyMoved(last)
		return nil
	}
	if last {
		conn.socket.waited.Store(false)
	}
	if len(part) > 0 {
		if _, err := conn.Write(part); err != nil {
			return err
		}
	}
	c.pump.waited = last && conn.socket.waited.Load()
	c.bodyMoved(last)
	return nil
}

// beginTaking records that the pump begins to take the body. It returns false if the pump must stop.
func (c *upstreamCall) beginTaking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pump.taken = !c.pump.stopping
	return c.pump.taken
}

// stopTaking keeps the pump from beginning to take the body. It reports whether the pump had already begun.
func (c *upstreamCall) stopTaking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pump.stopping = true
	return c.pump.taken
}

// bodyMoved sets the deadline after bytes of the body were sent. After the last byte the upstream's time to answer
// begins, unless it has already answered.
func (c *upstreamCall) bodyMoved(last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last && !c.delivering.Load() {
		c.timer.Set(deadline.PhaseUpstream, c.to.config.RequestTimeout)
		return
	}
	c.timer.Set(deadline.PhaseBody, c.body.idle)
}

// endPump waits for the pump, and interrupts it if the body is still arriving. It reports whether the whole body was
// sent and the connection is intact.
func (c *upstreamCall) endPump(conn *upstreamConn) bool {
	if !c.pump.running {
		return true
	}
	c.pump.running = false
	taken := c.stopTaking()
	if c.request.Continue {
		c.endContinue()
	}
	select {
	case <-c.pump.done:
		return c.pump.err == nil
	default:
	}
	if c.body.isEnded() {
		// Only a write is left. It is nearly always complete by now, unless the upstream has answered without reading.
		lift := conn.boundWrites(lastWriteTime)
		<-c.pump.done
		return lift() && c.pump.err == nil
	}
	failed := c.body.failure.Load()
	if taken {
		c.owner.stopBody()
	}
	conn.interrupt()
	<-c.pump.done
	if failed == nil {
		c.body.failure.Store(nil) // the interrupted read is not the client's fault
	}
	return false
}
