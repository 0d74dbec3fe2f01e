package balance

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestStateIsKeptByIdentity checks S-18.3: over reloads, the same site, address and check share a state, and nothing
// else shares it.
func TestStateIsKeptByIdentity(t *testing.T) {
	w := newWorld()
	kept := w.State(key(0, check))
	other := check
	other.Fall = 9
	for _, k := range []Key{key(0), key(1, check), key(0, other), {Site{1, "a.test"}, key(0).Address, "http", "", check}, {Site{0, "b.test"}, key(0).Address, "http", "", check},
		{Site{0, "a.test"}, key(0).Address, "https", "", check}, {Site{0, "a.test"}, key(0).Address, "http", "another CA", check}} {
		if w.State(k) == kept {
			t.Errorf("%+v has the state of another upstream", k)
		}
	}
	kept.Checked(errRefused)
	w.Keep(map[*State]bool{kept: true})
	if w.State(key(0, check)) != kept || len(w.states) != 1 {
		t.Errorf("got %d states, want the one that was kept", len(w.states))
	}
	w.Keep(nil)
	if w.State(key(0, check)) == kept {
		t.Error("got the state of an upstream that was gone for a while")
	}
}

func TestDrain(t *testing.T) {
	w := newWorld()
	l := w.list(LeastRequests, 1, 1, 1)
	address := key(1).Address
	var inFlight Pick
	inFlight.tried = 5
	l.Choose(&inFlight)
	if !w.Drain("a.test", address) || w.Drain("a.test", address) || w.Drain("a.test", "other:1") != true {
		t.Error("the result must say whether the order changed anything")
	}
	if got := counts(l, requests); got[1] != 0 {
		t.Errorf("got %v, want none at the drained one", got)
	}
	if info := l.members[1].State.Info(); info.State != Drained || info.InFlight != 1 || info.Since != w.now {
		t.Errorf("got %+v, want the request that is in flight", info)
	}
	inFlight.Answered()
	inFlight.Leave()
	if info := l.members[1].State.Info(); info.InFlight != 0 {
		t.Errorf("got %+v, want it idle", info)
	}
	fail(l, 0, failuresInRow)
	fail(l, 2, failuresInRow)
	if got := counts(l, 100); got[1] != 0 {
		t.Errorf("the others are down: got %v, want none at the drained one", got)
	}
	if w.State(key(1, check)).Info().State != Drained {
		t.Error("a new check has reversed the order")
	}
	if !w.Undrain("a.test", address) || w.Undrain("a.test", address) {
		t.Error("the result must say whether the order changed anything")
	}
	if info := l.members[1].State.Info(); info.State != Up || !info.Slow {
		t.Errorf("got %+v, want it back, with its share to come", info)
	}
	w.Keep(nil)
	if len(w.drained) != 0 {
		t.Error("an order was kept after its upstream was gone")
	}
}

func TestTheBudgetOfRetries(t *testing.T) {
	for _, percent := range []int{1, 20, 100} {
		totals := newWorld().Totals(Site{})
		allowed := 0
		for range requests {
			totals.Request(percent)
			for range 3 {
				if totals.Retry() {
					allowed++
				}
			}
		}
		if most := requests*percent/100 + freeRetries; allowed > most || allowed < most-1 {
			t.Errorf("%d %%: got %d retries of %d requests, want %d", percent, allowed, requests, most)
		}
		if c := totals.Counts(); c.Retries != uint64(allowed) || c.Refused != uint64(3*requests-allowed) {
			t.Errorf("%d %%: got %+v", percent, c)
		}
	}
	totals := newWorld().Totals(Site{})
	for range 100 * requests {
		totals.Request(20)
	}
	allowed := 0
	for totals.Retry() {
		allowed++
	}
	if allowed != savedRetries {
		t.Errorf("got %d retries after a quiet time, want %d", allowed, savedRetries)
	}
}

// TestARequestFindsTheUpstreamThatWorks simulates 10,000 requests to five upstreams that fail and recover at random, up
// to four at the same time. A request that may try all of them must find the one that works.
func TestARequestFindsTheUpstreamThatWorks(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastRequests, ByKey} {
		w, random := newWorld(), rand.New(rand.NewPCG(18, uint64(method)))
		l := w.list(method, 1, 2, 3, 4, 5)
		broken := make([]bool, 5)
		wasted := 0
		for n := range requests {
			if n%50 == 0 {
				for i := range broken {
					broken[i] = random.IntN(2) == 0
				}
				broken[random.IntN(5)] = false
			}
			w.pass(time.Duration(random.IntN(100)) * time.Millisecond)
			p := Pick{Key: random.Uint64(), Preferred: random.IntN(6)}
			for served := false; !served; {
				i, ok := l.Choose(&p)
				if !ok {
					t.Fatalf("method %d, request %d: no upstream left, and the broken ones are %v", method, n, broken)
				}
				if served = !broken[i]; served {
					p.Answered()
				} else {
					wasted++
					p.Failed(errRefused)
				}
				p.Leave()
			}
		}
		if wasted > requests/2 {
			t.Errorf("method %d: got %d attempts at broken upstreams, want most of them avoided", method, wasted)
		}
		for i, m := range l.members {
			if n := m.State.inFlight.Load(); n != 0 || m.State.trying.Load() != 0 {
				t.Errorf("method %d, upstream %d: got %d requests in flight at the end, want 0", method, i, n)
			}
		}
	}
}

// TestConcurrentRequestsAreCountedExactly is for the race detector, and checks that the counts add up.
func TestConcurrentRequestsAreCountedExactly(t *testing.T) {
	r := NewRegistry(time.Now)
	l := NewList(LeastRequests, r.Totals(Site{}), Member{r.State(key(0)), 1, false}, Member{r.State(key(1, check)), 2, false}, Member{r.State(key(2)), 1, true})
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 1000 {
				var p Pick
				i, ok := l.Choose(&p)
				switch {
				case !ok:
				case rand.IntN(3) == 0:
					p.Failed(errRefused)
				case rand.IntN(3) == 0:
					p.Answered()
				}
				l.members[i].State.Info()
				p.Leave()
			}
		})
	}
	running.Go(func() {
		for range 200 {
			l.members[1].State.Checked(nil)
			r.Drain("a.test", key(0).Address)
			l.members[1].State.Checked(errRefused)
			r.Undrain("a.test", key(0).Address)
		}
	})
	running.Wait()
	for i, m := range l.members {
		if n := m.State.inFlight.Load(); n != 0 || m.State.trying.Load() != 0 {
			t.Errorf("upstream %d: got %d requests in flight at the end, want 0", i, n)
		}
	}
}

func TestOrder(t *testing.T) {
	w := newWorld()
	l := w.listOf(RoundRobin, Member{w.State(key(0)), 1, true}, Member{w.State(key(1)), 1, false}, Member{w.State(key(2)), 1, false}, Member{w.State(key(3)), 1, false})
	fail(l, 2, failuresInRow)
	w.Drain("a.test", key(1).Address)
	want := []int{3, 0, 2, 1}
	for range 2 { // it changes nothing
		for i, got := range l.Order(0, 0) {
			if got != want[i] {
				t.Fatalf("got the order %v, want the one that serves, the backup, the one that is down, the drained one", l.Order(0, 0))
			}
		}
	}
	keyed := w.list(ByKey, 1, 1, 1)
	w.Undrain("a.test", key(1).Address)
	w.pass(slowStart)
	for k := range uint64(100) {
		if got := keyed.Order(k, 0)[0]; got != first(keyed, k) {
			t.Fatalf("key %d: got %d first, and the request went to %d", k, got, first(keyed, k))
		}
	}
}
