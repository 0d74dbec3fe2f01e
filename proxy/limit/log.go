package limit

import "time"

// refusalLogEvery is the shortest time between two RATE_LIMIT lines about one client. So the number of lines is the
// number of seconds in which the client was refused, and not the number of images on a page. The shipped fail2ban jail
// bans clients that keep being refused (S-7.7).
const refusalLogEvery = time.Second

// refusalLog decides which of one client's refusals are logged.
type refusalLog struct {
	// next is the earliest time of the next logged refusal, since the limiter's start. The zero value logs the first
	// refusal.
	next time.Duration
	// held counts the refusals since the last logged one.
	held int
}

// add counts a refusal. It reports whether the refusal must be logged, and how many were not logged since the last
// logged one.
func (r *refusalLog) add(at time.Duration) (due bool, held int) {
	if at < r.next {
		r.held++
		return false, 0
	}
	held, r.held = r.held, 0
	r.next = at + refusalLogEvery
	return true, held
}
