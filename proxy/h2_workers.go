package proxy

import (
	"slices"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// h2Worker is a goroutine that has run a stream and waits for the next. The streams of a busy connection share goroutines
// whose stacks have grown already.
type h2Worker struct {
	// next receives the next stream to run, or nil to end the goroutine.
	next chan *h2Stream
}

const (
	// h2KeptWorkers is how many idle workers one connection may keep, and maxIdleWorkers how many all connections
	// together may keep. The stack of each has grown to 4 KiB or more (S-12.8).
	h2KeptWorkers  = 64
	maxIdleWorkers = 512
)

// h2IdleWorkers counts the idle workers of all connections.
type h2IdleWorkers struct{ kept atomic.Int32 }

// keep counts one more idle worker, unless there are enough already. It reports whether it has counted one.
func (w *h2IdleWorkers) keep() bool {
	if w.kept.Load() >= maxIdleWorkers {
		return false
	}
	w.kept.Add(1)
	return true
}

// leave subtracts n idle workers from the count.
func (w *h2IdleWorkers) leave(n int) { w.kept.Add(-int32(n)) }

// launch runs a stream on a goroutine. The caller holds mu.
func (h *h2Conn) launch(s *h2Stream) {
	if last := len(h.workers) - 1; last >= 0 {
		w := h.workers[last]
		h.workers = h.workers[:last]
		h.unneeded = min(h.unneeded, last)
		h.server.registry.idleWorkers.leave(1)
		w.next <- s
		return
	}
	h.tasks.Go(func() { h.work(s) })
}

// work runs one stream after another.
func (h *h2Conn) work(s *h2Stream) {
	var w *h2Worker
	for s != nil {
		code := s.run()
		h.mu.Lock()
		evicted := s.evicted
		s.end(code)
		h.running--
		idle := h.running == 0
		if idle {
			h.becomeIdle()
		}
		// A goroutine whose stream was evicted for its memory is not kept. Nor are more goroutines than the streams
		// that arrive together need.
		ended := h.closed || idle && !h.warm.Load() || evicted || len(h.workers) >= h2KeptWorkers ||
			!h.server.registry.idleWorkers.keep()
		if !ended {
			if w == nil {
				w = &h2Worker{next: make(chan *h2Stream, 1)}
			}
			h.workers = append(h.workers, w)
		}
		h.wakeWriter()
		h.mu.Unlock()
		if idle {
			h.server.registry.becameIdle()
		}
		if ended {
			return
		}
		s = <-w.next
	}
}

// becomeIdle marks the connection as having no stream. The connection counts as idle from now on, even if frames arrive
// that carry no request, such as PING (S-12.1). The caller holds mu.
func (h *h2Conn) becomeIdle() {
	h.served = true
	h.warm.Store(h.again)
	if !h.again {
		h.shed()
	}
	h.idleSince = h.now()
	if !h.heading {
		h.client.timer.Set(deadline.PhaseIdle, h.server.idleTimeout)
	}
	h.endIfDone()
}

// h2WarmTime is how long an idle connection keeps its goroutines, if the previous request also came within that time: a
// client that sends one request after another finds them ready. It keeps all of them, because a client whose streams
// come in waves is idle after each wave. Keeping only 8 made 32 simultaneous streams 13 % more expensive.
const h2WarmTime = time.Second

// cool releases what only streams need if the connection has been idle for h2WarmTime. The sweeper calls it.
func (h *h2Conn) cool() {
	if !h.warm.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running == 0 && h.now()-h.idleSince >= int64(h2WarmTime) {
		h.warm.Store(false)
		h.shed()
		h.wakeWriter()
	}
}

// coolWorkers is for connections with streams. It ends those idle workers that no stream has needed since it last did
// so. The sweeper calls it, and it acts once a second or less often. Without it, a connection with an endless response
// would keep the workers that a wave of requests has left.
func (h *h2Conn) coolWorkers() {
	now := h.now()
	if now-h.cooled < int64(h2WarmTime) {
		return
	}
	h.cooled = now
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dismissWorkers(h.unneeded)
	h.unneeded = len(h.workers)
}

// shed ends the idle workers and frees memory that many streams have left. The caller holds mu.
func (h *h2Conn) shed() {
	h.dismissWorkers(len(h.workers))
	if cap(h.workers) > keptStreams {
		h.workers = nil
	}
	h.streams.trim()
}

// dismissWorkers ends the first n idle workers, which have been idle longest. The caller holds mu.
func (h *h2Conn) dismissWorkers(n int) {
	for _, w := range h.workers[:n] {
		w.next <- nil
	}
	h.workers = slices.Delete(h.workers, 0, n)
	h.unneeded = min(h.unneeded, len(h.workers))
	h.server.registry.idleWorkers.leave(n)
}
