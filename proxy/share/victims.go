package share

import (
	"cmp"
	"slices"
	"time"
)

const (
	// patience is how long a request within its shares waits before another one is ended for it: where connections come
	// free by themselves nobody is.
	patience = 200 * time.Millisecond
	// stalled is how long a client must have held up its own exchange for that to be ended.
	stalled = 250 * time.Millisecond
)

// State is what an exchange that uses a connection waits for.
type State uint8

// The states.
const (
	// Streaming is none of the others: bytes move.
	Streaming State = iota
	// Waiting is for the upstream, from the connection being opened to the head of the response.
	Waiting
	// Blocked is for the client, to take bytes or to send them.
	Blocked
)

// Holder is an exchange that uses a connection.
type Holder struct {
	Client   *Client
	Upstream *Upstream
	State    State
	// For is how long it has been in that state.
	For time.Duration
	// Ending reports whether it was chosen before, and its connection will soon be free.
	Ending bool

	limit Limit
}

// Victim is a holder to end, by its place in the list, with the share that it is above, and how much of which size.
type Victim struct {
	At       int
	Limit    Limit
	Held, Of int
}

// Victims chooses which holders to end for those who wait though their client is within its share, and have waited for long enough: one for each,
// first of those whose client or upstream is above its share, then of those whose client holds them up.
func (s *Slots) Victims(now time.Time, holders []Holder) []Victim {
	needy := s.needy(now)
	if len(needy) == 0 {
		return nil
	}
	c := chooser{slots: s, holders: holders, clients: map[*Client]int{}, upstreams: map[*Upstream]int{}, pairs: map[pair]int{}}
	ending := 0
	for i := range holders {
		h := &holders[i]
		if h.Ending {
			ending++
			continue
		}
		c.clients[h.Client]++
		c.upstreams[h.Upstream]++
		c.pairs[pair{h.Client, h.Upstream}]++
	}
	var victims []Victim
	for _, n := range needy[min(ending, len(needy)):] {
		if v, ok := c.choose(n); ok {
			victims = append(victims, v)
		}
	}
	return victims
}

// need is a request that somebody is to give way for.
type need struct {
	// of is the upstream of which it has to be a connection: the request's own, where that has met its share or its own bound;
	// nil for any.
	of *Upstream
	// ofClient reports whether it has to be one of a client above its share, as no other would make the upstream have less.
	ofClient bool
}

// needy returns what is needed for each request whose client is within its share and that has waited for too long, the
// longest waiting first.
func (s *Slots) needy(now time.Time) []need {
	s.mu.Lock()
	defer s.mu.Unlock()
	var waiters []*Waiter
	for _, l := range s.lines {
		if s.rank(l.pair) > 1 {
			continue
		}
		for _, w := range l.waiters[:min(quarter(s.limit), len(l.waiters))] {
			if now.Sub(w.since) >= patience {
				waiters = append(waiters, w)
			}
		}
	}
	slices.SortFunc(waiters, func(a, b *Waiter) int { return cmp.Compare(a.turn, b.turn) })
	var needs []need
	granted := map[any]int{} // what each would hold after those before it
	for _, w := range waiters {
		c, u := w.client, w.upstream
		if c.Used()+granted[c] >= quarter(s.limit) {
			continue
		}
		granted[c]++
		switch {
		case u.full():
			needs = append(needs, need{of: u})
		case u.Used()+granted[u] >= s.ofUpstream(u):
			needs = append(needs, need{of: u, ofClient: true})
		default:
			granted[u]++
			needs = append(needs, need{})
		}
	}
	return needs
}

// chooser chooses victims, with counts in which those that are being ended count no more.
type chooser struct {
	slots     *Slots
	holders   []Holder
	clients   map[*Client]int
	upstreams map[*Upstream]int
	pairs     map[pair]int
}

// choose chooses one holder for a need.
func (c *chooser) choose(n need) (Victim, bool) {
	best := -1
	for i := range c.holders {
		h := &c.holders[i]
		if h.Ending || n.of != nil && h.Upstream != n.of {
			continue
		}
		h.limit = c.above(h)
		if n.ofClient && h.limit != OfClient {
			continue
		}
		if h.limit == None && h.State == Blocked && h.For >= stalled {
			h.limit = Stalled
		}
		if h.limit != None && (best < 0 || worse(h, &c.holders[best])) {
			best = i
		}
	}
	if best < 0 {
		return Victim{}, false
	}
	h := &c.holders[best]
	v := Victim{At: best, Limit: h.limit}
	v.Held, v.Of = c.held(h)
	h.Ending = true
	c.clients[h.Client]--
	c.upstreams[h.Upstream]--
	c.pairs[pair{h.Client, h.Upstream}]--
	return v, true
}

// above returns the share that the holder's client or upstream is above.
func (c *chooser) above(h *Holder) Limit {
	most := int(h.Upstream.most.Load())
	switch {
	case c.clients[h.Client] > quarter(c.slots.limit), most > 0 && c.pairs[pair{h.Client, h.Upstream}] > quarter(most):
		return OfClient
	case c.upstreams[h.Upstream] > c.slots.ofUpstream(h.Upstream):
		return OfUpstream
	}
	return None
}

// held returns how much the holder's client, or its upstream, holds of how much.
func (c *chooser) held(h *Holder) (held, of int) {
	switch {
	case h.limit == OfUpstream:
		return c.upstreams[h.Upstream], c.slots.ofUpstream(h.Upstream)
	case h.limit == OfClient && c.clients[h.Client] <= quarter(c.slots.limit):
		return c.pairs[pair{h.Client, h.Upstream}], quarter(int(h.Upstream.most.Load()))
	}
	return c.clients[h.Client], quarter(c.slots.limit)
}

// worse reports whether a is to be ended before b: one that is above a share before one that is not; then one that its
// client has blocked, for longest; then one that waits for its upstream, for longest; then the newest.
func worse(a, b *Holder) bool {
	switch {
	case (a.limit == Stalled) != (b.limit == Stalled):
		return b.limit == Stalled
	case a.rank() != b.rank():
		return a.rank() > b.rank()
	case a.rank() == Streaming:
		return a.For < b.For
	}
	return a.For > b.For
}

// rank is the state in which the holder counts: a client that has only just begun to block is streaming.
func (h *Holder) rank() State {
	if h.State == Blocked && h.For < stalled {
		return Streaming
	}
	return h.State
}
