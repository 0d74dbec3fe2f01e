package proxy

import (
	"slices"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
)

// h2Block is a header block that is being read.
type h2Block struct {
	// open reports whether a CONTINUATION frame must follow.
	open   bool
	stream uint32
	// s is the stream that the block belongs to, or nil if the block is decoded only to keep the HPACK table in step.
	s *h2Stream
	// trailers receives the fields of a block after a body; it is nil for the head of a request.
	trailers *http2.Head
	// end reports whether the request ends with the block.
	end bool
	// failed is the error of the stream. It is reported once the block is decoded.
	failed *http2.Error
}

// headersFrame begins a header block.
func (h *h2Conn) headersFrame(head http2.Header, p []byte) *http2.Error {
	fragment, self, err := http2.ParseHeaders(head, p)
	if err != nil {
		return err
	}
	b := &h.block
	*b = h2Block{stream: head.Stream, end: head.Has(http2.FlagEndStream)}
	if err := h.openBlock(b); err != nil {
		return err
	}
	if self && b.s != nil && b.failed == nil { // a closed stream is not reset again
		b.failed = &http2.Error{Code: http2.ProtocolError, Stream: b.stream, Reason: "a stream depends on itself"}
	}
	var fields *http2.Head
	if b.trailers != nil {
		fields = b.trailers
	} else if b.s != nil {
		fields = &b.s.head
	}
	if err := h.decoder.Begin(fields, b.trailers != nil, fragment); err != nil {
		return err
	}
	return h.fragment(head, fragment)
}

// continuationFrame continues a header block.
func (h *h2Conn) continuationFrame(head http2.Header, p []byte) *http2.Error {
	if !h.block.open {
		return &http2.Error{Code: http2.ProtocolError, Reason: "CONTINUATION without a header block"}
	}
	fragment, err := http2.ParseContinuation(head, p)
	if err != nil {
		return err
	}
	if err := h.decoder.Continue(fragment); err != nil {
		return err
	}
	return h.fragment(head, fragment)
}

// fragment ends the block if the frame is its last one.
func (h *h2Conn) fragment(head http2.Header, fragment []byte) *http2.Error {
	h.block.open = !head.Has(http2.FlagEndHeaders)
	if h.block.open {
		if len(fragment) == 0 {
			return h.spend(h2EmptyFrames)
		}
		return nil
	}
	malformed, refused, err := h.decoder.End()
	if err != nil {
		return err
	}
	b := h.block
	h.block = h2Block{}
	switch {
	case b.failed != nil:
	case b.s == nil:
		return nil
	case malformed != "":
		b.failed = &http2.Error{Code: http2.ProtocolError, Stream: b.stream, Reason: malformed}
	case b.trailers != nil && !b.end:
		b.failed = &http2.Error{Code: http2.ProtocolError, Stream: b.stream, Reason: "trailers do not end the stream"}
	case b.trailers != nil && refused != nil:
		b.failed = &http2.Error{Code: http2.ProtocolError, Stream: b.stream, Reason: "trailers are too large"}
	}
	if b.trailers != nil {
		return h.endTrailers(b)
	}
	return h.beginStream(b, refused)
}

