package proxy

import (
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// mostBetweenLooks is the longest time between two looks for a client that leaves.
const mostBetweenLooks = int64(time.Second)

// leaveWatch says when to look for a client that leaves: at every sweep at first, and later less often, so that a client
// whose events or whose long answer take hours costs next to nothing, and the work for a client that has left takes at most
// an eighth longer, or a second. The sweeper uses it; the exchange's goroutine resets it.
type leaveWatch struct {
	// begin is the time of the first sweep that has met the exchange, and next that of the next look.
	begin, next atomic.Int64
}

func (w *leaveWatch) reset() {
	w.begin.Store(0)
	w.next.Store(0)
}

// due reports whether to look in the sweep at a time.
func (w *leaveWatch) due(now int64) bool {
	if now < w.next.Load() {
		return false
	}
	begin := w.begin.Load()
	if begin == 0 {
		begin = now
		w.begin.Store(now)
	}
	w.next.Store(now + min((now-begin)/8, mostBetweenLooks-int64(deadline.Interval)))
	return true
}
