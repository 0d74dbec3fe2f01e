package proxy

import (
	"sync/atomic"

	"reverse-proxy/proxy/http2"
)

// h2Window is the window for what a client may send, on a stream or on a connection (RFC 9113, section 5.2). It is
// reopened when an upstream has taken half of it, so a form needs few WINDOW_UPDATE frames. A stream's window grows if
// its upstream waits for data, because then the window is what slows the upload down. From then on it is reopened by
// eighths, so that nearly all of it can be under way over a long path.
type h2Window struct {
	// size is how many bytes a client may have under way or stored here at a time. open is how many it may send now.
	// owed is how many were taken without reopening the window yet.
	size, open, owed int64
	// wide reports whether the window has grown.
	wide bool
	// taken is how many bytes were taken in this period of two windows. drained reports whether nothing was stored at
	// some moment of its second half.
	taken   int64
	drained bool
}

// receive counts n bytes that arrived. It returns false if the client was not allowed to send so many.
func (w *h2Window) receive(n int64) bool {
	w.open -= n
	return w.open >= 0
}

// give counts n bytes that were taken. It returns by how much to open the window now, which may be 0.
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

// mayGrow counts n bytes that an upstream has taken while held bytes are still stored here. It reports whether the
// window may grow. That is decided after every two windows taken: the window may grow if the upstream had to wait for
// the client in that time. Over a long path a whole window may arrive at once, so the amount stored at one time says
// nothing. But an upstream that is slower than the client always finds something stored.
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

// h2Windows is the state of the connection-level window for what the client sends.
type h2Windows struct {
	h2Window
	// held is how many bytes are stored here for all streams together. grown is by how much the window has grown.
	held, grown int64
}

func (w *h2Windows) init() { w.h2Window = h2Window{size: h2ConnWindow, open: h2ConnWindow} }

// release returns the growth of the window to the total of all connections.
func (w *h2Windows) release(all *atomic.Int64) {
	all.Add(-w.grown)
	w.grown = 0
}

// giveBack opens the connection's window for n bytes that are no longer stored here. The caller holds mu.
func (h *h2Conn) giveBack(n int64) {
	if n == 0 || h.closed {
		return
	}
	if increment := h.windows.give(n); increment > 0 {
		h.control(http2.AppendWindowUpdate(*h.buffer(), 0, increment))
	}
}

// taken opens the windows of the stream and of the connection for n bytes that were taken for the upstream. The caller
// holds mu.
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

// roomFor grows the connection's window to twice the wanted window of a stream, up to h2MaxConnWindow. It reports whether
// the stream may have that window. The caller holds mu.
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
