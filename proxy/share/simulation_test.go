package share

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world simulates clients and upstreams on top of the accounting, with its own clock.
type world struct {
	t         *testing.T
	random    *rand.Rand
	slots     *Slots
	now       time.Time
	clients   []*Client
	upstreams []*Upstream
	holding   []*holding
	waiting   []*Waiter // in the order of their arrival
	idle      []*Upstream
}

// holding is a connection in use.
type holding struct {
	client   *Client
	upstream *Upstream
	state    State
	since    time.Time
	ending   bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1000, 0)}
	w.slots = New(1 + w.random.IntN(24))
	for range 1 + w.random.IntN(6) {
		w.clients = append(w.clients, &Client{})
	}
	for i := range 1 + w.random.IntN(4) {
		u := &Upstream{}
		u.Held = func(c *Client) (n int) {
			for _, h := range w.holding {
				if h.client == c && h.upstream == u {
					n++
				}
			}
			return n
		}
		if i > 0 && w.random.IntN(3) == 0 {
			u.Bound(1 + w.random.IntN(w.slots.limit))
		}
		w.upstreams = append(w.upstreams, u)
	}
	return w
}

// ask makes a client request a connection.
func (w *world) ask(c *Client, u *Upstream) {
	for i, idle := range w.idle { // a pool hands out its own first
		if idle == u {
			w.idle = append(w.idle[:i], w.idle[i+1:]...)
			Enter(c, u)
			w.hold(c, u)
			return
		}
	}
	free := len(w.holding)+len(w.idle) < w.slots.limit && !w.full(u)
	waiter, refused, _ := w.slots.Acquire(c, u, w.now)
	if free != (waiter == nil && !refused) {
		w.t.Fatalf("a slot is free: %v; the request waits: %v, is refused: %v", free, waiter != nil, refused)
	}
	switch {
	case refused:
	case waiter == nil:
		w.hold(c, u)
	default:
		w.waiting = append(w.waiting, waiter)
		w.makeRoom()
	}
	w.collectRefused()
}

func (w *world) hold(c *Client, u *Upstream) {
	w.holding = append(w.holding, &holding{client: c, upstream: u, state: State(w.random.IntN(3)), since: w.now})
}

// full is the model's view of an upstream's own bound.
func (w *world) full(u *Upstream) bool {
	n := 0
	for _, h := range w.holding {
		if h.upstream == u {
			n++
		}
	}
	for _, idle := range w.idle {
		if idle == u {
			n++
		}
	}
	return u.most.Load() > 0 && n >= int(u.most.Load())
}

// makeRoom closes the connection that has been idle longest, or hands it over.
func (w *world) makeRoom() {
	if len(w.idle) == 0 {
		return
	}
	u := w.idle[0]
	w.idle = w.idle[1:]
	w.pass(u)
}

// pass does what a pool does with a connection that has come free.
func (w *world) pass(u *Upstream) {
	want := w.expected(u)
	switch verdict := w.slots.Hand(u, u); verdict {
	case Handed:
		w.granted(want, u)
	case Keep:
		if want != nil {
			w.t.Fatalf("a connection was kept though a request could use it")
		}
		w.idle = append(w.idle, u)
	case Close:
		if want == nil || want.upstream == u {
			w.t.Fatalf("a connection was closed, not handed to the request that is next for it")
		}
		w.free(u)
	}
}

// free closes a connection that is not in use.
func (w *world) free(u *Upstream) {
	want := w.expected(nil)
	w.slots.Freed(u)
	if want == nil { // a request that waited for this upstream's own bound may now proceed
		for _, waiter := range w.waiting {
			if len(waiter.Ready) > 0 {
				want = waiter
			}
		}
	}
	if want != nil {
		w.granted(want, nil)
	}
}

