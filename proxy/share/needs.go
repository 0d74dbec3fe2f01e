package share

import (
	"cmp"
	"slices"
	"time"
)

// need describes a request for which a holder of a connection has to give way.
type need struct {
	*Waiter
	// of is the upstream whose connection is needed: the request's own, if it has reached its share or its own bound. It is
	// nil if any connection will do.
	of *Upstream
	// ofClient reports whether a client above its share has to give way, because ending another client's exchange would not
	// reduce what the upstream has.
	ofClient bool
	// own reports whether the request's own client has to give way, because it has reached its share.
	own bool
	// reserve reports whether the request's upstream uses less than the reserve.
	reserve bool
}

// promise gives the next slots to requests for which exchanges are being ended. Otherwise the client whose exchange was ended
// could get the connection back: it is below its share again, and its next request may have waited longer.
func (s *Slots) promise(needs []need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range needs {
		if l := s.byPair[n.pair]; l != nil && slices.Index(l.waiters, n.Waiter) >= l.due { // else it has stopped waiting or is due already
			l.due++
		}
	}
}

// impatient returns the requests that have waited too long, in the order in which they get slots.
func (s *Slots) impatient(now time.Time) []*Waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	var byRank [ranks][]*Waiter
	for _, l := range s.lines {
		rank := dueNow
		for at, w := range l.waiters[:min(quarter(s.limit), len(l.waiters))] {
			if at == l.due {
				rank = s.rank(l, at) // all waiters after this one have the same
			}
			if now.Sub(w.since) >= patience {
				byRank[rank] = append(byRank[rank], w)
			}
		}
	}
	for _, waiters := range byRank {
		slices.SortFunc(waiters, func(a, b *Waiter) int { return cmp.Compare(a.turn, b.turn) })
	}
	return slices.Concat(byRank[:]...)
}

// need returns what a request needs, given how many connections its client, its upstream and both together get from the
// exchanges that are ended for the requests before it. It returns false if no exchange may be ended for it.
func (s *Slots) need(w *Waiter, granted map[any]int) (n need, ok bool) {
	s.mu.Lock()
	full := w.upstream.full()
	s.mu.Unlock()
	c, u := w.client, w.upstream
	n = need{Waiter: w, reserve: u.Used()+granted[u] < reserve(s.limit)}
	over := u.Used()+granted[u] >= s.ofUpstream(u)
	most := int(u.most.Load())
	switch {
	case most > 0 && u.Held(c)+granted[n.pair] >= quarter(most):
		return need{}, false
	case c.Used() >= quarter(s.limit) && !over && !full:
		n.own = true
	case c.Used()+granted[c] >= quarter(s.limit):
		return need{}, false
	case full:
		n.of = u
	case over:
		n.of, n.ofClient = u, true
	}
	return n, true
}

// grant counts the connection that the request with this need gets. For the client, or for the upstream, it does not count if
// the client or the upstream itself gives up another connection for it.
func (n *need) grant(granted map[any]int) {
	if !n.own {
		granted[n.client]++
	}
	if n.of == nil {
		granted[n.upstream]++
	}
	granted[n.pair]++
}