// openBlock determines what a header block is for (RFC 9113, section 5.1).
func (h *h2Conn) openBlock(b *h2Block) *http2.Error {
	id := b.stream
	if id%2 == 0 {
		return &http2.Error{Code: http2.ProtocolError, Reason: "a client begins a stream of an even number"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.lookUp(id); s != nil {
		if s.remoteClosed {
			return &http2.Error{Code: http2.StreamClosed, Reason: "HEADERS after the end of the stream"}
		}
		s.refs++
		b.s, b.trailers = s, h2TrailerHeads.Get().(*http2.Head)
		return nil
	}
	if id <= h.newest {
		switch known, ours := h.closedStreams.lookUp(id); {
		case ours:
			return h.spend(h2LateHeads) // the block crossed our reset
		case known:
			return &http2.Error{Code: http2.StreamClosed, Reason: "HEADERS on a closed stream"}
		}
		return &http2.Error{Code: http2.ProtocolError, Reason: "a stream's number is lower than the one before"}
	}
	h.newest = id
	switch {
	case h.final: // the client knows that the stream is ignored (RFC 9113, section 6.8)
		h.rememberReset(id, h2StreamWindow)
		return h.spend(h2LateHeads)
	case h.running+h.incoming-min(h.done, maxConcurrentStreams) >= maxConcurrentStreams:
		b.failed = &http2.Error{Code: http2.RefusedStream, Stream: id, Reason: "too many streams"}
	default:
		b.s = h.takeStream(id)
		h.acted = id
		h.incoming++
	}
	return nil
}

// beginStream begins the exchange of a request whose head is complete.
func (h *h2Conn) beginStream(b h2Block, refused *http1.Error) *http2.Error {
	s := b.s
	if b.failed == nil && b.end && s.head.ContentLength > 0 {
		b.failed = &http2.Error{Code: http2.ProtocolError, Stream: b.stream, Reason: "a content-length without a body"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if b.failed != nil {
		if s != nil {
			s.unref()
			h.incoming--
			h.endIfDone()
		}
		return b.failed
	}
	s.outWindow = h.peer.InitialWindow
	s.priority = s.head.Priority
	if priority, ok := h.priorities[s.id]; ok {
		s.priority = priority // PRIORITY_UPDATE overrides the field (RFC 9218, section 7)
		delete(h.priorities, s.id)
	}
	s.remoteClosed = b.end
	s.declared = s.head.ContentLength
	s.prepare(refused)
	h.streams.add(s)
	h.starting = append(h.starting, s)
	return nil
}

// endTrailers ends the body of a request with its trailers.
func (h *h2Conn) endTrailers(b h2Block) *http2.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := b.s
	defer s.unref()
	defer putTrailerHead(b.trailers)
	if s.gone { // the stream has ended since the block began
		return nil
	}
	if b.failed != nil {
		return b.failed
	}
	s.arrivedTrailers = slices.Clone(b.trailers.Fields)
	return s.endBody()
}

// endBody marks the body as complete. The caller holds mu.
func (s *h2Stream) endBody() *http2.Error {
	if s.declared >= 0 && s.received != s.declared {
		return &http2.Error{Code: http2.ProtocolError, Stream: s.id, Reason: "the body is shorter than its content-length"}
	}
	s.remoteClosed = true
	s.arrived.Broadcast()
	return nil
}

// dataFrame receives data of a body.
func (h *h2Conn) dataFrame(head http2.Header, p []byte) *http2.Error {
	data, err := http2.ParseData(head, p)
	if err != nil {
		return err
	}
	end := head.Has(http2.FlagEndStream)
	if len(data) == 0 && !end {
		if err := h.spend(h2EmptyFrames); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if idle := h.checkIdle(head.Stream); idle != nil {
		return idle
	}
	if !h.windows.receive(int64(head.Length)) {
		return &http2.Error{Code: http2.FlowControlError, Reason: "DATA over the window of the connection"}
	}
	s := h.lookUp(head.Stream)
	switch {
	case s == nil:
		h.giveBack(int64(head.Length))
		if _, ours := h.closedStreams.lookUp(head.Stream); ours {
			return h.spendLate(head.Length) // the frame crossed our reset
		}
		return &http2.Error{Code: http2.StreamClosed, Reason: "DATA on a closed stream"}
	case s.remoteClosed:
		h.giveBack(int64(head.Length))
		return &http2.Error{Code: http2.StreamClosed, Stream: head.Stream, Reason: "DATA after the end of the stream"}
	case !s.inWindow.receive(int64(head.Length)):
		h.giveBack(int64(head.Length))
		return &http2.Error{Code: http2.FlowControlError, Stream: head.Stream, Reason: "DATA over the window of the stream"}
	}
	if padding := int64(head.Length - len(data)); padding > 0 {
		h.giveBack(padding)
		if increment := s.inWindow.give(padding); increment > 0 && !end {
			h.control(http2.AppendWindowUpdate(*h.buffer(), s.id, increment))
		}
	}
	s.received += int64(len(data))
	if s.declared >= 0 && s.received > s.declared {
		h.giveBack(int64(len(data)))
		return &http2.Error{Code: http2.ProtocolError, Stream: head.Stream, Reason: "the body is longer than its content-length"}
	}
	h.windows.held += int64(len(data))
	if chunk := h.direct.take(data); chunk != nil {
		s.append(chunk)
	} else {
		s.store(data)
	}
	if end {
		return s.endBody()
	}
	s.arrived.Signal()
	return nil
}

// resetFrame ends a stream that the client has reset: its exchange is cancelled (S-6.10).
func (h *h2Conn) resetFrame(head http2.Header, p []byte) *http2.Error {
	if _, err := http2.ParseRSTStream(head, p); err != nil {
		return err
	}
	h.mu.Lock()
	if idle := h.checkIdle(head.Stream); idle != nil {
		h.mu.Unlock()
		return idle
	}
	s := h.lookUp(head.Stream)
	if s == nil {
		h.mu.Unlock()
		return h.spend(h2Resets) // the reset crossed the end of the stream and counts like any other
	}
	s.refs++
	h.remember(s.id, false)
	h.leave(s)
	h.mu.Unlock()
	h.cancel(s)
	return h.spend(h2Resets)
}

// cancel cancels the exchange of a stream that has left the connection.
func (h *h2Conn) cancel(s *h2Stream) {
	s.exchange.cancel(errClientGone)
	h.mu.Lock()
	defer h.mu.Unlock()
	s.unref()
}

// streamFailed ends a stream because of a client error. The stream is open, or its request was refused before it opened.
func (h *h2Conn) streamFailed(failed *http2.Error) *http2.Error {
	h.mu.Lock()
	s := h.lookUp(failed.Stream)
	closed, _ := h.closedStreams.lookUp(failed.Stream) // the stream has ended since its frame was parsed
	switch {
	case s != nil:
		s.refs++
		h.reset(s, failed.Code)
	case !closed:
		h.sendReset(failed.Stream, failed.Code, h2StreamWindow)
	}
	h.mu.Unlock()
	if s != nil {
		h.cancel(s)
	}
	if failed.Code == http2.RefusedStream {
		h.server.pipeline.metrics.refused(HTTP2, statusTooManyRequests, false)
		return h.spend(h2Refusals)
	}
	h.server.pipeline.malformed(h.client, failed, s == nil && !closed)
	return h.spend(h2Faults)
}
