package proxy

import (
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// mostBetweenChecks is the longest time between two checks whether the client has left.
const mostBetweenChecks = time.Second

// leaveChecks decides when to check whether the client has left: at first in every sweep, and later after an eighth of
// the time since the first check, but at least once a second. A client that receives events for hours then costs next
// to nothing, and the work for a client that has left soon stops. The sweeper uses leaveChecks; the exchange's goroutine
// resets it.
type leaveChecks struct {
	// begin is the time of the first check, and next the time of the next one. Both are 0 before the first check.
	begin, next atomic.Int64
}

// reset prepares for another exchange. It loads before it stores: most exchanges end before the first sweep, and
// loading is cheaper.
func (l *leaveChecks) reset() {
	if l.begin.Load() != 0 || l.next.Load() != 0 {
		l.begin.Store(0)
		l.next.Store(0)
	}
}

// due reports whether to check in the sweep at time now.
func (l *leaveChecks) due(now int64) bool {
	if now < l.next.Load() {
		return false
	}
	begin := l.begin.Load()
	if begin == 0 {
		begin = now
		l.begin.Store(now)
	}
	l.next.Store(now + min((now-begin)/8, int64(mostBetweenChecks-deadline.Interval)))
	return true
}

// rest returns the time from now until the next check, at most mostBetweenChecks.
func (l *leaveChecks) rest(now int64) time.Duration { return time.Duration(max(l.next.Load()-now, 0)) }
