package h2client

import (
	"bytes"
	"time"

	"reverse-proxy/proxy/http2"
)

// reader reads frames in its own goroutine, which owns its fields.
type reader struct {
	conn    *Conn
	decoder *http2.HeadDecoder
	// head receives the header list of the block that is being read. The block belongs to the stream; 0 means that no
	// block is being read. end reports whether it ends the response.
	head    http2.Head
	block   uint32
	end     bool
	trailer bool
}

// run reads frames until the connection ends.
func (r *reader) run() {
	c := r.conn
	buffer, start, end := make([]byte, readBytes), 0, 0
	for {
		n, err := c.net.Read(buffer[end:])
		end += n
		c.mu.Lock()
		if c.err != nil {
			c.mu.Unlock()
			return
		}
		if n > 0 {
			c.lastFrame, c.silent, c.pinged = time.Now(), false, time.Time{}
			start += r.frames(buffer[start:end])
		}
		if err != nil {
			r.lost(buffer[start:end], err)
		}
		ended := c.err != nil
		c.mu.Unlock()
		if ended {
			return
		}
		end = copy(buffer, buffer[start:end])
		start = 0
	}
}

// lost ends the connection after a failed read. The caller holds mu.
func (r *reader) lost(rest []byte, err error) {
	if !r.conn.greeted && isHTTP1(rest) {
		r.conn.lose(errHTTP1)
		return
	}
	if r.conn.unwritable != nil {
		r.conn.lose(r.conn.unwritable) // the write failed first
		return
	}
	r.conn.lose(&Error{Reason: "the upstream has closed the connection", Lost: true, Cause: err})
}

// errHTTP1 is the error of a server that answers in another version of HTTP.
var errHTTP1 = &Error{Reason: "the upstream answers in HTTP/1.1, and upstream_protocol is http2", Lost: true}

// isHTTP1 reports whether p is the beginning of an HTTP/1 response.
func isHTTP1(p []byte) bool { return bytes.HasPrefix(p, []byte("HTTP/1.")) }

// frames handles all complete frames and returns their length. The caller holds mu.
func (r *reader) frames(p []byte) (used int) {
	c := r.conn
	for c.err == nil && len(p)-used >= http2.HeaderBytes {
		if !c.greeted && isHTTP1(p[used:]) {
			c.lose(errHTTP1)
			break
		}
		h, err := http2.ParseHeader(p[used:])
		if err == nil && len(p)-used < http2.HeaderBytes+h.Length {
			break
		}
		if err == nil {
			used += http2.HeaderBytes
			err = r.frame(h, p[used:used+h.Length])
			used += h.Length
		}
		r.failed(err)
	}
	return used
}

// failed ends the stream or the connection that a fault concerns. The caller holds mu.
func (r *reader) failed(err *http2.Error) {
	c := r.conn
	switch {
	case err == nil:
	case err.Stream != 0:
		if s := c.streams[err.Stream]; s != nil {
			r.refuse(s, err.Code, err.Reason)
		} else if flood := r.wasted(); flood != nil {
			c.lose(brokenBy(flood))
		}
	default:
		c.lose(brokenBy(err))
	}
}

// refuse ends a stream whose response breaks the rules. The caller holds mu.
func (r *reader) refuse(s *Stream, code http2.Code, reason string) {
	r.conn.reset(s.id, code)
	delete(r.conn.streams, s.id)
	s.fail(&Error{Reason: "the upstream's response breaks the rules of HTTP/2: " + reason})
}

// frame handles one frame. The caller holds mu.
func (r *reader) frame(h http2.Header, p []byte) *http2.Error {
	c := r.conn
	if err := http2.CheckOrder(h, c.greeted, r.block); err != nil {
		return err
	}
	if !c.greeted {
		c.greeted = true
		close(c.greeting)
		defer c.changed() // once the SETTINGS are applied
	}
	switch h.Type {
	case http2.TypeData:
		return r.data(h, p)
	case http2.TypeHeaders:
		return r.headers(h, p)
	case http2.TypeContinuation:
		return r.continuation(h, p)
	case http2.TypePushPromise:
		return &http2.Error{Code: http2.ProtocolError, Reason: "PUSH_PROMISE, which was not enabled"}
	case http2.TypeRSTStream:
		return r.rstStream(h, p)
	case http2.TypeWindowUpdate:
		return r.windowUpdate(h, p)
	case http2.TypeGoAway:
		return r.goAway(h, p)
	}
	if err := r.wasted(); err != nil {
		return err
	}
	switch h.Type {
	case http2.TypeSettings:
		return r.settings(h, p)
	case http2.TypePing:
		return r.ping(h, p)
	case http2.TypePriority:
		return http2.CheckPriority(h, p)
	}
	return nil // RFC 9113, section 5.5
}

