package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// countTaken sends n requests of one client at one moment and returns how many of them the rule allows.
func countTaken(l *Limiter, now time.Time, addr netip.Addr, rule *Rule, n int) int {
	taken := 0
	for range n {
		if l.Take(now, addr, rule).OK {
			taken++
		}
	}
	return taken
}

// scoped returns the rule of a site or route with its own rate.
func scoped(l *Limiter, name string, perSecond float64, burst int) *Rule {
	return &Rule{Scope: l.Scope(name), Rate: Rate{perSecond, burst}}
}

// withTotal returns the rule of a site or route with a total limit, whose client buckets never refuse a request.
func withTotal(l *Limiter, name string, perSecond float64) *Rule {
	return &Rule{Rate: Rate{1e6, 1e6}, Total: l.Total(l.Scope(name)), TotalRate: TotalRate(perSecond)}
}

func TestARequestTakesATokenFromTheBucketOfItsScopeOnly(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	addr := netip.MustParseAddr("203.0.113.1")
	file := &Rule{Rate: Rate{1e-9, 5}}
	one, other := scoped(l, "one", 1e-9, 3), scoped(l, "other", 1e-9, 2)
	for _, step := range []struct {
		name string
		rule *Rule
		want int
	}{{"one", one, 3}, {"other", other, 2}, {"the file", file, 5}, {"one again", one, 0}, {"one made again from its name", scoped(l, "one", 1e-9, 9), 0}} {
		if got := countTaken(l, clock.now(), addr, step.rule, 20); got != step.want {
			t.Errorf("%s: got %d of 20 requests allowed, want %d", step.name, got, step.want)
		}
	}
	if got := countTaken(l, clock.now(), netip.MustParseAddr("203.0.113.2"), one, 20); got != 3 {
		t.Errorf("another client: got %d allowed, want its own bucket with 3", got)
	}
}

func TestTheScopesOfManyNamesDiffer(t *testing.T) {
	l := New(time.Now)
	seen := map[Scope]string{FileScope: "the file"}
	for i := range 100_000 {
		name := fmt.Sprintf("127.0.0.1:443/%d.example.com/api", i)
		for _, scope := range []Scope{l.Scope(name), l.Scope(name).share()} {
			if other, taken := seen[scope]; taken {
				t.Fatalf("%s and %s have the scope %d", name, other, scope)
			}
			seen[scope] = name
		}
	}
}

func TestRefusalsOfOneClientAreLoggedOnceASecondOverAllScopes(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	addr := netip.MustParseAddr("203.0.113.1")
	rules := []*Rule{scoped(l, "one", 1e-9, 1), scoped(l, "other", 1e-9, 1), {Rate: Rate{1e-9, 1}}}
	for _, rule := range rules {
		l.Take(clock.now(), addr, rule)
	}
	due, unlogged := 0, 0
	for range 10 {
		for _, rule := range rules {
			if verdict := l.Take(clock.now(), addr, rule); verdict.Due {
				due++
				unlogged += verdict.Unlogged
			}
		}
		clock.advance(refusalLogEvery / 5)
	}
	if due != 2 || unlogged != 14 {
		t.Errorf("30 refusals within two seconds: got %d lines with %d unlogged ones before, want 2 with 14", due, unlogged)
	}
}

func TestARefusalInAScopeTakesNothingFromTheFilesBucket(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	addr := netip.MustParseAddr("203.0.113.1")
	countTaken(l, clock.now(), addr, scoped(l, "one", 1e-9, 1), 10)
	if got := countTaken(l, clock.now(), addr, &Rule{Rate: Rate{1e-9, 50}}, 100); got != 50 {
		t.Errorf("the file's bucket after refusals in a scope: got %d tokens, want all 50", got)
	}
}

func TestAFloodOverManyScopesIsBounded(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	const perShard = 16
	for i := range l.shards {
		l.shards[i].init(perShard)
	}
	for i := range 200 {
		rule := scoped(l, fmt.Sprint(i), 1e-9, 1)
		rule.Total, rule.TotalRate = l.Total(rule.Scope), TotalRate(1e9)
		for client := range 50 {
			countTaken(l, clock.now(), floodAddr(client), rule, 2)
		}
	}
	if got, most := l.Tracked(), limiterShards*perShard; got > most {
		t.Errorf("got %d buckets, want at most %d", got, most)
	}
}

func TestTakeDoesNotAllocateForAKnownClient(t *testing.T) {
	l := New(time.Now)
	addr, now := netip.MustParseAddr("2001:db8::1"), time.Now()
	for name, rule := range map[string]*Rule{
		"a rule in a scope allocates nothing": scoped(l, "one", 1e6, 1e6), "a refusal in a scope allocates nothing": scoped(l, "two", 1e-9, 1), "a total limit allocates nothing": withTotal(l, "three", 1e6),
		"a refusal by a total limit allocates nothing": withTotal(l, "four", 1e-9),
	} {
		countTaken(l, now, addr, rule, 3)
		if got := testing.AllocsPerRun(1000, func() { l.Take(now, addr, rule) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
}

func TestRulesHoldUnderParallelUse(t *testing.T) {
	l := New(time.Now)
	rule := scoped(l, "one", 1e-9, 100)
	rule.Total, rule.TotalRate = l.Total(rule.Scope), Rate{1e-9, 250}
	allowed := make([]int, 8)
	var wg sync.WaitGroup
	for worker := range allowed {
		wg.Go(func() {
			for i := range 2000 {
				if l.Take(time.Now(), floodAddr((i+worker)%8), rule).OK {
					allowed[worker]++
				}
				if i%500 == 0 {
					l.evict(time.Hour)
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range allowed {
		sum += n
	}
	if sum != 250 {
		t.Errorf("8 clients of 100 tokens each under a total of 250: got %d allowed, want 250", sum)
	}
}
