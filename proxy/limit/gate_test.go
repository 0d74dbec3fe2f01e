package limit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// gateRequest is a request in a test.
type gateRequest struct {
	pass Pass
	gate *Gate
	// answering and heldUp are what HeldUp returns.
	answering bool
	heldUp    time.Duration
	// gaveWay is the cause for which the request gave way, or nil.
	gaveWay atomic.Pointer[GaveWay]
}

func (r *gateRequest) HeldUp() (bool, time.Duration) { return r.answering, r.heldUp }

func (r *gateRequest) GiveWay(cause GaveWay) { r.gaveWay.Store(&cause) }

// enter sends a request of client i.
func enter(g *Gate, i int) (*gateRequest, Entry) {
	r := &gateRequest{gate: g}
	entry := g.Enter(&r.pass, NewKey(floodAddr(i)), r, g.of.now(), true)
	return r, entry
}

// through reports whether a waiting request has been admitted, and whether its wait has ended.
func (r *gateRequest) through() (through, ended bool) {
	select {
	case through := <-r.pass.ready:
		return through, true
	default:
		return false, false
	}
}

func (r *gateRequest) leave() { r.gate.Leave(&r.pass) }

// newGate returns a gate with a bound.
func newGate(s *Gates, name string, bound int) *Gate {
	scope := Scope(len(name)*1000+len(s.gates)) | 1
	g := s.Gate(scope)
	g.bound = bound
	return g
}

func wantCounts(t *testing.T, g *Gate, running, waiting int) {
	t.Helper()
	if r, w := g.Counts(); r != running || w != waiting {
		t.Errorf("got %d requests through and %d waiting, want %d and %d", r, w, running, waiting)
	}
}

func TestAGateLetsItsBoundThroughAndTheRestWaitInOrder(t *testing.T) {
	g := newGate(NewGates(100, (&limiterClock{}).now), "one", 3)
	var requests []*gateRequest
	for i := range 6 {
		r, entry := enter(g, 1)
		if want := map[bool]Entry{true: Through, false: Waits}[i < 3]; entry != want {
			t.Fatalf("request %d: got %v, want %v", i, entry, want)
		}
		requests = append(requests, r)
	}
	wantCounts(t, g, 3, 3)
	for i := range 3 {
		requests[i].leave()
		requests[i].leave() // a second time changes nothing
		for j := i + 4; j < 6; j++ {
			if _, ended := requests[j].through(); ended {
				t.Fatalf("request %d went before request %d", j, i+3)
			}
		}
		if through, _ := requests[i+3].through(); !through {
			t.Fatalf("request %d still waits though request %d has left", i+3, i)
		}
	}
	for _, r := range requests[3:] {
		r.leave()
	}
	wantCounts(t, g, 0, 0)
	if len(g.lines) != 0 || len(g.of.queue) != 0 || len(g.of.clients) != 0 {
		t.Errorf("an empty gate remembers %d lines, %d queued and %d clients, want none", len(g.lines), len(g.of.queue), len(g.of.clients))
	}
}

func TestAClientWithFewRequestsGoesBeforeOneWithMany(t *testing.T) {
	g := newGate(NewGates(100, (&limiterClock{}).now), "one", 2)
	first, _ := enter(g, 1)
	enter(g, 1)
	for range 50 {
		enter(g, 1)
	}
	late, entry := enter(g, 2)
	if entry != Waits {
		t.Fatalf("got %v, want a request that waits", entry)
	}
	first.leave()
	if through, _ := late.through(); !through {
		t.Error("the first free place went to the client that already had the other one")
	}
}

func TestTheClientWithTheFewestRequestsIsNextThoughItCameLast(t *testing.T) {
	g := newGate(NewGates(100, (&limiterClock{}).now), "one", 8)
	var last *gateRequest
	for _, client := range []int{1, 1, 2, 2, 3, 3, 4, 4} { // all within their shares, so that the gate is not crowded
		last, _ = enter(g, client)
	}
	early, _ := enter(g, 1)
	late, _ := enter(g, 5)
	last.leave()
	if through, _ := late.through(); !through {
		t.Error("the client without a place still waits")
	}
	if _, ended := early.through(); ended {
		t.Error("the client with two places went first")
	}
}

