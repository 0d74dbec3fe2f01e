package balance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var errRefused = errors.New("refused")

// world is a registry with its own clock.
type world struct {
	*Registry
	now     time.Time
	changes []Change
}

func newWorld() *world {
	w := &world{now: time.Unix(1_000_000, 0)}
	w.Registry = NewRegistry(func() time.Time { return w.now })
	w.Changed = func(c Change) { w.changes = append(w.changes, c) }
	return w
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// key returns the identity of upstream i, with the given check if there is one.
func key(i int, check ...Check) Key {
	k := Key{Site: Site{Host: "a.test"}, Address: fmt.Sprintf("10.0.0.%d:80", i), Via: "http"}
	if len(check) > 0 {
		k.Check = check[0]
	}
	return k
}

// list returns a list of upstreams with the given weights.
func (w *world) list(method Method, weights ...int) *List {
	members := make([]Member, len(weights))
	for i, weight := range weights {
		members[i] = Member{State: w.State(key(i)), Weight: weight}
	}
	return w.listOf(method, members...)
}

func (w *world) listOf(method Method, members ...Member) *List {
	l := NewList(method, w.Totals(Site{Host: "a.test"}), members...)
	l.random = rand.New(rand.NewPCG(14, 18)).Uint64
	return l
}

// first returns the first choice of a request, which ends immediately without a result.
func first(l *List, key uint64) int {
	p := Pick{Key: key}
	i, _ := l.Choose(&p)
	p.Leave()
	return i
}

// fail makes n connections in a row to member i fail.
func fail(l *List, i, n int) {
	for range n {
		p := Pick{tried: l.all &^ (1 << i)}
		if _, ok := l.Choose(&p); ok {
			p.Failed(errRefused)
			p.Leave()
		}
	}
}

// counts makes n choices for requests that are answered immediately, and returns how many each member got.
func counts(l *List, n int) []int {
	got := make([]int, len(l.members))
	for range n {
		p := Pick{Key: l.random()}
		i, _ := l.Choose(&p)
		p.Answered()
		p.Leave()
		got[i]++
	}
	return got
}

// about fails the test if got differs from want by more than the fraction within.
func about(t *testing.T, what string, got, want int, within float64) {
	t.Helper()
	if off := float64(got - want); off < -within*float64(want) || off > within*float64(want) {
		t.Errorf("%s: got %d, want %d within %v", what, got, want, within)
	}
}
