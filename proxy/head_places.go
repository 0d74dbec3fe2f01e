package proxy

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/share"
)

// maxLargeHeads is the number of responses whose heads do not fit into a usual buffer and that may be in memory at a time. A
// place is held from the first bytes that do not fit until the head has been written or waits for its client. At most
// maxWaitingHeads may wait for clients without a place; further ones keep theirs until the bound on parked answers has made
// room. With more of them, a storm of requests would meet that bound, and responses of clients that read would be reset.
const (
	maxLargeHeads   = 48
	maxWaitingHeads = 32
)

// largeHeadWait is how long a head waits for a place before it may do without. All places are taken for that long only if
// upstreams take long to send the rest of their heads, or in a storm of requests. Each time that no head has stopped
// waiting for largeHeadPause, one does without. The pause is shorter if some would otherwise wait for more than
// largeHeadMost. All must arrive within a second (S-12.6), even if no place ever becomes free. A request may have to wait twice,
// for the head of a forward_auth service's answer and for that of the response; the two waits are added up. With much shorter
// times, more heads of a storm would do without a place, and the bound on parked answers would reset them.
const (
	largeHeadWait  = 450 * time.Millisecond
	largeHeadPause = 10 * time.Millisecond
	largeHeadMost  = 900 * time.Millisecond
)

// headPlaces bounds how many large heads are in memory. While all places are taken, the clients whose heads wait take turns:
// a client with hundreds of them delays the others no more than a client with a single one (S-12.6). If most is 0, there
// is no bound.
type headPlaces struct {
	// most is the number of places.
	most int
	// taken is how many places are taken, readable without the lock.
	taken atomic.Int32

	mu sync.Mutex
	// clients are the clients with waiting heads, in the order of their turns.
	clients []*headLine
	// left is when a head last stopped waiting.
	left time.Time
	// late ends the waits of heads that have waited for long enough. It is nil while no head waits.
	late *time.Timer
}

// headLine lists the waiting heads of one client, those that have waited longest first.
type headLine struct {
	client  *share.Client
	waiters []*headWaiter
}

// headWaiter is a head that waits for a place.
type headWaiter struct {
	places *headPlaces
	client *share.Client
	// since is when the head began to wait, less the time for which its request had already waited for other heads.
	since time.Time
	// ended receives the result of the wait.
	ended chan headWait
}

// headWait is how the wait for a place has ended.
type headWait int

const (
	// headHasPlace means that the head has a place.
	headHasPlace headWait = iota
	// headHasNone means that the head may do without a place.
	headHasNone
	// headInterrupted means that the wait was interrupted.
	headInterrupted
)

// full reports whether all places are taken.
func (p *headPlaces) full() bool { return p.most > 0 && int(p.taken.Load()) >= p.most }

// join takes a place for a head of the client, or begins to wait for one. waited is how long the same request has waited for
// places before. The wait ends when the waiter has received its result, or with leave.
func (p *headPlaces) join(client *share.Client, waited time.Duration) *headWaiter {
	w := &headWaiter{places: p, client: client, since: time.Now().Add(-waited), ended: make(chan headWait, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.full() {
		p.taken.Add(1)
		w.ended <- headHasPlace
		return w
	}
	if at := p.lineOf(client); at >= 0 {
		p.clients[at].add(w)
	} else {
		p.clients = append(p.clients, &headLine{client, []*headWaiter{w}})
	}
	switch left := max(0, largeHeadWait-waited); {
	case p.late == nil:
		p.late = time.AfterFunc(left, p.endLate)
	case waited > 0: // it may be the next one whose wait ends
		p.late.Reset(0)
	}
	return w
}

// add adds a head to the line.
func (l *headLine) add(w *headWaiter) {
	at := len(l.waiters)
	for at > 0 && w.since.Before(l.waiters[at-1].since) {
		at--
	}
	l.waiters = slices.Insert(l.waiters, at, w)
}

// lineOf returns the index of the client's line, or -1. The caller holds mu.
func (p *headPlaces) lineOf(client *share.Client) int {
	return slices.IndexFunc(p.clients, func(l *headLine) bool { return l.client == client })
}

// give gives a place back.
func (p *headPlaces) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.clients) == 0 {
		p.taken.Add(-1)
		return
	}
	p.end(0, headHasPlace)
}

// leave ends the wait with the given result, unless it has already ended.
func (w *headWaiter) leave(result headWait) {
	p := w.places
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.lineOf(w.client)
	if line < 0 {
		return
	}
	waiters := p.clients[line].waiters
	at := slices.Index(waiters, w)
	if at < 0 {
		return
	}
	if p.clients[line].waiters = slices.Delete(waiters, at, at+1); len(waiters) == 1 {
		p.clients = slices.Delete(p.clients, line, line+1)
	}
	w.ended <- result
}

// end ends the wait of the first head of a line, which then moves to the back. The caller holds mu.
func (p *headPlaces) end(line int, result headWait) {
	l := p.clients[line]
	w := l.waiters[0]
	p.clients = slices.Delete(p.clients, line, line+1)
	if l.waiters = slices.Delete(l.waiters, 0, 1); len(l.waiters) > 0 {
		p.clients = append(p.clients, l)
	}
	p.left = time.Now()
	w.ended <- result
}

// endLate ends the waits of heads that have waited for largeHeadWait, one after each pause in which none has stopped waiting.
func (p *headPlaces) endLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for len(p.clients) > 0 {
		waiting, oldest := 0, now
		for _, l := range p.clients {
			waiting += len(l.waiters)
			if first := l.waiters[0].since; first.Before(oldest) {
				oldest = first
			}
		}
		waited := now.Sub(oldest)
		pause := min(largeHeadPause, max(0, largeHeadMost-waited)/time.Duration(waiting))
		if left := max(largeHeadWait-waited, pause-now.Sub(p.left)); left > 0 {
			p.late.Reset(left)
			return
		}
		p.end(slices.IndexFunc(p.clients, func(l *headLine) bool { return now.Sub(l.waiters[0].since) >= largeHeadWait }), headHasNone)
	}
	p.late = nil
}

// queuedHeads holds the places of the large heads in a connection's output. A head is in memory until the output is written,
// and on a busy machine hundreds of connections may have output at the same time (S-12.8). The places are given back before
// the connection waits for its client: a client that reads nothing must not keep them from others.
type queuedHeads struct {
	from *headPlaces
	n    atomic.Int32
}

// hold adds a place. The caller holds the mu of the connection.
func (q *queuedHeads) hold(from *headPlaces) {
	if q.from == nil {
		q.from = from
	}
	q.n.Add(1)
}

// give gives all places back.
func (q *queuedHeads) give() {
	if q.n.Load() == 0 {
		return // usually
	}
	for range q.n.Swap(0) {
		q.from.give()
	}
}