// wasted counts a frame that carries nothing. The caller holds mu.
func (r *reader) wasted() *http2.Error {
	if r.conn.junk--; r.conn.junk < 0 {
		return &http2.Error{Code: http2.EnhanceYourCalm, Reason: "a flood of frames that carry nothing"}
	}
	return nil
}

// useful restores part of the budget for frames that carry nothing. The caller holds mu.
func (r *reader) useful() { r.conn.junk = min(junkFrames, r.conn.junk+usefulFrame) }

// stream returns the stream of a frame, or nil if it has ended. A stream that was never begun is an error. The caller
// holds mu.
func (r *reader) stream(h http2.Header) (*Stream, *http2.Error) {
	if h.Stream%2 == 0 || h.Stream >= r.conn.next {
		return nil, &http2.Error{Code: http2.ProtocolError, Reason: "a frame on a stream that was not begun"}
	}
	return r.conn.streams[h.Stream], nil
}

func (r *reader) settings(h http2.Header, p []byte) *http2.Error {
	c := r.conn
	before, streams := c.limits.InitialWindow, c.limits.Streams
	ack, err := c.limits.Apply(h, p)
	if err != nil || ack {
		return err
	}
	if c.limits.Streams > streams {
		c.changed()
	}
	if change := c.limits.InitialWindow - before; change != 0 {
		for _, s := range c.streams {
			if s.window += change; s.window > http2.MaxWindow {
				return &http2.Error{Code: http2.FlowControlError, Reason: "SETTINGS make a window too large"}
			}
		}
		c.unblock()
	}
	c.encoder.SetTableSize(c.limits.HeaderTableSize)
	c.out = http2.AppendSettingsAck(c.out)
	return r.answered(http2.HeaderBytes)
}

// answered bounds the answers that frames of the server cause. The caller holds mu.
func (r *reader) answered(bytes int) *http2.Error {
	r.conn.poke()
	if !r.conn.answer(bytes) {
		return &http2.Error{Code: http2.EnhanceYourCalm, Reason: "a flood of frames whose answers it does not read"}
	}
	return nil
}

func (r *reader) ping(h http2.Header, p []byte) *http2.Error {
	data, err := http2.ParsePing(h, p)
	if err != nil || h.Has(http2.FlagAck) {
		return err
	}
	r.conn.out = http2.AppendPing(r.conn.out, data, true)
	return r.answered(http2.HeaderBytes + len(data))
}

func (r *reader) goAway(h http2.Header, p []byte) *http2.Error {
	c := r.conn
	code, err := http2.ParseGoAway(h, p)
	if err != nil {
		return err
	}
	if err := r.wasted(); err != nil {
		return err
	}
	last := http2.GoAwayLast(p)
	c.draining, c.left = true, true
	accepted := false // then the server works on requests, and has not failed
	for id := range c.streams {
		accepted = accepted || id <= last
	}
	for id, s := range c.streams {
		if id > last {
			delete(c.streams, id)
			err := &Error{Reason: "the upstream ends the connection (GOAWAY with " + code.String() + ")", Unprocessed: true, Progress: accepted || c.served}
			if !accepted {
				err = c.blame(err)
			}
			s.fail(err)
		}
	}
	c.endIfDrained()
	return nil
}

func (r *reader) rstStream(h http2.Header, p []byte) *http2.Error {
	c := r.conn
	code, err := http2.ParseRSTStream(h, p)
	if err != nil {
		return err
	}
	s, err := r.stream(h)
	switch {
	case err != nil:
		return err
	case s == nil:
		return r.tooLate(h.Stream, 0, true)
	}
	if s.ended { // the server does not need the rest of the request (RFC 9113, section 8.1)
		s.stopped = true
		signal(s.writable)
		return r.wasted()
	}
	delete(c.streams, h.Stream)
	if code == http2.RefusedStream {
		s.fail(c.refused(h.Stream))
		return nil
	}
	s.fail(resetBy(code))
	return nil
}

func (r *reader) windowUpdate(h http2.Header, p []byte) *http2.Error {
	c := r.conn
	increment, err := http2.ParseWindowUpdate(h, p)
	if err != nil {
		return err
	}
	if h.Stream == 0 {
		if c.window += int64(increment); c.window > http2.MaxWindow {
			return &http2.Error{Code: http2.FlowControlError, Reason: "the connection's window is over 2^31-1"}
		}
		c.largest = max(c.largest, c.window)
		c.unblock()
		return r.wasted()
	}
	s, err := r.stream(h)
	switch {
	case err != nil:
		return err
	case s == nil:
		return r.wasted()
	}
	if c.acknowledged(s, int64(increment)); s.window > http2.MaxWindow {
		return &http2.Error{Stream: h.Stream, Code: http2.FlowControlError, Reason: "the stream's window is over 2^31-1"}
	}
	signal(s.writable)
	return r.wasted()
}