// expected returns the model's choice among the requests that could be served. It prefers those for which exchanges are
// ended, then those whose client is within its share. Among these it prefers an upstream that uses less than the reserve,
// then one that uses less than its share. Among these it takes the request that came first.
func (w *world) expected(given *Upstream) *Waiter {
	limit := w.slots.limit
	for _, waiter := range w.waiting {
		if w.due(waiter) && (waiter.upstream == given || !w.full(waiter.upstream)) {
			return waiter
		}
	}
	for _, within := range []bool{true, false} {
		for _, most := range []int{max(1, limit/16), limit} {
			for _, waiter := range w.waiting {
				u := waiter.upstream
				if u != given && w.full(u) || (w.slots.reached(waiter.client, u) != OfClient) != within {
					continue
				}
				if u.Used() < min(most, w.slots.ofUpstream(u)) {
					return waiter
				}
			}
		}
		for _, waiter := range w.waiting {
			if (waiter.upstream == given || !w.full(waiter.upstream)) && (w.slots.reached(waiter.client, waiter.upstream) != OfClient) == within {
				return waiter
			}
		}
	}
	return nil
}

// due reports whether an exchange was ended for the request.
func (w *world) due(waiter *Waiter) bool {
	line := w.slots.byPair[waiter.pair]
	return slices.Index(line.waiters, waiter) < line.due
}

// granted takes the grant that the model's choice must have received.
func (w *world) granted(want *Waiter, conn *Upstream) {
	select {
	case grant := <-want.Ready:
		if grant.Refused || (grant.Conn != nil) != (conn != nil) {
			w.t.Fatalf("got the grant %+v", grant)
		}
	default:
		w.t.Fatalf("the request that was next did not get the slot")
	}
	w.forget(want)
	w.hold(want.client, want.upstream)
}

func (w *world) forget(waiter *Waiter) {
	for i := range w.waiting {
		if w.waiting[i] == waiter {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			return
		}
	}
}

// collectRefused forgets the requests that were refused to make room in the queue.
func (w *world) collectRefused() {
	for _, waiter := range append([]*Waiter(nil), w.waiting...) {
		if len(waiter.Ready) > 0 {
			if grant := <-waiter.Ready; !grant.Refused || grant.Limit == None {
				w.t.Fatalf("got the grant %+v while no slot came free", grant)
			}
			w.forget(waiter)
		}
	}
}

// finish ends the use of a connection, which then stays open or is closed.
func (w *world) finish(i int, alive bool) {
	h := w.holding[i]
	w.holding = append(w.holding[:i], w.holding[i+1:]...)
	Leave(h.client, h.upstream)
	if alive {
		w.pass(h.upstream)
	} else {
		w.free(h.upstream)
	}
}

// reclaim ends the victims, which close their connections.
func (w *world) reclaim() {
	holders := make([]Holder, len(w.holding))
	for i, h := range w.holding {
		holders[i] = Holder{Client: h.client, Upstream: h.upstream, State: h.state, For: w.now.Sub(h.since), Ending: h.ending}
	}
	victims := w.slots.Victims(w.now, holders)
	if len(victims) > len(w.waiting) {
		w.t.Fatalf("%d requests are ended for %d that wait", len(victims), len(w.waiting))
	}
	due := 0
	for _, waiter := range w.waiting {
		if w.due(waiter) {
			due++
		}
	}
	if due < len(victims) {
		w.t.Fatalf("%d requests are ended for %d", len(victims), due)
	}
	var ended []*holding
	for _, v := range victims {
		h := w.holding[v.At]
		if v.Limit == Stalled && (h.state != Blocked || w.now.Sub(h.since) < stalled) {
			w.t.Fatalf("a request that its client does not hold up was ended for that")
		}
		if v.Limit != Stalled && v.Held <= v.Of && !(v.Limit == OfClient && v.Held == v.Of && w.waitsToo(h)) {
			w.t.Fatalf("a request was ended that is within its share: %+v", v)
		}
		ended = append(ended, h)
	}
	for _, h := range ended {
		for i := range w.holding {
			if w.holding[i] == h {
				w.finish(i, false)
				break
			}
		}
	}
	for _, waiter := range w.waiting {
		if w.due(waiter) && !w.full(waiter.upstream) {
			w.t.Fatalf("an exchange was ended for a request, and another one got its connection")
		}
	}
}

