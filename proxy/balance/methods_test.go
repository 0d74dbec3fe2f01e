package balance

import (
	"fmt"
	"testing"
)

// requests is the number of virtual requests of a simulation.
const requests = 10_000

func TestRoundRobinIsSmooth(t *testing.T) {
	for _, weights := range [][]int{{1, 1}, {1, 1, 1}, {5, 1, 1}, {2, 3, 7, 1}} {
		l, total := newWorld().list(RoundRobin, weights...), 0
		for _, w := range weights {
			total += w
		}
		var order []int
		for range requests {
			order = append(order, first(l, 0))
		}
		for start := range requests - total { // any window of so many requests has the exact shares
			got := make([]int, len(weights))
			for _, i := range order[start : start+total] {
				got[i]++
			}
			for i, w := range weights {
				if d := got[i] - w; d < -1 || d > 1 || start%total == 0 && d != 0 {
					t.Fatalf("weights %v, requests from %d: got the shares %v", weights, start, got)
				}
			}
		}
		if len(weights) == 3 && weights[0] == 5 {
			if got := fmt.Sprint(order[:7]); got != "[0 0 1 0 2 0 0]" {
				t.Errorf("weights 5, 1, 1: got the order %s, want the heavy one spread out", got)
			}
		}
	}
}

func TestSharesFollowTheWeights(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastRequests, ByKey} {
		got := counts(newWorld().list(method, 1, 2, 5), 4*requests)
		for i, weight := range []int{1, 2, 5} {
			about(t, fmt.Sprintf("method %d, weight %d", method, weight), got[i], 4*requests*weight/8, 0.06)
		}
	}
}

// TestLeastRequestsAvoidsASlowUpstream simulates a steady load on three upstreams, one of which takes ten times as
// long. It must not have more than twice as many requests in flight as the others.
func TestLeastRequestsAvoidsASlowUpstream(t *testing.T) {
	l := newWorld().list(LeastRequests, 1, 1, 1)
	took := []int{100, 10, 10}
	ends := map[int][]*Pick{}
	got := make([]int, 3)
	most := make([]int64, 3)
	for now := range requests { // one request arrives at each tick
		for _, p := range ends[now] {
			p.Answered()
			p.Leave()
		}
		delete(ends, now)
		p := new(Pick)
		i, _ := l.Choose(p)
		got[i]++
		most[i] = max(most[i], l.members[i].State.inFlight.Load())
		ends[now+took[i]] = append(ends[now+took[i]], p)
	}
	about(t, "the slow upstream", got[0], requests/21, 0.6)
	if most[0] > 2*max(most[1], most[2]) {
		t.Errorf("got at most %v requests at once, want no more than twice as many at the slow one", most)
	}
}

// TestLeastRequestsAvoidsAHungUpstream checks that an upstream that never answers holds few requests, even if there are
// only two upstreams.
func TestLeastRequestsAvoidsAHungUpstream(t *testing.T) {
	l := newWorld().list(LeastRequests, 1, 1)
	hung := 0
	for range requests {
		p := new(Pick)
		if i, _ := l.Choose(p); i == 0 {
			hung++ // this one never ends
			continue
		}
		p.Answered()
		p.Leave()
	}
	if hung > 2 {
		t.Errorf("got %d requests at the upstream that hangs, want at most 2", hung)
	}
}

func TestRendezvousMovesOnlyTheKeysOfALeavingMember(t *testing.T) {
	w := newWorld()
	l := w.list(ByKey, 1, 1, 1, 1)
	before := make([]int, requests)
	for k := range before {
		before[k] = first(l, mix(uint64(k)))
	}
	fail(l, 2, failuresInRow)
	moved := make([]int, 4)
	for k, was := range before {
		now := first(l, mix(uint64(k)))
		if was != 2 && now != was {
			t.Fatalf("key %d: got upstream %d, want %d as before", k, now, was)
		}
		if was == 2 {
			moved[now]++
		}
	}
	for _, i := range []int{0, 1, 3} {
		about(t, "keys that moved", moved[i], requests/12, 0.15)
	}
	if moved[2] != 0 {
		t.Errorf("got %d keys at the upstream that is out of service", moved[2])
	}
}

// TestRendezvousIsTheSameEverywhere fixes the hash: several proxies must make the same choices, and so must the next
// version.
func TestRendezvousIsTheSameEverywhere(t *testing.T) {
	l := newWorld().list(ByKey, 1, 2, 1)
	var got []int
	for i := range uint64(12) {
		got = append(got, first(l, KeyOf(0, 0xffff_cb00_7100+i)))
	}
	if want := "[1 1 1 0 1 1 0 2 1 1 1 2]"; fmt.Sprint(got) != want {
		t.Errorf("got the upstreams %v, want %s", got, want)
	}
}

func TestThePreferredUpstream(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastRequests, ByKey} {
		testPreferred(t, method)
	}
}

