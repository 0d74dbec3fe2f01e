package proxy

import (
	"sync/atomic"

	"reverse-proxy/proxy/http2"
)

// h2Window is the window of what a client may send, on a stream or on a connection (RFC 9113, section 5.2). It is opened
// again when half of it was used up by what an upstream has taken, and grows while upstreams take all that comes: then it
// is the window that holds the client up.
type h2Window struct {
	// size is what a client may have under way or with us at a time, open what it may send now, and owed what was taken
	// and is not opened again yet.
	size, open, owed int64
	// taken is what was taken since the window grew, peak the most that lay with us meanwhile.
	taken, peak int64
}

// receive counts n bytes that came, of which held lie with us now; false when they were more than the client may send.
func (w *h2Window) receive(n, held int64) bool {
	w.open -= n
	w.peak = max(w.peak, held)
	return w.open >= 0
}

// give counts n bytes that were taken, and returns by how much to open the window, 0 for not now.
func (w *h2Window) give(n int64) uint32 {
	w.owed += n
	w.taken += n
	if w.owed < w.size/2 {
		return 0
	}
	increment := w.owed
	w.open += increment
	w.owed = 0
	return uint32(increment)
}

// mayGrow reports whether two windows were taken without half of one ever lying with us.
func (w *h2Window) mayGrow() bool { return w.taken >= 2*w.size && w.peak <= w.size/2 }

// grow makes the window n bytes larger.
func (w *h2Window) grow(n int64) {
	w.size += n
	w.owed += n
	w.taken, w.peak = 0, 0
}

// h2Windows are a connection's windows for what its client sends.
type h2Windows struct {
	h2Window
	// held is what lies with us of all streams; grown what the window has grown by.
	held, grown int64
}

func (w *h2Windows) init() { w.h2Window = h2Window{size: h2ConnWindow, open: h2ConnWindow} }

// release gives back what the window has grown by.
func (w *h2Windows) release(all *atomic.Int64) {
	all.Add(-w.grown)
	w.grown = 0
}

// giveBack opens the connection's window for n bytes that are with us no longer. The caller holds mu.
func (h *h2Conn) giveBack(n int64) {
	if n == 0 || h.closed {
		return
	}
	if increment := h.windows.give(n); increment > 0 {
		h.control(http2.AppendWindowUpdate(*h.buffer(), 0, increment))
	}
}

// taken opens both windows for n bytes that the upstream's side has taken. The caller holds mu.
func (s *h2Stream) taken(n int64) {
	h := s.conn
	h.windows.held -= n
	s.held -= n
	if s.gone || h.closed {
		h.giveBack(n)
		return
	}
	if !s.remoteClosed {
		if s.inWindow.mayGrow() && s.inWindow.size < h2MaxStreamWindow && h.roomFor(2*s.inWindow.size) {
			s.inWindow.grow(s.inWindow.size)
		}
		if increment := s.inWindow.give(n); increment > 0 {
			h.control(http2.AppendWindowUpdate(*h.buffer(), s.id, increment))
		}
	}
	h.giveBack(n)
}

// roomFor makes the connection's window twice as large as a stream's is to be, up to its largest, and reports whether a
// stream may have that window. The caller holds mu.
func (h *h2Conn) roomFor(window int64) bool {
	want := min(2*window, h2MaxConnWindow)
	if more := want - h.windows.size; more > 0 {
		all := &h.server.registry.grownWindows
		if all.Add(more) > h2GrownWindows {
			all.Add(-more)
			return false
		}
		h.windows.grown += more
		h.windows.grow(more)
	}
	return true
}
