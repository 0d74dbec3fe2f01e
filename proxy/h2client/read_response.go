package h2client

import (
	"slices"

	"reverse-proxy/proxy/http2"
)

// headers begins a header block. Blocks for streams that are gone are decoded too, because all blocks share a table.
// The caller holds mu.
func (r *reader) headers(h http2.Header, p []byte) *http2.Error {
	fragment, _, err := http2.ParseHeaders(h, p)
	if err != nil {
		return err
	}
	s, err := r.stream(h)
	if err != nil {
		return err
	}
	r.block, r.end, r.trailer = h.Stream, h.Has(http2.FlagEndStream), false
	head := &r.head
	if s == nil || s.ended {
		head = nil
	} else {
		r.trailer = s.hasHead
	}
	if err := r.decoder.Begin(head, r.trailer, fragment); err != nil {
		return err
	}
	return r.headersEnd(h)
}

func (r *reader) continuation(h http2.Header, p []byte) *http2.Error {
	if r.block == 0 {
		return &http2.Error{Code: http2.ProtocolError, Reason: "CONTINUATION without HEADERS"}
	}
	if err := r.decoder.Continue(p); err != nil {
		return err
	}
	return r.headersEnd(h)
}

// headersEnd ends the block if this was its last frame.
func (r *reader) headersEnd(h http2.Header) *http2.Error {
	if !h.Has(http2.FlagEndHeaders) {
		return nil
	}
	stream := r.block
	r.block = 0
	malformed, err := r.decoder.EndResponse()
	if err != nil {
		return err
	}
	s := r.conn.streams[stream]
	switch {
	case s == nil:
		return r.tooLate(stream, lateHeadBytes, r.end)
	case s.ended:
		return &http2.Error{Stream: stream, Code: http2.StreamClosed, Reason: "HEADERS after the end of the response"}
	case malformed != "":
		return &http2.Error{Stream: stream, Code: http2.ProtocolError, Reason: malformed}
	}
	r.conn.answered = true
	if r.trailer {
		return r.trailers(s)
	}
	if r.head.Status < 200 {
		return r.interim(s)
	}
	r.useful()
	r.conn.served = true
	r.head, s.head = s.head, r.head
	s.hasHead = true
	s.noBody = s.noBody || s.head.Status == 204 || s.head.Status == 304
	if s.noBody {
		s.left = 0
	} else {
		s.left = s.head.ContentLength
	}
	if s.left > streamWindow {
		s.widen()
	}
	return r.advance(s)
}

// interim queues an interim response for its reader.
func (r *reader) interim(s *Stream) *http2.Error {
	if r.end {
		return &http2.Error{Stream: s.id, Code: http2.ProtocolError, Reason: "the response ends with an interim one"}
	}
	if len(s.interim) >= maxInterim {
		return &http2.Error{Stream: s.id, Code: http2.EnhanceYourCalm, Reason: "too many interim responses"}
	}
	head := r.head
	head.Fields = slices.Clone(head.Fields)
	s.interim = append(s.interim, head)
	signal(s.readable)
	return r.wasted()
}

func (r *reader) trailers(s *Stream) *http2.Error {
	if !r.end {
		return &http2.Error{Stream: s.id, Code: http2.ProtocolError, Reason: "trailers that do not end the response"}
	}
	s.trailers = slices.Clone(r.head.Fields)
	r.useful()
	return r.advance(s)
}

// advance wakes the reader of a response after progress, and completes the response if this was its end.
func (r *reader) advance(s *Stream) *http2.Error {
	if r.end {
		if s.left > 0 {
			return &http2.Error{Stream: s.id, Code: http2.ProtocolError, Reason: "the body is shorter than its content-length"}
		}
		s.ended = true
	}
	signal(s.readable)
	return nil
}

func (r *reader) data(h http2.Header, p []byte) *http2.Error {
	c := r.conn
	data, err := http2.ParseData(h, p)
	if err != nil {
		return err
	}
	s, err := r.stream(h)
	if err != nil {
		return err
	}
	if c.received += len(p); c.received >= connCredit {
		c.out = http2.AppendWindowUpdate(c.out, 0, uint32(c.received))
		c.received = 0
		c.poke()
	}
	if s == nil { // the data was already on its way when the stream was given up
		return r.tooLate(h.Stream, len(p), h.Has(http2.FlagEndStream))
	}
	if s.room -= len(p); s.room < 0 {
		return &http2.Error{Stream: s.id, Code: http2.FlowControlError, Reason: "more data than the stream's window"}
	}
	s.credit += len(p) - len(data) // the padding counts as read
	switch {
	case s.ended:
		return &http2.Error{Stream: s.id, Code: http2.StreamClosed, Reason: "DATA after the end of the response"}
	case !s.hasHead:
		return &http2.Error{Stream: s.id, Code: http2.ProtocolError, Reason: "DATA before the head of the response"}
	case s.left >= 0 && int64(len(data)) > s.left:
		return &http2.Error{Stream: s.id, Code: http2.ProtocolError, Reason: "more data than the response may have"}
	}
	if s.left >= 0 {
		s.left -= int64(len(data))
	}
	r.end = h.Has(http2.FlagEndStream)
	if len(data) > 0 {
		s.push(data)
		r.useful()
	} else if !r.end {
		if err := r.wasted(); err != nil {
			return err
		}
	}
	return r.advance(s)
}
