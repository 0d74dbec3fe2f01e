package share

import (
	"sync"
	"sync/atomic"
	"time"
)

// leastQueue is the smallest size of the queue, however few slots there are. It is enough for a page with many pictures over
// one HTTP/2 connection. With many slots the queue has half their number, because a waiting request has a goroutine and
// costs nearly as much memory as one with a slot (S-12.8).
const leastQueue = 256

// Slots holds the connections to all upstreams together, and the requests that wait for one. It is safe for concurrent use.
type Slots struct {
	// limit is the largest number of connections, and queue the largest number of waiting requests.
	limit, queue int
	// wanted is the number of waiting requests, readable without the lock.
	wanted atomic.Int32

	mu sync.Mutex
	// free is the number of connections that may still be opened.
	free int
	// lines has the waiting requests: one line for each pair of a client and an upstream, in no particular order.
	lines []*line
	// byPair finds the line of a pair.
	byPair map[pair]*line
	// turn numbers the waiting requests in the order of their arrival.
	turn uint64
}

// pair is a client and an upstream.
type pair struct {
	client   *Client
	upstream *Upstream
}

// line has the requests of one client that wait for one upstream. They are served in the order of their arrival.
type line struct {
	pair
	at      int
	waiters []*Waiter
	// due is how many of its first waiters get the next slots, because exchanges are being ended for them.
	due int
}

// Waiter is a request that waits for a connection.
type Waiter struct {
	pair
	turn uint64
	// since is when the request began to wait.
	since time.Time
	// Ready receives the end of the wait, once.
	Ready chan Grant
}

// Grant says how a wait ends.
type Grant struct {
	// Conn is a connection to use, already counted for the waiter. If it is nil, the waiter gets a slot in which to open
	// one.
	Conn any
	// Refused reports whether the wait ended without a connection, because of Limit.
	Refused bool
	Limit   Limit
}

// New returns the given number of slots, with none in use.
func New(limit int) *Slots {
	return &Slots{limit: limit, free: limit, queue: max(limit/2, leastQueue), byPair: map[pair]*line{}}
}

// Wanted returns the number of waiting requests, without taking a lock.
func (s *Slots) Wanted() int { return int(s.wanted.Load()) }

// Limit returns the largest number of connections.
func (s *Slots) Limit() int { return s.limit }

// Reserve returns how many connections an upstream can get even if others hold all of them.
func (s *Slots) Reserve() int { return reserve(s.limit) }

// Acquire takes a slot for a connection of the client to the upstream and counts the connection as used. If no slot is free,
// the request waits. If too many requests wait, displace chooses one to refuse, which may be this one.
func (s *Slots) Acquire(c *Client, u *Upstream, now time.Time) (w *Waiter, refused bool, limit Limit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free > 0 && !u.full() {
		s.free--
		u.open++
		Enter(c, u)
		return nil, false, None
	}
	if s.Wanted() >= s.queue {
		if limit, refused := s.displace(c, u); refused {
			return nil, true, limit
		}
	}
	w = &Waiter{pair: pair{c, u}, turn: s.turn, since: now, Ready: make(chan Grant, 1)}
	s.turn++
	l := s.byPair[w.pair]
	if l == nil {
		l = &line{pair: w.pair, at: len(s.lines)}
		s.byPair[w.pair] = l
		s.lines = append(s.lines, l)
	}
	l.waiters = append(l.waiters, w)
	c.waiting++
	u.waiting++
	s.wanted.Add(1)
	return w, false, None
}

// Cancel ends a wait. It returns false if the wait has already ended with a grant, which the caller must receive.
func (s *Slots) Cancel(w *Waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byPair[w.pair]
	if l == nil {
		return false
	}
	for i, other := range l.waiters {
		if other == w {
			s.remove(l, i)
			return true
		}
	}
	return false
}

// remove takes a waiter out of its line. The caller holds mu.
func (s *Slots) remove(l *line, i int) *Waiter {
	w := l.waiters[i]
	copy(l.waiters[i:], l.waiters[i+1:])
	last := len(l.waiters) - 1
	l.waiters[last] = nil
	l.waiters = l.waiters[:last]
	if i < l.due {
		l.due--
	}
	w.client.waiting--
	w.upstream.waiting--
	s.wanted.Add(-1)
	if last == 0 {
		end := len(s.lines) - 1
		s.lines[l.at] = s.lines[end]
		s.lines[l.at].at = l.at
		s.lines[end] = nil
		s.lines = s.lines[:end]
		delete(s.byPair, l.pair)
	}
	return w
}

// Freed gives back the slot of a connection to the upstream that was closed and is no longer counted as used. The next
// waiter gets the slot.
func (s *Slots) Freed(u *Upstream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.open--
	s.free++
	for s.free > 0 {
		l := s.next(nil)
		if l == nil {
			return
		}
		s.free--
		l.upstream.open++
		Enter(l.client, l.upstream)
		s.remove(l, 0).Ready <- Grant{}
	}
}

// Verdict says what to do with a connection that is no longer in use.
type Verdict uint8

const (
	// Keep means that no waiting request can use the connection or its slot. The caller keeps it.
	Keep Verdict = iota
	// Handed means that a waiting request has received the connection.
	Handed
	// Close means that a request waits for the slot. The caller closes the connection and calls Freed.
	Close
)

// Hand offers an open connection to the upstream that is not in use. If a waiter for that upstream is next, it gets the
// connection, which then counts as used.
func (s *Slots) Hand(u *Upstream, conn any) Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.next(u)
	switch {
	case l == nil:
		return Keep
	case l.upstream != u:
		return Close
	}
	Enter(l.client, u)
	s.remove(l, 0).Ready <- Grant{Conn: conn}
	return Handed
}

// Wants reports whether a waiting request could use a freed slot, whichever upstream its connection was to.
func (s *Slots) Wants() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next(nil) != nil
}

// Waiting returns the number of requests that wait for a connection to the upstream.
func (s *Slots) Waiting(u *Upstream) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return u.waiting
}

// OthersWait reports whether requests of other clients, or to other upstreams, wait because of what the client or the
// upstream holds. A share is enforced only then (S-12.6).
func (s *Slots) OthersWait(c *Client, u *Upstream, limit Limit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch limit {
	case OfClient:
		return s.Wanted() > c.waiting
	case OfUpstream:
		return s.Wanted() > u.waiting
	}
	return false
}

// Reached returns the share that makes a request of the client to the upstream wait, how much of it is in use, and its size.
func (s *Slots) Reached(c *Client, u *Upstream) (limit Limit, held, of int) {
	most := int(u.most.Load())
	switch limit = s.reached(c, u); {
	case limit == OfClient && c.Used() < quarter(s.limit):
		return limit, u.Held(c), quarter(most)
	case limit == OfUpstream:
		return limit, u.Used(), s.ofUpstream(u)
	}
	return limit, c.Used(), quarter(s.limit)
}
