package soak

import (
	"fmt"
	"slices"
	"time"
)

// FaultRow is the result of the requests that were made while one of the upstreams had a fault.
type FaultRow struct {
	// Requests is the number of requests. Failed is how many of them got no answer, and Needless how many of these
	// could have got it (S-18.2). Twice is how many of all requests reached an upstream more than once.
	Requests, Failed, Needless, Twice int
	// P99 is the 99th percentile of the time of requests that only a sound upstream received. Before is the same for
	// the time without a fault.
	P99, Before time.Duration
}

// Row returns the row of a load that has suffered.
func (b *Balanced) Row(of FaultCase) FaultRow {
	return b.rowOf(of, func(result) bool { return true })
}

// rowOf is Row for the requests of some clients.
func (b *Balanced) rowOf(of FaultCase, counts func(result) bool) FaultRow {
	var row FaultRow
	var sound, before []time.Duration
	for _, r := range b.results {
		if !counts(r) {
			continue
		}
		if r.began.Before(b.began) {
			if r.began.Add(r.took).Before(b.began) {
				before = append(before, r.took)
			}
			continue
		}
		row.Requests++
		atBad, elsewhere := b.reached(r)
		if r.failed() {
			row.Failed++
			if !b.mayFail(of, r) {
				row.Needless++
			}
		}
		if atBad+elsewhere > 1 {
			row.Twice++
		}
		if atBad == 0 && !r.failed() {
			sound = append(sound, r.took)
		}
	}
	row.P99, row.Before = p99(sound), p99(before)
	return row
}

// quick is a 99th percentile that counts as short whatever it was before: it is the noise of a machine on which the clients
// and the upstreams run too.
const quick = 5 * time.Millisecond

// slower returns how many times as long the requests to sound upstreams took during the fault as before it.
func (r FaultRow) slower() float64 {
	return float64(max(r.P99, quick)) / float64(max(r.Before, quick))
}

// p99 returns what 99 of 100 durations do not exceed.
func p99(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[(len(of)*99-1)/100]
}

// String returns the row as cells of a table.
func (r FaultRow) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
	return fmt.Sprintf("%d | %d | %d | %d | %s | %s", r.Requests, r.Failed, r.Needless, r.Twice, ms(r.Before), ms(r.P99))
}