func TestOneClientMayHaveAllPlacesUntilOthersWant(t *testing.T) {
	clock := &limiterClock{}
	g := newGate(NewGates(100, clock.now), "one", 8)
	var greedy []*gateRequest
	for range 20 {
		r, _ := enter(g, 1)
		greedy = append(greedy, r)
	}
	wantCounts(t, g, 8, 12)
	visitor, _ := enter(g, 2)
	greedy[0].leave()
	if through, _ := visitor.through(); !through {
		t.Fatal("the visitor's request still waits, want it through, because it was the first of another client")
	}
	visitor.leave()
	// The gate is crowded: two places are kept for clients within their shares.
	wantCounts(t, g, 7, 12)
	greedy[1].leave()
	wantCounts(t, g, 6, 12)
	if _, entry := enter(g, 3); entry != Through {
		t.Errorf("another visitor: got %v, want it through at once", entry)
	}
	greedy[2].leave()
	wantCounts(t, g, 6, 12)
	clock.advance(crowdTime)
	enter(g, 3)
	wantCounts(t, g, 8, 11)
}

func TestAWaitingRequestMakesOnlyRequestsBeyondAShareGiveWay(t *testing.T) {
	tests := []struct {
		name  string
		bound int
		// running are the clients of the running requests, and edit changes their state.
		running []int
		edit    func([]*gateRequest)
		client  int
		// want is the request that gives way; -1 for none.
		want  int
		cause GaveWay
	}{
		{"the oldest request of a client above its share gives way", 4, []int{1, 1, 1, 2}, nil, 3, 0, GaveWay{Held: 3, Share: 1}},
		{"a request of a client within its share does not give way", 4, []int{2, 1, 1, 4}, nil, 3, 1, GaveWay{Held: 2, Share: 1}},
		{"none gives way when all clients are within their shares", 4, []int{1, 2, 4, 5}, nil, 3, -1, GaveWay{}},
		{"none gives way for a client that has its share", 4, []int{1, 1, 1, 3}, nil, 3, -1, GaveWay{}},
		{"none of the client's own requests gives way", 4, []int{1, 1, 1, 1}, nil, 1, -1, GaveWay{}},
		{"a request whose response has not begun gives way first", 4, []int{1, 1, 1, 2}, func(r []*gateRequest) { r[0].answering, r[2].answering = true, true }, 3, 1, GaveWay{Held: 3, Share: 1}},
		{"the newest of the requests whose response has begun gives way", 4, []int{1, 1, 1, 2}, func(r []*gateRequest) {
			for _, r := range r {
				r.answering = true
			}
		}, 3, 2, GaveWay{Held: 3, Share: 1}},
		{"the request that its client has held up for longest gives way", 4, []int{1, 1, 2, 4}, func(r []*gateRequest) {
			r[1].heldUp, r[2].heldUp = stalled, 2*stalled
		}, 3, 2, GaveWay{Stalled: true, Held: 1, Share: 1}},
		{"none that was held up only for a moment gives way", 4, []int{1, 2, 4, 5}, func(r []*gateRequest) { r[1].heldUp = stalled - 1 }, 3, -1, GaveWay{}},
		{"none gives way at a gate with one place", 1, []int{1}, nil, 2, -1, GaveWay{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(NewGates(100, time.Now), "one", tt.bound)
				var running []*gateRequest
				for _, client := range tt.running {
					r, _ := enter(g, client)
					running = append(running, r)
				}
				if tt.edit != nil {
					tt.edit(running)
				}
				waiter, entry := enter(g, tt.client)
				if entry != Waits {
					t.Fatalf("got %v, want a request that waits", entry)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				done := make(chan bool)
				go func() { done <- g.Await(&waiter.pass, ctx.Done()) }()
				time.Sleep(patience - 1)
				synctest.Wait()
				for i, r := range running {
					if r.gaveWay.Load() != nil {
						t.Errorf("request %d gave way before the patience was over", i)
					}
				}
				time.Sleep(4 * patience) // at most one request gives way until it has left
				synctest.Wait()
				for i, r := range running {
					switch {
					case i == tt.want && (r.gaveWay.Load() == nil || *r.gaveWay.Load() != tt.cause):
						t.Errorf("request %d: got the cause %+v, want %+v", i, r.gaveWay.Load(), tt.cause)
					case i != tt.want && r.gaveWay.Load() != nil:
						t.Errorf("request %d gave way for %+v, want it to continue", i, *r.gaveWay.Load())
					}
				}
				if tt.want >= 0 {
					running[tt.want].leave()
				}
				if got := <-done; got != (tt.want >= 0) {
					t.Errorf("the waiting request: got through %v, want %v", got, tt.want >= 0)
				}
			})
		})
	}
}

