package share

import "time"

const (
	// patience is how long a request within its shares waits before an exchange is ended for it. If a connection becomes
	// free in that time, no exchange is ended.
	patience = 200 * time.Millisecond
	// stalled is how long a client must have held up its own exchange before the exchange may be ended.
	stalled = 250 * time.Millisecond
	// abandoned is how long an upload must have received nothing before it may be ended for a request to an upstream that has
	// reached its share. It is longer than stalled, because the network of an honest client often pauses.
	abandoned = 2 * time.Second
)

// State says what an exchange that uses a connection is waiting for.
type State uint8

const (
	// Streaming means that bytes are moving.
	Streaming State = iota
	// Waiting means that the exchange waits for the upstream, from opening the connection to receiving the head of the
	// response.
	Waiting
	// Blocked means that the exchange waits for the client to read or send bytes.
	Blocked
)

// Holder is an exchange that uses a connection.
type Holder struct {
	Client   *Client
	Upstream *Upstream
	State    State
	// For is how long the exchange has been in that state.
	For time.Duration
	// Unread reports whether a Blocked exchange waits for the client to read the response, not to send the request.
	Unread bool
	// Ending reports whether the holder was chosen before, so that its connection will soon be free.
	Ending bool

	limit Limit
}

// Victim is a holder to end, by its index in the list. It has the share that the holder is above, how much of it is in use,
// and its size.
type Victim struct {
	At       int
	Limit    Limit
	Held, Of int
}

// Victims chooses the holders to end for the requests that have waited long enough, one for each. For a request of a client
// within its share, it chooses a holder whose client or upstream is above its share, or else one whose client holds it up.
// If the request's upstream uses less than the reserve, any holder of an upstream that uses more will do. For a request of a
// client that has reached its share, Victims chooses one of that client's own holders, to another upstream. These
// requests get the next slots.
func (s *Slots) Victims(now time.Time, holders []Holder) []Victim {
	waiters := s.impatient(now)
	if len(waiters) == 0 {
		return nil
	}
	c := newChooser(s, holders)
	victims, served := c.victims(waiters)
	s.promise(served)
	return victims
}

// chooser chooses victims. Its counts exclude the holders that are being ended and include the requests that get their
// connections.
type chooser struct {
	slots     *Slots
	holders   []Holder
	clients   map[*Client]int
	upstreams map[*Upstream]int
	pairs     map[pair]int
	// ending is the number of holders that were chosen before.
	ending int
	groups groups
	// hopeless has the questions without an answer since the last holder was chosen.
	hopeless map[question]bool
	// looks is the number of holders that were compared.
	looks int
}

// question has everything that the choice for a need depends on.
type question struct {
	// pair is set only if the need's own client has to give way.
	pair
	of                     *Upstream
	ofClient, reserve, own bool
}

func newChooser(s *Slots, holders []Holder) *chooser {
	c := &chooser{slots: s, holders: holders, clients: map[*Client]int{}, upstreams: map[*Upstream]int{}, pairs: map[pair]int{}, hopeless: map[question]bool{}}
	for i := range holders {
		h := &holders[i]
		if h.Ending {
			c.ending++
			continue
		}
		c.clients[h.Client]++
		c.upstreams[h.Upstream]++
		c.pairs[pair{h.Client, h.Upstream}]++
	}
	c.groups = groupsOf(holders)
	return c
}

// victims chooses the holders to end for waiting requests. served has the needs of the requests that will get a connection,
// from these holders or from those that were chosen before.
func (c *chooser) victims(waiters []*Waiter) (victims []Victim, served []need) {
	granted := map[any]int{} // by client, by upstream and by pair
	for _, w := range waiters {
		n, ok := c.slots.need(w, granted)
		switch {
		case !ok:
			continue
		case len(served) < c.ending:
			c.serve(n)
		default:
			v, ok := c.choose(n)
			if !ok {
				continue
			}
			victims = append(victims, v)
		}
		n.grant(granted)
		served = append(served, n)
	}
	return victims, served
}

// question returns what the choice for a need depends on.
func (c *chooser) question(n need) question {
	q := question{of: n.of, ofClient: n.ofClient, reserve: n.reserve}
	if n.own && c.clients[n.client] >= quarter(c.slots.limit) { // it may have given way already
		q.own, q.pair = true, n.pair
	}
	return q
}

// choose chooses one holder for a need. Thousands of requests may wait while thousands of connections are in use, so it
// looks at only one holder of each group, and does not ask a question without an answer twice.
func (c *chooser) choose(n need) (Victim, bool) {
	q := c.question(n)
	if c.hopeless[q] {
		return Victim{}, false
	}
	var best *group
	for _, g := range c.groups.candidates(q) {
		if len(g.holders) == 0 {
			continue
		}
		c.looks++
		h := &c.holders[g.holders[0]]
		if q.own {
			h.limit = c.ownLimit(h, n)
		} else {
			h.limit = c.limit(h, n)
		}
		if h.limit != None && (best == nil || worse(h, &c.holders[best.holders[0]])) {
			best = g
		}
	}
	if best == nil {
		c.hopeless[q] = true
		return Victim{}, false
	}
	clear(c.hopeless)
	v := Victim{At: best.holders[0]}
	best.holders = best.holders[1:]
	h := &c.holders[v.At]
	v.Limit = h.limit
	v.Held, v.Of = c.held(h)
	h.Ending = true
	c.clients[h.Client]--
	c.upstreams[h.Upstream]--
	c.pairs[pair{h.Client, h.Upstream}]--
	c.serve(n)
	return v, true
}

