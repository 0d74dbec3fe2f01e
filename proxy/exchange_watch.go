package proxy

import (
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// mostBetweenLooks is the longest time between two looks for a client that leaves.
const mostBetweenLooks = int64(time.Second)

// leaveWatch says when to look for a client that leaves: first at every sweep, and later after an eighth of the time since
// the first look, at most a second. A client that receives events for hours then costs next to nothing, and the work for a
// client that has left is soon stopped. The sweeper uses leaveWatch; the exchange's goroutine resets it.
type leaveWatch struct {
	// begin is the time of the first look, and next that of the next one; 0 before the first look.
	begin, next atomic.Int64
}

// reset prepares for another exchange. Most exchanges end before the first sweep, and loading is cheaper than storing.
func (w *leaveWatch) reset() {
	if w.begin.Load() != 0 || w.next.Load() != 0 {
		w.begin.Store(0)
		w.next.Store(0)
	}
}

// due reports whether to look in the sweep at the time now.
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