func TestAClientThatHadToGiveWayCannotComeBackAtOnce(t *testing.T) {
	g := newGate(NewGates(100, (&limiterClock{}).now), "one", 8)
	var greedy []*gateRequest
	for range 8 {
		r, _ := enter(g, 1)
		greedy = append(greedy, r)
	}
	gaveWay := 0
	for range 100 {
		for range 8 {
			enter(g, 1) // the greedy client keeps sending requests
		}
		visitor, entry := enter(g, 2)
		if entry == Waits {
			g.press(&visitor.pass)
			for _, r := range greedy {
				if r.gaveWay.Load() != nil && r.pass.line != nil {
					gaveWay++
					r.leave()
				}
			}
			if through, _ := visitor.through(); !through {
				t.Fatal("the visitor still waits though a request gave way")
			}
		}
		visitor.leave()
	}
	if gaveWay > 2 {
		t.Errorf("%d requests gave way within a minute, want at most the two places that are kept for others", gaveWay)
	}
}

func TestAReloadRaisesOrRemovesTheBoundOfAGate(t *testing.T) {
	clock := &limiterClock{}
	s := NewGates(100, clock.now)
	g := s.Gate(1)
	s.Bound(map[*Gate]int{g: 1})
	for i := range 10 {
		enter(g, i)
	}
	wantCounts(t, g, 1, 9)
	if s.Gate(1) != g {
		t.Error("the gate was replaced, want the same one over reloads")
	}
	s.Bound(map[*Gate]int{g: 4})
	wantCounts(t, g, 4, 6)
	s.Bound(map[*Gate]int{g: 2})
	wantCounts(t, g, 4, 6)
	s.Bound(nil)
	wantCounts(t, g, 10, 0)
	if s.Gate(1) != g {
		t.Error("a gate with requests was forgotten, want it counted if it gets a bound again")
	}
	for len(g.running) > 0 {
		g.Leave(g.running[0])
	}
	s.Bound(nil)
	if len(s.gates) != 0 {
		t.Errorf("got %d gates without bound or requests, want none", len(s.gates))
	}
}

func TestAWaitEndsWhenDoneIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(NewGates(100, time.Now), "one", 1)
		first, _ := enter(g, 1)
		for _, wait := range []time.Duration{time.Millisecond, 5 * time.Second} {
			r, _ := enter(g, 2)
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			began := time.Now()
			if g.Await(&r.pass, ctx.Done()) {
				t.Error("got through, want refused, because the place was never free")
			}
			if got := time.Since(began); got != wait {
				t.Errorf("waited %v, want %v", got, wait)
			}
			r.leave() // a request that is not through
			cancel()
		}
		wantCounts(t, g, 1, 0)
		r, _ := enter(g, 2)
		first.leave()
		ended := make(chan struct{})
		close(ended)
		if !g.Await(&r.pass, ended) {
			t.Error("admitted at the moment of the end: got refused, want through, because the place is counted")
		}
		wantCounts(t, g, 1, 0)
	})
}

func TestAFullQueueRefusesTheClientWithTheMost(t *testing.T) {
	const places = 16
	tests := []struct {
		name string
		// waiting is the number of waiting requests of each client, at each of two gates.
		waiting [2]map[int]int
		client  int
		want    Entry
	}{
		{"one client fills the queue, and another one arrives", [2]map[int]int{{1: 16}, nil}, 2, Waits},
		{"the client that fills it sends another request", [2]map[int]int{{1: 16}, nil}, 1, Full},
		{"many clients fill it, and one of them sends another request", [2]map[int]int{{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 1, 16: 1}, nil}, 16, Full},
		{"many clients fill it at another gate", [2]map[int]int{nil, {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 1, 16: 1}}, 20, Waits},
		{"four clients have a quarter each, and a fifth arrives", [2]map[int]int{{1: 4, 2: 4}, {3: 4, 4: 4}}, 5, Waits},
		{"one client fills it at another gate", [2]map[int]int{nil, {1: 16}}, 2, Waits},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewGates(places, (&limiterClock{}).now)
			gates := []*Gate{newGate(s, "one", 1), newGate(s, "other", 1)}
			for i, g := range gates {
				enter(g, 100+i)
				for client, n := range tt.waiting[i] {
					for range n {
						enter(g, client)
					}
				}
			}
			if s.waiting != places {
				t.Fatalf("got %d waiting requests, want a full queue", s.waiting)
			}
			if _, entry := enter(gates[0], tt.client); entry != tt.want {
				t.Errorf("got %v, want %v", entry, tt.want)
			}
			if s.waiting != places {
				t.Errorf("got %d waiting requests, want %d as before", s.waiting, places)
			}
		})
	}
}

func TestARequestThatMayNotWaitIsRefusedAtOnce(t *testing.T) {
	g := newGate(NewGates(100, (&limiterClock{}).now), "one", 1)
	first, _ := enter(g, 1)
	r := &gateRequest{gate: g}
	if entry := g.Enter(&r.pass, NewKey(floodAddr(2)), r, g.of.now(), false); entry != Full {
		t.Errorf("got %v, want it refused", entry)
	}
	wantCounts(t, g, 1, 0)
	first.leave()
	if entry := g.Enter(&r.pass, NewKey(floodAddr(2)), r, g.of.now(), false); entry != Through {
		t.Errorf("with room: got %v, want it through", entry)
	}
}

