package proxy

import (
	"errors"
	"sync"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
)

// h2Stream is one request over HTTP/2 with its response: the exchange, the request body (h2_body.go) and the client's side
// of the answer (h2_response.go). It comes from a pool; its connection and its exchange hold references.
//
// Its states are those of RFC 9113, section 5.1, here with the functions that lead from one to the next. A request without a
// body is half-closed (remote) from the beginning.
//
//	idle
//	  │ openBlock: the head begins
//	  ▼
//	incoming ────── the head is malformed: streamFailed ─────▶ closed; no exchange has begun
//	  │ beginStream, startStream: the exchange runs
//	  ▼
//	open ────────── endBody: the request has ended ──────────▶ half-closed (remote): remoteClosed
//	  │ close: the response has ended                              │ close: the response has ended
//	  ▼                                                            ▼
//	half-closed (local): localClosed                           both ended: done
//	  │    │                                                       │ end: the exchange has returned
//	  │    └─ not a tunnel: close queues a reset, settle ────┐     ▼
//	  └────── a tunnel goes on, until the exchange has ──────┴▶ closed: gone, by leave
//	          returned: end                                        │ unref, by the exchange too
//	                                                               ▼
//	                                                           in the pool again
//
// Five events lead directly to closed wherever the exchange is: the client resets the stream (resetFrame) or breaks a
// rule (streamFailed), others need the room of its parked answer (evict), the connection ends (abandon), or the
// exchange returns without having ended its response (end). The exchange learns of the first four when it next waits or
// writes.
type h2Stream struct {
	conn *h2Conn
	id   uint32

	// head is the request's head. refused is the error to answer with if the request must not proceed, else nil.
	head     http2.Head
	refused  *http1.Error
	request  Request
	exchange exchange
	timer    deadline.Timer
	// queue counts the stream until it has its first turn; nil if the stream takes no turns.
	queue *intake
	// trailerNames backs request.TrailerNames. It is kept so that the next request can reuse its memory.
	trailerNames []string

	// webSocketKey is the key of the handshake that the proxy makes for an extended CONNECT, otherwise "".
	webSocketKey string

	h2Answer

	// The following fields are guarded by the connection's mu.

	// refs counts the users of the stream.
	refs int
	// remoteClosed reports whether END_STREAM has arrived, localClosed whether it was queued.
	remoteClosed, localClosed bool
	// resetQueued reports whether RST_STREAM follows END_STREAM. done reports whether the client considers the stream
	// closed while its exchange is still being cleaned up.
	resetQueued, done bool
	// gone reports whether the stream was closed by a reset or with its connection. No data can arrive or be sent any
	// more.
	gone bool
	// stopReading and stopWriting make the exchange's blocked calls return.
	stopReading, stopWriting bool

	// place is the stream's entry among the parked answers. parked reports whether the stream is among them, and
	// evicted whether it was reset to make room.
	place           parkedAnswer
	parked, evicted bool

	h2Body
	h2Pending
}

// errStreamGone is the error of using a stream that was reset or whose connection has ended.
var errStreamGone = errors.New("the stream was reset or its connection has ended")

// errInterrupted is the error of a blocked call that was interrupted, because a deadline has ended the exchange or
// because the exchange no longer needs the body.
var errInterrupted = errors.New("interrupted")

var h2Streams = sync.Pool{New: func() any {
	s := &h2Stream{}
	s.head.Fields = make(Fields, 0, 16)
	s.timer.Owner = &s.exchange
	return s
}}

// takeStream takes a stream from the pool for a new request.
func (h *h2Conn) takeStream(id uint32) *h2Stream {
	s := h2Streams.Get().(*h2Stream)
	s.conn, s.id, s.refs = h, id, 1
	s.refused, s.webSocketKey = nil, ""
	s.remoteClosed, s.localClosed, s.gone = false, false, false
	s.resetQueued, s.done = false, false
	s.stopReading, s.stopWriting = false, false
	s.parked, s.evicted = false, false
	s.timer.Reset()
	s.h2Answer.reset()
	s.h2Body.reset(&h.mu)
	s.h2Pending.reset(&h.mu)
	return s
}

