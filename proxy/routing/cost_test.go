package routing

import (
	"testing"
	"time"
)

// TestTheCostOfADecisionDoesNotGrow compares decisions among a few sites and routes with decisions among thousands
// (S-14.7). A look at every site or route would take more than a hundred times as long.
func TestTheCostOfADecisionDoesNotGrow(t *testing.T) {
	const most = 10 // times as long, which leaves room for memory that is further away
	few := tableOf(2, 2)
	for name, many := range map[string]*Table[int, int]{
		"10,000 sites": tableOf(10_000, 2), "10,000 routes": tableOf(2, 10_000), "1,000 sites of 10 routes": tableOf(1000, 10),
	} {
		for _, d := range decisions {
			short, long := quickest(func() { few.Decide(d.host, "GET", d.path) }, func() { many.Decide(d.host, "GET", d.path) })
			if long > most*short {
				t.Errorf("%s, %.40s%.40s: ten decisions took %v, and %v with a few; want at most %d times as long", name, d.host, d.path, long, short, most)
			}
		}
	}
}

// quickest returns the shortest time that ten calls of each function took. The calls alternate, so that a busy machine
// affects both.
func quickest(first, second func()) (shortestFirst, shortestSecond time.Duration) {
	took := func(call func()) time.Duration {
		began := time.Now()
		for range 10 {
			call()
		}
		return time.Since(began)
	}
	shortestFirst, shortestSecond = time.Hour, time.Hour
	for range 500 {
		shortestFirst, shortestSecond = min(shortestFirst, took(first)), min(shortestSecond, took(second))
	}
	return shortestFirst, shortestSecond
}
