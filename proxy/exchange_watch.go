package proxy

import (
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// mostBetweenLooks is the longest time between two checks whether the client has left.
const mostBetweenLooks = time.Second

// leaveWatch decides when to check whether the client has left: at first in every sweep, and later after an eighth of
// the time since the first check, but at least once a second. A client that receives events for hours then costs next
// to nothing, and the work for a client that has left soon stops. The sweeper uses leaveWatch; the exchange's goroutine
// resets it.
type leaveWatch struct {
	// begin is the time of the first check, and next the time of the next one. Both are 0 before the first check.
	begin, next atomic.Int64
}

// reset prepares for another exchange. It loads before it stores: most exchanges end before the first sweep, and
// loading is cheaper.
func (w *leaveWatch) reset() {
	if w.begin.Load() != 0 || w.next.Load() != 0 {
		w.begin.Store(0)
		w.next.Store(0)
	}
}

// due reports whether to check in the sweep at time now.
func (w *leaveWatch) due(now int64) bool {
	if now < w.next.Load() {
		return false
	}
	begin := w.begin.Load()
	if begin == 0 {
		begin = now
		w.begin.Store(now)
	}
	w.next.Store(now + min((now-begin)/8, int64(mostBetweenLooks-deadline.Interval)))
	return true
}

// rest returns the time from now until the next look, at most mostBetweenLooks.
func (w *leaveWatch) rest(now int64) time.Duration { return time.Duration(max(w.next.Load()-now, 0)) }