func TestAFullQueueTakesFromTheClientAboveItsShareAndNotFromItsNeighbour(t *testing.T) {
	s := NewGates(16, (&limiterClock{}).now)
	crowded, other := newGate(s, "one", 1), newGate(s, "other", 1)
	enter(crowded, 9)
	enter(other, 9)
	var greedy *gateRequest
	for range 15 {
		greedy, _ = enter(crowded, 1)
	}
	neighbour, _ := enter(crowded, 2) // the newest at the gate with the most
	if _, entry := enter(other, 3); entry != Waits {
		t.Fatalf("got %v, want a request that waits", entry)
	}
	if _, ended := neighbour.through(); ended {
		t.Error("the neighbour's request was refused, want one of the client that has nearly all of the queue")
	}
	if through, ended := greedy.through(); through || !ended {
		t.Errorf("the newest of the greedy client: got through %v, ended %v, want refused", through, ended)
	}
}

func TestADisplacedRequestIsRefused(t *testing.T) {
	s := NewGates(4, (&limiterClock{}).now)
	g := newGate(s, "one", 1)
	enter(g, 9)
	var greedy []*gateRequest
	for range 4 {
		r, _ := enter(g, 1)
		greedy = append(greedy, r)
	}
	enter(g, 2)
	if through, ended := greedy[3].through(); through || !ended {
		t.Errorf("the newest request of the client with the most: got through %v, ended %v, want refused", through, ended)
	}
	greedy[3].leave()
	wantCounts(t, g, 1, 4)
}

func TestGatesHoldUnderParallelUse(t *testing.T) {
	s := NewGates(64, time.Now)
	gates := []*Gate{newGate(s, "a", 3), newGate(s, "bb", 5)}
	most := make([]int, len(gates))
	var mu sync.Mutex
	var wg sync.WaitGroup
	inside := make([]int, len(gates))
	for worker := range 40 {
		wg.Go(func() {
			for i := range 100 {
				at := (worker + i) % len(gates)
				r, entry := enter(gates[at], worker%7)
				if entry == Full {
					continue
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*50*time.Microsecond)
				if entry == Through || gates[at].Await(&r.pass, ctx.Done()) {
					mu.Lock()
					inside[at]++
					most[at] = max(most[at], inside[at])
					mu.Unlock()
					time.Sleep(time.Microsecond)
					mu.Lock()
					inside[at]--
					mu.Unlock()
					r.leave()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	for i, g := range gates {
		if most[i] > g.bound || most[i] == 0 {
			t.Errorf("gate %d: got %d requests at once, want at most %d", i, most[i], g.bound)
		}
		wantCounts(t, g, 0, 0)
	}
	if len(s.queue) != 0 || s.waiting != 0 || len(s.clients) != 0 {
		t.Errorf("got %d lines, %d waiting, %d clients at rest, want none", len(s.queue), s.waiting, len(s.clients))
	}
}

// TestOneClientCannotKeepOthersOut lets one client keep its queue full at every moment. Each of the others must get
// through as soon as two of the client's requests have ended. It may take two, because another request may have come
// first.
func TestOneClientCannotKeepOthersOut(t *testing.T) {
	for _, bound := range []int{1, 2, 3, 8, 100} {
		t.Run(fmt.Sprint(bound), func(t *testing.T) {
			clock := &limiterClock{}
			s := NewGates(64, clock.now)
			g := newGate(s, "one", bound)
			for i := range 1000 {
				for range bound + 70 {
					enter(g, 1)
				}
				visitor, entry := enter(g, 2+i%5)
				if entry == Full {
					t.Fatalf("visitor %d was refused, want a place in the queue taken from the client that fills it", i)
				}
				through := entry == Through
				for range 2 {
					if !through {
						g.Leave(g.running[0])
						through, _ = visitor.through()
					}
				}
				if !through {
					t.Fatalf("visitor %d still waits though two requests of that client have ended", i)
				}
				visitor.leave()
				clock.advance(time.Second)
			}
		})
	}
}

func TestEnteringAGateAllocatesLittle(t *testing.T) {
	g := newGate(NewGates(100, time.Now), "one", 8)
	r := &gateRequest{gate: g}
	client, now := NewKey(floodAddr(1)), time.Now()
	if got := testing.AllocsPerRun(1000, func() {
		g.Enter(&r.pass, client, r, now, true)
		r.leave()
	}); got > 1 {
		t.Errorf("got %v allocations, want at most 1", got)
	}
}
