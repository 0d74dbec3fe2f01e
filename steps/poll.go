package steps

import (
	"context"
	"fmt"
	"time"
)

// patience bounds every wait of the suite. It is far longer than anything takes, because it only determines how long a
// failing scenario runs.
const patience = time.Minute

// pollInterval is the time between two checks of something that sends no notification of changes.
const pollInterval = 5 * time.Millisecond

// eventually calls check until it returns nil, and returns its last error if that does not happen within patience.
func (w *World) eventually(check func() error) error {
	return w.within(patience, check)
}

// within is eventually with a given limit.
func (w *World) within(limit time.Duration, check func() error) error {
	return w.withinEvery(limit, pollInterval, check)
}

// withinEvery is within for an expensive check, such as running a program.
func (w *World) withinEvery(limit, interval time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (waited %v)", err, limit)
		case <-tick.C:
		}
	}
}

// during calls check repeatedly for that long, and returns its first error. It checks that something does not happen.
func (w *World) during(span time.Duration, check func() error) error {
	ctx, cancel := context.WithTimeout(w.ctx, span)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if err := check(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
