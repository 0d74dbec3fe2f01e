// Package gcpace sets how much garbage the heap may hold before it is collected, after every collection anew.
//
// Go has one number for that, GOGC, which is a share of what is in use. For a proxy one number is wrong at both ends: an idle
// process has so little in use that a small share of it is collected hundreds of times a second under load, and one that
// clients have filled must not grow by as much again (S-12.8). The package knows nothing of what the heap holds.
package gcpace

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// Percent is how much a large heap may grow between two collections, in percent of what is in use.
	Percent = 50
	// Allowance is how much any heap may grow between two collections, in bytes.
	Allowance = 8 << 20
	// maxPercent bounds the growth of a nearly empty heap.
	maxPercent = 400
)

// percentFor returns the GOGC for a process that has inUse bytes of heap, stacks and globals in use: Percent, or more where
// that would be less than Allowance.
func percentFor(inUse uint64) int {
	if inUse <= Allowance*100/maxPercent {
		return maxPercent
	}
	return max(Percent, int(Allowance*100/inUse))
}

// pacer adapts GOGC.
type pacer struct {
	// samples are what the collector reads GOGC's share of; reused, so that pacing leaves no garbage.
	samples []metrics.Sample
	percent int
}

// Start sets GOGC for the heap as it is, and again after each collection for the life of the process.
func Start() {
	p := &pacer{samples: []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}}
	p.adapt()
	p.awaitCollection()
}

// adapt sets GOGC if it has to change by more than an eighth. Setting it stops all goroutines for a moment.
func (p *pacer) adapt() {
	metrics.Read(p.samples)
	inUse := uint64(0)
	for _, sample := range p.samples {
		inUse += sample.Value.Uint64()
	}
	percent := percentFor(inUse)
	if change := percent - p.percent; max(change, -change) > p.percent/8 {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// canary is garbage from its creation on: its finalizer runs after the next collection. It has a pointer, because objects
// without one share their memory, and are then collected together.
type canary struct{ _ *canary }

// awaitCollection adapts GOGC after the next collection, and then awaits the one after it.
func (p *pacer) awaitCollection() {
	runtime.SetFinalizer(&canary{}, func(*canary) {
		p.adapt()
		p.awaitCollection()
	})
}
