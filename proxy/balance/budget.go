package balance

import "sync/atomic"

const (
	// freeRetries is how many retries a site may make before it has received any requests.
	freeRetries = 10
	// savedRetries is how many retries a site can save up, so that it can still retry in a burst of failures after a
	// quiet time.
	savedRetries = 100
)

// Totals are the counters of all upstreams of a site together, and the site's retry budget. They survive reloads.
type Totals struct {
	of *Registry
	// saved is the remaining budget, in hundredths of a retry.
	saved atomic.Int64

	failOpen, retries, refused atomic.Uint64
}

func newTotals(of *Registry) *Totals {
	t := &Totals{of: of}
	t.saved.Store(freeRetries * 100)
	return t
}

// Request counts a request, which earns the site a fraction of a retry: percent hundredths. It usually costs one read
// of memory.
func (t *Totals) Request(percent int) {
	if t.saved.Load() < savedRetries*100 {
		t.saved.Add(int64(percent))
	}
}

// Retry reports whether the site may make another retry, and takes it from the budget.
func (t *Totals) Retry() bool {
	if t.saved.Add(-100) >= 0 {
		t.retries.Add(1)
		return true
	}
	t.saved.Add(100)
	t.refused.Add(1)
	return false
}

// Counts are the counters of a site.
type Counts struct {
	// FailOpen is how many requests were sent although no upstream was in service.
	FailOpen uint64
	// Retries is how many requests were sent to another upstream. Refused is how many were not, because the budget was
	// used up.
	Retries, Refused uint64
}

// Counts returns the counters of the site.
func (t *Totals) Counts() Counts {
	return Counts{t.failOpen.Load(), t.retries.Load(), t.refused.Load()}
}
