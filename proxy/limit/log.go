package limit

import "time"

// refusalLogEvery is the shortest time between two RATE_LIMIT lines about one client. It makes the number of lines the
// number of seconds in which the client was refused, not the number of images on a page: the shipped jail bans clients that
// keep being refused (S-7.7).
const refusalLogEvery = time.Second

// refusalLog decides which of one client's refusals are logged.
type refusalLog struct {
	// next is when the next refusal is logged, since the limiter's start. The zero value logs the first refusal.
	next time.Duration
	// held counts the refusals since the last logged one.
	held int
}

// add counts a refusal. It reports whether the refusal has to be logged, and how many were held back since the last logged
// one.
func (r *refusalLog) add(at time.Duration) (due bool, held int) {
	if at < r.next {
		r.held++
		return false, 0
	}
	held, r.held = r.held, 0
	r.next = at + refusalLogEvery
	return true, held
}