// serve counts the connection that the request with this need will get.
func (c *chooser) serve(n need) {
	c.clients[n.client]++
	c.upstreams[n.upstream]++
	c.pairs[n.pair]++
}

// limit returns why the holder may be ended for a request of a client within its share, or None if it may not. For an
// upstream below the reserve, it does not take from another one below the reserve, whose own requests would get the
// connection back. For an upstream at its share, a response that its client leaves unread gives way, but an upload that its
// client holds up does so only once it is abandoned.
func (c *chooser) limit(h *Holder, n need) Limit {
	above := c.above(h)
	spare := c.upstreams[h.Upstream] > reserve(c.slots.limit)
	switch {
	case above == OfClient, above == OfUpstream && !n.ofClient:
		return above
	case h.isHeldUp(n) && (spare || !n.reserve || h.Upstream == n.upstream):
		return Stalled
	case n.reserve && spare && !n.ofClient:
		return Reserve
	}
	return None
}

// isHeldUp reports whether the holder's client has held it up for so long that it may be ended for the need.
func (h *Holder) isHeldUp(n need) bool {
	least := stalled
	if n.ofClient && !h.Unread {
		least = abandoned
	}
	return h.State == Blocked && h.For >= least
}

// ownLimit returns why the holder may be ended for a request of its own client to another upstream, when the client has
// reached its share, or None if it may not. It may be ended if its upstream is above its share, or uses more than the
// reserve while the other upstream uses less. Otherwise the client's connections are spread over its upstreams: one that
// does not answer makes room for another.
func (c *chooser) ownLimit(h *Holder, n need) Limit {
	if h.Client != n.client || h.Upstream == n.upstream {
		return None
	}
	used, own, spread := c.upstreams[h.Upstream], c.pairs[pair{h.Client, h.Upstream}], c.pairs[n.pair]
	switch {
	case used > c.slots.ofUpstream(h.Upstream):
		return OfUpstream
	case n.reserve && used > reserve(c.slots.limit):
		return Reserve
	case h.rank() != Streaming && h.For >= patience && (own > spread+1 || spread == 0):
		return OfClient
	}
	return None
}

// above returns the share that the holder's client or upstream is above.
func (c *chooser) above(h *Holder) Limit {
	switch {
	case c.clients[h.Client] > quarter(c.slots.limit), c.aboveOwnBound(h):
		return OfClient
	case c.upstreams[h.Upstream] > c.slots.ofUpstream(h.Upstream):
		return OfUpstream
	}
	return None
}

// aboveOwnBound reports whether the holder's client is above its share of an upstream that has a bound of its own.
func (c *chooser) aboveOwnBound(h *Holder) bool {
	most := int(h.Upstream.most.Load())
	return most > 0 && c.pairs[pair{h.Client, h.Upstream}] > quarter(most)
}

// held returns how much the holder's client or upstream holds, and the size of its share.
func (c *chooser) held(h *Holder) (held, of int) {
	switch {
	case h.limit == Reserve:
		return c.upstreams[h.Upstream], reserve(c.slots.limit)
	case h.limit == OfUpstream:
		return c.upstreams[h.Upstream], c.slots.ofUpstream(h.Upstream)
	case h.limit == OfClient && c.clients[h.Client] <= quarter(c.slots.limit) && c.aboveOwnBound(h):
		return c.pairs[pair{h.Client, h.Upstream}], quarter(int(h.Upstream.most.Load()))
	}
	return c.clients[h.Client], quarter(c.slots.limit)
}

// worse reports whether a is to be ended before b. A holder above a share comes before one that is not, and one that its
// client holds up comes before one above the reserve. Among equals worseState decides.
func worse(a, b *Holder) bool {
	if a.order() != b.order() {
		return a.order() < b.order()
	}
	return worseState(a, b)
}

// worseState reports whether a comes before b because of their states. The order is: blocked by its client, unread responses
// before uploads, longest first; waiting for its upstream, longest first; streaming, newest first.
func worseState(a, b *Holder) bool {
	switch {
	case a.rank() != b.rank():
		return a.rank() > b.rank()
	case a.rank() == Blocked && a.Unread != b.Unread:
		return a.Unread
	case a.rank() == Streaming:
		return a.For < b.For
	}
	return a.For > b.For
}

// order returns the position of the holder's limit among all limits for which a holder may be ended.
func (h *Holder) order() int {
	switch h.limit {
	case Stalled:
		return 1
	case Reserve:
		return 2
	}
	return 0
}

// rank returns the state that counts for the holder: an exchange that its client has only just begun to block counts as
// streaming.
func (h *Holder) rank() State {
	if h.State == Blocked && h.For < stalled {
		return Streaming
	}
	return h.State
}
