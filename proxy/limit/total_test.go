package limit

import (
	"net/netip"
	"testing"
	"time"
)

func TestATotalLimitCountsAllClientsTogether(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	rule := withTotal(l, "one", 20)
	allowed := func() (n int, last Verdict) {
		for client := range 1000 {
			verdict := l.Take(clock.now(), floodAddr(client), rule)
			if verdict.OK {
				n++
			} else {
				last = verdict
			}
		}
		return n, last
	}
	n, refusal := allowed()
	if n != 20 {
		t.Errorf("1000 clients at once: got %d allowed, want the requests of one second, 20", n)
	}
	if refusal.Limit != OfTotal || refusal.Due || refusal.RetryAfter < 49*time.Millisecond || refusal.RetryAfter > 51*time.Millisecond {
		t.Errorf("a refusal: got %+v, want one by the total limit for 50 ms, and no line about the client", refusal)
	}
	clock.advance(time.Second / 2)
	if n, _ := allowed(); n != 10 {
		t.Errorf("half a second later: got %d allowed, want 10", n)
	}
	clock.advance(time.Hour)
	if n, _ := allowed(); n != 20 {
		t.Errorf("an hour later: got %d allowed, want no more than 20", n)
	}
}

func TestTheBucketOfATotalLimitHoldsASecond(t *testing.T) {
	for perSecond, want := range map[float64]int{0.01: 2, 1: 2, 2: 2, 2.5: 3, 20: 20, 1e9: 1e9} {
		if got := TotalRate(perSecond).Burst; got != want {
			t.Errorf("%v a second: got a burst of %d, want %d", perSecond, got, want)
		}
	}
}

// TestOneClientCannotUseUpATotalLimit lets one client send far more requests than the limit allows. All requests of
// another client, which stays within its share, must be allowed.
func TestOneClientCannotUseUpATotalLimit(t *testing.T) {
	greedy, other := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	for _, perSecond := range []float64{1, 2, 5, 20, 1000} {
		clock := &limiterClock{}
		l := New(clock.now)
		rule := withTotal(l, "one", perSecond)
		refused := 0
		step := time.Duration(float64(time.Second) / perSecond)
		for i := range 1000 {
			countTaken(l, clock.now(), greedy, rule, 10)
			if i%10 == 9 && !l.Take(clock.now(), other, rule).OK { // a tenth of the rate
				refused++
			}
			clock.advance(step)
		}
		if refused > 0 {
			t.Errorf("%v a second: another client was refused %d of 100 times, want none", perSecond, refused)
		}
	}
}

func TestOneClientMayUseAllOfATotalLimitWhileItIsTheOnlyOne(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	rule := withTotal(l, "one", 20)
	addr := netip.MustParseAddr("203.0.113.1")
	countTaken(l, clock.now(), addr, rule, 100)
	allowed := 0
	for range 1000 {
		clock.advance(10 * time.Millisecond)
		allowed += countTaken(l, clock.now(), addr, rule, 2)
	}
	if allowed < 190 || allowed > 200 {
		t.Errorf("got %d requests in ten seconds at 20 a second, want about 200", allowed)
	}
}

func TestAClientWithoutATokenTakesNoneFromTheOthers(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	rule := scoped(l, "one", 1e-9, 1)
	rule.Total, rule.TotalRate = l.Total(rule.Scope), Rate{1e-9, 10}
	if got := countTaken(l, clock.now(), floodAddr(1), rule, 1000); got != 1 {
		t.Errorf("the greedy client: got %d allowed, want 1", got)
	}
	for client := range 9 {
		if verdict := l.Take(clock.now(), floodAddr(2+client), rule); !verdict.OK {
			t.Errorf("client %d: got %+v, want a token of the 9 that are left", client, verdict)
		}
	}
}

func TestATotalLimitAdoptsANewRateAndForgetsNothing(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	all := func(rule *Rule) (n int) {
		for client := range 200 {
			if l.Take(clock.now(), floodAddr(client), rule).OK {
				n++
			}
		}
		return n
	}
	before := withTotal(l, "one", 20)
	if got := all(before); got != 20 {
		t.Fatalf("got %d allowed, want 20", got)
	}
	after := withTotal(l, "one", 100)
	l.KeepTotals(map[*Total]bool{after.Total: true})
	if got := all(after); got != 0 {
		t.Errorf("right after a reload: got %d allowed, want 0", got)
	}
	clock.advance(time.Second / 2)
	if got := all(after); got != 50 {
		t.Errorf("half a second later: got %d allowed, want 50", got)
	}
	l.KeepTotals(nil)
	if got := all(withTotal(l, "one", 10)); got != 10 {
		t.Errorf("a total limit that was removed and added again: got %d allowed, want 10", got)
	}
}

func TestATotalLimitEarnsNothingWhenTheClockGoesBack(t *testing.T) {
	clock := &limiterClock{}
	clock.advance(time.Minute)
	l := New(clock.now)
	rule := withTotal(l, "one", 1)
	clock.advance(10 * time.Second)
	countTaken(l, clock.now(), floodAddr(1), rule, 1)
	countTaken(l, clock.now(), floodAddr(2), rule, 1)
	clock.advance(-5 * time.Second)
	countTaken(l, clock.now(), floodAddr(3), rule, 1)
	clock.advance(5 * time.Second)
	if got := countTaken(l, clock.now(), floodAddr(4), rule, 1); got != 0 {
		t.Error("the clock went back and forward again: got allowed, want refused, because no time has passed")
	}
}