func testPreferred(t *testing.T, method Method) {
	w := newWorld()
	l := w.list(method, 1, 1, 1)
	for range 100 {
		p := Pick{Preferred: 3}
		if i, _ := l.Choose(&p); i != 2 {
			t.Fatalf("got upstream %d, want the preferred one", i)
		}
		p.Leave()
	}
	fail(l, 2, failuresInRow)
	for range 100 {
		p := Pick{Preferred: 3}
		if i, _ := l.Choose(&p); i == 2 {
			t.Fatal("got the preferred upstream, which is out of service")
		}
		p.Leave()
	}
	w.pass(firstPause)
	p := Pick{tried: 3}
	l.Choose(&p)
	p.Answered()
	p.Leave()
	if got := l.Order(0, 3); got[0] != 2 {
		t.Errorf("got the order %v, want the preferred one first", got)
	}
	for range 100 { // it has no share for other requests yet
		p := Pick{Preferred: 3}
		if i, _ := l.Choose(&p); i != 2 {
			t.Fatalf("got upstream %d, want the preferred one, which is back", i)
		}
		p.Leave()
	}
}

func TestBackupsGetRequestsOnlyWhenTheOthersAreOut(t *testing.T) {
	w := newWorld()
	l := w.listOf(LeastRequests, Member{w.State(key(0)), 1, false}, Member{w.State(key(1)), 100, true}, Member{w.State(key(2)), 1, false})
	if got := counts(l, requests); got[1] != 0 {
		t.Fatalf("got %v, want none at the backup", got)
	}
	fail(l, 0, failuresInRow)
	if got := counts(l, 100); got[1] != 0 || got[0] != 0 {
		t.Fatalf("one is out: got %v, want all at the other", got)
	}
	fail(l, 2, failuresInRow)
	if got := counts(l, 100); got[1] != 100 {
		t.Fatalf("both are out: got %v, want all at the backup", got)
	}
	p := Pick{}
	for i, want := range []int{1, 0, 2} {
		got, ok := l.Choose(&p)
		if p.Leave(); !ok || got != want && i == 0 || p.FailOpen {
			t.Fatalf("attempt %d: got upstream %d, %t; want the backup, then the others, and no fail-open", i, got, ok)
		}
	}
}

// TestTheOnlyUpstreamWithoutChecksDoesNotFailOpen checks a route that has no choice, and no check that could be wrong.
// Its requests must not be counted as sent in spite of the upstream's state, which would be reported for the whole
// site.
func TestTheOnlyUpstreamWithoutChecksDoesNotFailOpen(t *testing.T) {
	l := newWorld().list(RoundRobin, 1)
	fail(l, 0, 20)
	p := Pick{}
	if _, ok := l.Choose(&p); !ok || p.FailOpen || l.totals.Counts().FailOpen != 0 {
		t.Errorf("got %t, fail-open %t and %+v, want the upstream and nothing counted", ok, p.FailOpen, l.totals.Counts())
	}
}

func TestOneUpstreamAlwaysGetsTheRequest(t *testing.T) {
	w := newWorld()
	l := w.listOf(RoundRobin, Member{State: w.State(key(0, check)), Weight: 1})
	fail(l, 0, 20)
	w.Drain("a.test", key(0).Address)
	p := Pick{}
	i, ok := l.Choose(&p)
	if i != 0 || !ok || !p.FailOpen {
		t.Errorf("got %d, %t, fail-open %t; want the only upstream in spite of its state", i, ok, p.FailOpen)
	}
	if p.Leave(); l.totals.Counts().FailOpen < 1 {
		t.Errorf("got %+v, want it counted", l.totals.Counts())
	}
	if _, ok := l.Choose(&p); ok {
		t.Error("got a second attempt at the only upstream, want none")
	}
}

func TestChoosingAllocatesNothing(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastRequests, ByKey} {
		l := newWorld().list(method, 1, 2, 1)
		fail(l, 1, failuresInRow)
		if n := testing.AllocsPerRun(100, func() {
			var p Pick
			for {
				if _, ok := l.Choose(&p); !ok {
					break
				}
				p.Answered()
				p.Leave()
			}
		}); n != 0 {
			t.Errorf("method %d: got %v allocations, want none", method, n)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	for _, test := range []struct {
		name   string
		method Method
		n      int
	}{{"one", RoundRobin, 1}, {"round robin of 3", RoundRobin, 3}, {"least of 3", LeastRequests, 3}, {"client of 3", ByKey, 3}, {"least of 20", LeastRequests, 20}} {
		b.Run(test.name, func(b *testing.B) {
			w := newWorld()
			members := make([]Member, test.n)
			for i := range members {
				members[i] = Member{State: w.State(key(i)), Weight: 1}
			}
			l := NewList(test.method, w.Totals(Site{}), members...)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var p Pick
					l.Choose(&p)
					p.Answered()
					p.Leave()
				}
			})
		})
	}
}
