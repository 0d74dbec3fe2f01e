package share

import (
	"cmp"
	"slices"
	"time"
)

// need describes a request for which a holder of a connection has to give way.
type need struct {
	pair
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

// needs returns the need of each request that has waited too long, in the order in which they get slots.
func (s *Slots) needs(now time.Time) []need {
	s.mu.Lock()
	defer s.mu.Unlock()
	var needs []need
	granted := map[any]int{} // what each would hold after the requests before it are served
	for _, w := range s.impatient(now) {
		if n, ok := s.need(w.pair, granted); ok {
			needs = append(needs, n)
		}
	}
	return needs
}

// impatient returns the requests that have waited too long, in the order in which they get slots. The caller holds mu.
func (s *Slots) impatient(now time.Time) []*Waiter {
	var byRank [ranks][]*Waiter
	for _, l := range s.lines {
		rank := s.rank(l.pair)
		for _, w := range l.waiters[:min(quarter(s.limit), len(l.waiters))] {
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

// need returns what a request needs, given what was granted to those before it. It returns false if no exchange may be ended
// for it. The caller holds mu.
func (s *Slots) need(p pair, granted map[any]int) (n need, ok bool) {
	c, u := p.client, p.upstream
	n = need{pair: p, reserve: u.Used()+granted[u] < reserve(s.limit)}
	over := u.Used()+granted[u] >= s.ofUpstream(u)
	switch {
	case c.Used() >= quarter(s.limit) && !over && !u.full():
		granted[u]++
		n.own = true
		return n, true
	case c.Used()+granted[c] >= quarter(s.limit), s.reached(c, u) == OfClient:
		return need{}, false
	case u.full():
		n.of = u
	case over:
		n.of, n.ofClient = u, true
	default:
		granted[u]++
	}
	granted[c]++
	return n, true
}
