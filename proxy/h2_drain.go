package proxy

import (
	"time"

	"reverse-proxy/proxy/http2"
)

// h2DrainWait is how long a client has to answer the PING that follows the first GOAWAY. After that time the last
// GOAWAY is sent without an answer.
const h2DrainWait = time.Second

// h2Ending is the progress of a connection towards its end.
type h2Ending struct {
	// postponed reports whether the drain waits for the first request.
	postponed bool
	// draining reports whether the first GOAWAY was sent. final reports whether the last one was sent, after which no
	// further stream is accepted.
	draining, final bool
	drainTimer      *time.Timer
	// ending reports whether the connection ends as soon as all pending output is written.
	ending bool
	// cause is why the connection was cut, or nil.
	cause error
}

// drainPing marks the PING that follows the first GOAWAY.
func drainPing() [8]byte { return [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'} }

// drain tells the client to begin no more streams, in two steps. The first GOAWAY names no last stream, because
// requests may be under way. The second follows when those must have arrived (RFC 9113, section 6.8). The connection
// ends with its last stream. On a new connection, the drain begins after the first request, or freshDrainGrace after
// the handshake. drain may be called from any goroutine.
func (h *h2Conn) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.newest != 0 {
		h.firstGoAway()
	} else if !h.postponed && !h.draining && !h.closed {
		h.postponed = true
		h.drainTimer = time.AfterFunc(h.client.drainGrace(), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.firstGoAway()
		})
	}
}

// drainAfterFirst begins a postponed drain once the first request has arrived. The caller holds mu.
func (h *h2Conn) drainAfterFirst() {
	if h.postponed && h.newest != 0 {
		h.firstGoAway()
	}
}

// firstGoAway begins the drain. The caller holds mu.
func (h *h2Conn) firstGoAway() {
	if h.draining || h.closed {
		return
	}
	if h.drainTimer != nil {
		h.drainTimer.Stop()
	}
	h.draining = true
	out := h.buffer()
	*out = http2.AppendGoAway(*out, http2.MaxWindow, http2.NoError)
	*out = http2.AppendPing(*out, drainPing(), false)
	h.drainTimer = time.AfterFunc(h2DrainWait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lastGoAway()
	})
	h.wakeWriter()
}

// lastGoAway tells the client which stream was the last one accepted. The caller holds mu.
func (h *h2Conn) lastGoAway() {
	if h.final || h.closed {
		return
	}
	h.final = true
	h.goAway(h.acted, http2.NoError)
	h.endIfDone()
	h.wakeWriter()
}

// endIfDone ends a drained connection that has no stream, unless a stream that the last GOAWAY covers is about to begin
// (S-12.12). The caller holds mu.
func (h *h2Conn) endIfDone() {
	if h.final && h.running == 0 && h.incoming == 0 {
		h.ending = true
	}
}

// goAway queues GOAWAY. The caller holds mu.
func (h *h2Conn) goAway(last uint32, code http2.Code) {
	out := h.buffer()
	*out = http2.AppendGoAway(*out, last, code)
}

// cut ends the connection immediately with cause. It may be called from any goroutine.
func (h *h2Conn) cut(cause error) {
	h.mu.Lock()
	h.cause = cause
	h.mu.Unlock()
	h.client.idle.EndReadAndWrite()
}
