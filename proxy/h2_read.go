package proxy

import (
	"bytes"
	"io"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http2"
)

// read reads frames until the connection ends. The error is an *http2.Error if the client broke a rule, and a read error
// otherwise.
func (h *h2Conn) read() error {
	if !h.client.timer.Set(deadline.PhaseHead, h.server.headerTimeout) {
		return errClientGone
	}
	if err := h.readPreface(); err != nil {
		return err
	}
	return h.readFrames()
}

// readOn continues the read at which the connection became dormant.
func (h *h2Conn) readOn() error {
	if err := h.fill(); err != nil {
		return err
	}
	return h.readFrames()
}

// readFrames handles the frames that were read, and reads more until the connection ends or becomes dormant.
func (h *h2Conn) readFrames() error {
	for {
		h.takeTurn()
		err := h.frames()
		h.begin()
		h.endTurn()
		if err != nil {
			return err
		}
		h.timeHead()
		if h.client.revived {
			h.server.registry.stays(h.client)
		}
		if err := h.fill(); err != nil {
			return err
		}
	}
}

// takeTurn waits for room for the streams that the input may begin, and for a turn to parse the input. Meanwhile the
// connection does not count as idle: the input may contain a request, which would be lost with the connection.
func (h *h2Conn) takeTurn() {
	c, room := h.client, &h.server.registry.room
	if h.intake = c.account.intake(); h.intake != nil {
		h.reserved = streamsIn(h.end - h.start)
		if !h.intake.try(h.reserved) {
			h.awaitTurn(func() { h.intake.await(h.reserved) })
		}
	}
	if all := c.turn.try(c.account); all != nil {
		h.awaitTurn(func() { c.turn.await(all) })
	}
	if room.open() || !h.hasFrame() {
		return
	}
	c.turn.give() // streams that have begun may need the turn to run, and room is made as they run
	n := streamsIn(h.end - h.start)
	h.awaitTurn(func() {
		room.await(&c.account.room, n)
		c.turn.take(c.account)
	})
	h.inRoom = n
}

// hasFrame reports whether the input has a complete frame. Input without one begins no stream.
func (h *h2Conn) hasFrame() bool {
	if h.end-h.start < http2.HeaderBytes {
		return false
	}
	head, err := http2.ParseHeader((*h.in)[h.start:h.end])
	return err == nil && h.end-h.start >= http2.HeaderBytes+head.Length
}

// awaitTurn calls wait, which waits until the input may be parsed. Until then the input takes no more memory than it
// needs, because a client can make many connections wait (S-12.8).
func (h *h2Conn) awaitTurn(wait func()) {
	h.mu.Lock()
	if h.greeted && !h.heading {
		h.heading = true // timeHead determines later what is awaited
		h.client.timer.Set(deadline.PhaseHead, h.server.headerTimeout)
	}
	h.mu.Unlock()
	h.withoutInput(wait)
}

// withoutInput calls wait while the input takes no more memory than it needs.
func (h *h2Conn) withoutInput(wait func()) {
	if h.in == nil {
		wait()
		return
	}
	input := bytes.Clone((*h.in)[h.start:h.end])
	h.releaseInput()
	wait()
	if h.start, h.end = 0, len(input); h.end > 0 {
		h.in = h2ReadBuffers.Get().(*[]byte)
		copy(*h.in, input)
	}
}

// restIfMust rests between two reads if it is time to. Hundreds of connections may rest at the same time, so it does that
// between frames, where the connection holds no buffer. If frames never end with a read, it rests within one (S-12.8).
func (h *h2Conn) restIfMust() {
	pace := &h.client.socket.readPace
	if h.start < h.end && pace.steps.Load() < 2*paceSteps || !pace.mustRest() {
		return
	}
	h.withoutInput(pace.rest)
}

// endTurn gives up what takeTurn has taken.
func (h *h2Conn) endTurn() {
	h.client.turn.give()
	if h.intake != nil {
		h.intake.parsed(h.reserved)
		h.intake = nil
	}
	if h.inRoom > 0 {
		h.server.registry.room.leave(h.inRoom)
		h.inRoom = 0
	}
}

// readPreface reads what a client sends before its first frame.
func (h *h2Conn) readPreface() error {
	for h.end-h.start < len(http2.Preface) {
		n := h.end - h.start
		if n > 0 && string((*h.in)[h.start:h.end]) != http2.Preface[:n] {
			break
		}
		if err := h.fill(); err != nil {
			return err
		}
	}
	n := min(h.end-h.start, len(http2.Preface))
	if string((*h.in)[h.start:h.start+n]) != http2.Preface {
		return &http2.Error{Code: http2.ProtocolError, Reason: "the connection does not begin with the preface"}
	}
	h.start += n
	h.begun = true
	return nil
}