// unref drops a reference. The caller holds mu.
func (s *h2Stream) unref() {
	if s.refs--; s.refs > 0 {
		return
	}
	s.h2Body.clear()
	s.giveRoom()
	s.conn, s.place.conn = nil, nil
	if r := &s.request; cap(r.Fields) > cap(s.head.Fields) && cap(r.Fields) <= 2*http2.MaxFields {
		s.head.Fields = r.Fields[:0] // the stages have grown it
	}
	s.request = Request{}
	s.head.Release()
	h2Streams.Put(s)
}

// lookUp returns the open stream with that number, or nil. The caller holds mu.
func (h *h2Conn) lookUp(id uint32) *h2Stream { return h.streams.find(id) }

// leave removes a stream from the connection and makes all calls that wait for it return. The caller holds mu.
func (h *h2Conn) leave(s *h2Stream) {
	h.streams.remove(s.id)
	s.gone = true
	h.schedule.remove(s)
	s.direct = nil
	n := s.held
	h.windows.held -= n
	s.held = 0
	s.h2Body.clear()
	h.giveBack(n)
	s.arrived.Broadcast()
	s.sent.Broadcast()
	if h.waiting > 0 {
		h.room.Broadcast()
	}
}

// reset ends a stream with RST_STREAM. The caller holds mu.
func (h *h2Conn) reset(s *h2Stream, code http2.Code) {
	window := s.inWindow.open
	if s.remoteClosed {
		window = 0
	}
	h.sendReset(s.id, code, window)
	h.leave(s)
}

// sendReset queues RST_STREAM for a stream on which the client may have window bytes under way. The caller holds mu.
func (h *h2Conn) sendReset(id uint32, code http2.Code, window int64) {
	h.rememberReset(id, window)
	if !h.closed {
		h.control(http2.AppendRSTStream(*h.buffer(), id, code))
	}
}

// run runs the stream's exchange to its end. It returns the code with which to reset the stream if the response is not
// complete.
func (s *h2Stream) run() (code http2.Code) {
	server := s.conn.server
	x := &s.exchange
	server.registry.sweeper.Add(&s.timer)
	defer server.registry.sweeper.Remove(&s.timer)
	x.turn.room = &server.registry.room
	x.turn.take(s.request.Account)
	defer x.turn.give() // also after a panic
	if s.queue != nil {
		s.queue.dequeue()
		s.queue = nil
	}
	defer contain(server.log, s.request.ClientText, func() { code = http2.InternalError })
	if s.refused != nil {
		s.refuse()
	} else {
		server.pipeline.handle(x)
	}
	return x.resetCode()
}

// refuse answers a request that must not proceed. It is not inlined, because then the answer would enlarge the stack of every
// stream.
//
//go:noinline
func (s *h2Stream) refuse() {
	s.conn.server.pipeline.refuse(&s.exchange, answerStatus(s.refused.Status), s.refused.Reason)
}

// resetCode returns the code with which to reset the stream of an exchange whose response is not complete.
func (x *exchange) resetCode() http2.Code {
	switch {
	case x.cancelled() != nil:
		return http2.Cancel
	case x.passedReset != http2.NoError:
		return x.passedReset
	}
	return http2.InternalError
}

// end closes the stream after its exchange has ended. code is used if the response is not complete. The caller holds
// mu.
func (s *h2Stream) end(code http2.Code) {
	h := s.conn
	if s.done {
		h.done--
	}
	if !s.gone {
		switch {
		case !s.localClosed: // the response could not be completed (S-6.10)
			h.reset(s, code)
		case !s.remoteClosed: // half of a tunnel
			h.reset(s, http2.NoError)
		default:
			h.remember(s.id, false)
			h.leave(s)
		}
	}
	s.unref()
}
