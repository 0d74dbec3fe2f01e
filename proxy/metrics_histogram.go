package proxy

import (
	"sync/atomic"
	"time"
)

// durationBounds are the upper bounds of the buckets of every histogram: from an answer that an application has in
// memory to one that a person has given up on. The bucket after the last has no bound.
var durationBounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// histogramLane is one lane of a histogram of durations.
type histogramLane struct {
	// buckets count the durations above the previous bound and not above their own.
	buckets [len(durationBounds) + 1]atomic.Uint64
	// sum is the sum of all durations, in nanoseconds.
	sum atomic.Uint64
}

// observe counts a duration.
func (h *histogramLane) observe(d time.Duration) {
	at := 0
	for at < len(durationBounds) && d > durationBounds[at] {
		at++
	}
	h.buckets[at].Add(1)
	h.sum.Add(uint64(max(d, 0)))
}

// histogramTotals holds the numbers of a histogram, summed up over its lanes.
type histogramTotals struct {
	buckets [len(durationBounds) + 1]uint64
	sum     uint64
}

func (t *histogramTotals) add(lane *histogramLane) {
	for i := range lane.buckets {
		t.buckets[i] += lane.buckets[i].Load()
	}
	t.sum += lane.sum.Load()
}