// fill reads more bytes after those in the buffer. Between frames it waits without a buffer, so that idle connections
// are cheap. Bytes that arrive with the first one are then in the TLS buffer.
func (h *h2Conn) fill() error {
	h.restIfMust()
	if h.direct.chunk != nil {
		n, err := h.conn.Read(h.direct.room())
		h.direct.chunk.used += n
		if n == 0 {
			return noProgress(err)
		}
		return nil
	}
	if h.start == h.end {
		h.start, h.end = 0, 0
		h.releaseInput()
		n, err := h.readFirst()
		if n == 0 {
			return noProgress(err)
		}
		h.server.registry.room.letRun()
		h.in = h2ReadBuffers.Get().(*[]byte)
		h.end = copy(*h.in, h.small[:n])
		return nil
	}
	if h.in == nil {
		h.in = h2ReadBuffers.Get().(*[]byte)
	}
	if h.start > 0 && len(*h.in)-h.start < http2.HeaderBytes+http2.MaxFrameBytes {
		h.end = copy(*h.in, (*h.in)[h.start:h.end])
		h.start = 0
	}
	n, err := h.conn.Read((*h.in)[h.end:])
	h.end += n
	if n == 0 {
		return noProgress(err)
	}
	return nil
}

// readFirst reads the first bytes of a frame.
func (h *h2Conn) readFirst() (int, error) {
	if !h.begun {
		return h.conn.Read(h.small[:])
	}
	return h.client.idle.Read(h.conn, h.small[:])
}

func noProgress(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// releaseInput returns the read buffer to the pool.
func (h *h2Conn) releaseInput() {
	if h.in != nil {
		h2ReadBuffers.Put(h.in)
		h.in = nil
	}
}

// frames handles all complete frames in the buffer.
func (h *h2Conn) frames() error {
	if h.direct.whole() {
		err := h.handle(h.direct.head, h.direct.chunk.data[:h.direct.head.Length])
		h.direct.end()
		if err != nil {
			return err
		}
	}
	for h.end-h.start >= http2.HeaderBytes {
		head, err := http2.ParseHeader((*h.in)[h.start:h.end])
		if err != nil {
			return err
		}
		whole := http2.HeaderBytes + head.Length
		if h.end-h.start < whole {
			if head.Type == http2.TypeData && head.Length >= h2DirectBytes {
				h.direct.begin(head, (*h.in)[h.start+http2.HeaderBytes:h.end])
				h.start, h.end = 0, 0
				h.releaseInput()
			}
			return nil
		}
		payload := (*h.in)[h.start+http2.HeaderBytes : h.start+whole]
		h.start += whole
		if err := h.handle(head, payload); err != nil {
			return err
		}
	}
	return nil
}

// handle handles a complete frame. An error that concerns only its stream ends the stream.
func (h *h2Conn) handle(head http2.Header, payload []byte) error {
	err := h.frame(head, payload)
	switch {
	case err == nil:
		return nil
	case err.Stream == 0:
		return err
	}
	if err := h.streamFailed(err); err != nil {
		return err
	}
	return nil
}

// timeHead limits the time for the rest of a head that has begun to arrive (S-12.4).
func (h *h2Conn) timeHead() {
	partial := h.block.open || h.end-h.start >= 4 && isHead(http2.Type((*h.in)[h.start+3]))
	h.mu.Lock()
	defer h.mu.Unlock()
	if partial == h.heading && h.greeted {
		return
	}
	if !h.greeted {
		return // the preface has the deadline of a head
	}
	h.heading = partial
	switch {
	case partial:
		h.goOn(deadline.PhaseHead, h.server.headerTimeout)
	case h.running == 0:
		waiting := deadline.PhaseIdle
		if h.newest == 0 {
			waiting = deadline.PhaseFirst
		}
		h.client.timer.Set(waiting, max(1, h.server.idleTimeout-time.Duration(h.now()-h.idleSince)))
	default:
		h.goOn(deadline.PhaseStreams, h.server.pipeline.bodyIdle)
	}
}

func isHead(kind http2.Type) bool { return kind == http2.TypeHeaders || kind == http2.TypeContinuation }

// begin starts the exchanges of the requests that were read, and wakes the writer for the output that reading has caused.
func (h *h2Conn) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, s := range h.starting {
		h.startStream(s)
		h.starting[i] = nil
	}
	h.starting = h.starting[:0]
	h.drainAfterFirst()
	h.wakeWriter()
}

// goOn sets the deadline of a request that has arrived. If the connection was ended as idle at that moment, which the
// client cannot have known, the request is still answered, and the connection is drained. The caller holds mu.
func (h *h2Conn) goOn(p deadline.Phase, timeout time.Duration) {
	if h.client.timer.Set(p, timeout) || h.cause != nil || !h.client.revive(p, timeout) {
		return
	}
	h.firstGoAway()
}

// frame checks the order of a frame and dispatches it by type.
func (h *h2Conn) frame(head http2.Header, p []byte) *http2.Error {
	block := uint32(0)
	if h.block.open {
		block = h.block.stream
	}
	if err := http2.CheckOrder(head, h.greeted, block); err != nil {
		return err
	}
	switch head.Type {
	case http2.TypeData:
		return h.dataFrame(head, p)
	case http2.TypeHeaders:
		return h.headersFrame(head, p)
	case http2.TypeContinuation:
		return h.continuationFrame(head, p)
	case http2.TypeSettings:
		return h.settingsFrame(head, p)
	case http2.TypeRSTStream:
		return h.resetFrame(head, p)
	case http2.TypePushPromise:
		return &http2.Error{Code: http2.ProtocolError, Reason: "PUSH_PROMISE of a client"}
	case http2.TypeGoAway:
		if _, err := http2.ParseGoAway(head, p); err != nil {
			return err
		}
	}
	return h.controlFrame(head, p)
}