// waitsToo reports whether the holder's client waits for another upstream.
func (w *world) waitsToo(h *holding) bool {
	for _, waiter := range w.waiting {
		if waiter.client == h.client && waiter.upstream != h.upstream {
			return true
		}
	}
	return false
}

// check checks the invariants after every step.
func (w *world) check() {
	if n := len(w.holding) + len(w.idle); n+w.slots.free != w.slots.limit {
		w.t.Fatalf("%d connections and %d free slots, want %d together", n, w.slots.free, w.slots.limit)
	}
	if w.slots.Wanted() != len(w.waiting) || len(w.waiting) > w.slots.queue {
		w.t.Fatalf("got %d waiting requests in the accounts, want %d and at most %d", w.slots.Wanted(), len(w.waiting), w.slots.queue)
	}
	for _, u := range w.upstreams {
		if most := int(u.most.Load()); most > 0 && u.open > most {
			w.t.Fatalf("%d connections to an upstream whose bound is %d", u.open, most)
		}
	}
	if w.slots.free > 0 {
		for _, waiter := range w.waiting {
			if !w.full(waiter.upstream) {
				w.t.Fatalf("a request waits while a slot is free")
			}
		}
	}
}

// reclaimable reports whether an exchange can be ended for the waiter: a client or an upstream is above its share, or an
// upstream is above the reserve that the waiter's needs.
func (w *world) reclaimable(waiter *Waiter) bool {
	if w.full(waiter.upstream) || w.slots.reached(waiter.client, waiter.upstream) != None {
		return false
	}
	for _, h := range w.holding {
		if h.client.Used() > quarter(w.slots.limit) || h.upstream.Used() > w.slots.ofUpstream(h.upstream) {
			return true
		}
		if few := max(1, w.slots.limit/16); waiter.upstream.Used() < few && h.upstream.Used() > few {
			return true
		}
	}
	return false
}

// TestNobodyTakesWhatAllShare checks the promise of the package with random clients that request, keep and give back
// connections.
func TestNobodyTakesWhatAllShare(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 400 {
				switch n := w.random.IntN(10); {
				case n < 5:
					w.ask(w.clients[w.random.IntN(len(w.clients))], w.upstreams[w.random.IntN(len(w.upstreams))])
				case n < 7 && len(w.holding) > 0:
					w.finish(w.random.IntN(len(w.holding)), w.random.IntN(4) > 0)
				case n < 8 && len(w.waiting) > 0:
					waiter := w.waiting[w.random.IntN(len(w.waiting))]
					if !w.slots.Cancel(waiter) || w.slots.Cancel(waiter) {
						t.Fatal("a request that waits can be cancelled, once")
					}
					w.forget(waiter)
				default:
					w.now = w.now.Add(time.Duration(w.random.IntN(300)) * time.Millisecond)
					w.reclaim()
				}
				w.check()
			}
			// From now on no client gives anything back, and a request within its shares must still be served.
			for range len(w.waiting) + w.slots.limit + 1 {
				w.now = w.now.Add(patience)
				w.reclaim()
				w.check()
			}
			for _, waiter := range w.waiting {
				if w.reclaimable(waiter) {
					t.Error("a request within its shares waits for ever while others are above theirs")
				}
			}
			for len(w.holding) > 0 {
				w.finish(0, false)
			}
			for _, waiter := range w.waiting {
				t.Errorf("a request waits at the end: %+v", waiter)
			}
			for _, c := range w.clients {
				if c.Used() != 0 || c.waiting != 0 {
					t.Errorf("a client has %d in use and %d waiting at the end", c.Used(), c.waiting)
				}
			}
		})
	}
}
