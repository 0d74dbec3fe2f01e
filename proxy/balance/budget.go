package balance

import "sync/atomic"

const (
	// freeRetries is how many retries a site may make before it has had any requests.
	freeRetries = 10
	// savedRetries is how many a site can save up, so that a burst of failures after a quiet time is not lost.
	savedRetries = 100
)

// Totals are the numbers of all upstreams of a site together, with its budget of retries. They are kept over reloads.
type Totals struct {
	of *Registry
	// saved is what is left of the budget, in hundredths of a retry.
	saved atomic.Int64

	failOpen, retries, refused atomic.Uint64
}

func newTotals(of *Registry) *Totals {
	t := &Totals{of: of}
	t.saved.Store(freeRetries * 100)
	return t
}

// Request counts a request, which lets the site make a part of a retry: as many hundredths as percent says. It usually costs
// one read of memory.
func (t *Totals) Request(percent int) {
	if t.saved.Load() < savedRetries*100 {
		t.saved.Add(int64(percent))
	}
}

// Retry reports whether the site may make one more retry, and counts it.
func (t *Totals) Retry() bool {
	if t.saved.Add(-100) >= 0 {
		t.retries.Add(1)
		return true
	}
	t.saved.Add(100)
	t.refused.Add(1)
	return false
}

// Counts are the numbers of a site.
type Counts struct {
	// FailOpen is how many requests were sent although no upstream was in service.
	FailOpen uint64
	// Retries is how many requests were sent to another upstream, and Refused how many were not because of the budget.
	Retries, Refused uint64
}

// Counts returns the numbers of the site.
func (t *Totals) Counts() Counts {
	return Counts{t.failOpen.Load(), t.retries.Load(), t.refused.Load()}
}
