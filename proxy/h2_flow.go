package proxy

import (
	"sync/atomic"

	"reverse-proxy/proxy/http2"
)

// h2Window is the window of what a client may send, on a stream or on a connection (RFC 9113, section 5.2). It is opened
// again when half of it was used up by what an upstream has taken, so that few frames are needed for a form. A stream's
// grows while its upstream waits for more: then it is the window that holds the upload up, and from then on it is opened
// for each eighth, so that nearly all of it can be under way over a long path.
type h2Window struct {
	// size is what a client may have under way or with us at a time, open what it may send now, and owed what was taken
	// and is not opened again yet.
	size, open, owed int64
	// wide reports whether it has grown.
	wide bool
	// taken is what was taken in this period of two windows, and drained that nothing was left with us at some moment of
	// its second half.
	taken   int64
	drained bool
}

// receive counts n bytes that came; false when they were more than the client may send.
func (w *h2Window) receive(n int64) bool {
	w.open -= n
	return w.open >= 0
}

// give counts n bytes that were taken, and returns by how much to open the window, 0 for not now.
func (w *h2Window) give(n int64) uint32 {
	w.owed += n
	least := w.size / 2
	if w.wide {
		least = w.size / 8
	}
	if w.owed < least {
		return 0
	}
	increment := w.owed
	w.open += increment
	w.owed = 0
	return uint32(increment)
}

// mayGrow counts n bytes that an upstream has taken while held still lie with us, and reports whether the window may grow:
// whenever two windows were taken, if meanwhile the upstream had to wait for the client. Over a long path a whole window
// may come at once, so that how much lies with us at a time tells nothing, but an upstream that is slower than the client
// never finds us empty.
func (w *h2Window) mayGrow(n, held int64) bool {
	w.taken += n
	if held == 0 && w.taken > w.size {
		w.drained = true
	}
	if w.taken < 2*w.size {
		return false
	}
	grows := w.drained
	w.taken, w.drained = 0, false
	return grows
}

// grow makes the window n bytes larger.
func (w *h2Window) grow(n int64) {
	w.size += n
	w.owed += n
	w.wide = true
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
		if s.inWindow.mayGrow(n, s.held) && s.inWindow.size < h2MaxStreamWindow && h.roomFor(2*s.inWindow.size) {
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
