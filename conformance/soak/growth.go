package soak

import (
	"context"
	"fmt"
	"time"
)

// footprint is what the daemon holds while idle.
type footprint struct{ goroutines, descriptors, memory float64 }

// String implements fmt.Stringer.
func (f footprint) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.1f MiB", f.goroutines, f.descriptors, f.memory/(1<<20))
}

// quietTime is how long the daemon has to come to rest: its longest timeout ends what clients have left behind, and the Go
// runtime collects garbage at least every two minutes and returns memory after that.
const quietTime = 4 * time.Minute

// rest waits until the daemon has no request in flight, no connection, and has not grown, and returns its footprint. before
// is zero the first time.
func (d *Daemon) rest(ctx context.Context, before footprint) (footprint, error) {
	ctx, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	for {
		m, err := d.Metrics()
		if err != nil {
			return footprint{}, err
		}
		busy := m["reverse_proxy_requests_in_flight"] + m["reverse_proxy_connections"] + m["reverse_proxy_upstream_connections"]
		now := footprint{m["go_goroutines"], m["process_open_fds"], m["process_resident_memory_bytes"]}
		err = now.grown(before)
		if busy == 0 && (err == nil || before == footprint{}) {
			return now, nil
		}
		if busy == 0 && ctx.Err() != nil {
			return now, err
		}
		if ctx.Err() != nil {
			return footprint{}, fmt.Errorf("%v after the load has ended, %.0f requests are in flight, and %.0f connections of clients and %.0f to upstreams are open",
				quietTime, m["reverse_proxy_requests_in_flight"], m["reverse_proxy_connections"], m["reverse_proxy_upstream_connections"])
		}
		wait(ctx, 500*time.Millisecond)
	}
}

// How much more the daemon may hold than after the first round: a few goroutines that are about to end, and memory that the
// runtime has not returned yet.
const (
	spareGoroutines  = 10
	spareDescriptors = 5
	spareMemory      = 32 << 20
)

// grown returns an error if the daemon holds more than before.
func (f footprint) grown(before footprint) error {
	if f.goroutines > before.goroutines+spareGoroutines || f.descriptors > before.descriptors+spareDescriptors ||
		f.memory > before.memory*1.25+spareMemory {
		return fmt.Errorf("it has grown from %v to %v", before, f)
	}
	return nil
}
