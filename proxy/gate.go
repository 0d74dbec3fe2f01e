package proxy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gate holds clients back until the daemon serves (S-4.3): in step 7 a listener in ACME mode already accepts, because
// the CA's validation has to get through, and everybody else waits here for step 8.
type gate struct {
	once sync.Once
	ch   chan struct{}
	// patience is how long one client is held.
	patience time.Duration
}

// errStillStarting is why a client that was held was let go.
var errStillStarting = errors.New("the daemon is still starting")

func newGate(patience time.Duration) *gate { return &gate{ch: make(chan struct{}), patience: patience} }

// open lets everybody through, from now on.
func (g *gate) open() { g.once.Do(func() { close(g.ch) }) }

// isOpen reports whether the gate lets everybody through. Without a gate it is always true.
func (g *gate) isOpen() bool {
	if g == nil {
		return true
	}
	select {
	case <-g.ch:
		return true
	default:
		return false
	}
}

// wait returns nil when the gate is open, and an error when the context ends or the client was held for the patience of
// the gate: a client of a start that takes long gets its descriptor taken away, not a place in a growing queue.
func (g *gate) wait(ctx context.Context) error {
	if g.isOpen() { // the usual case, and not worth a timer
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, g.patience, errStillStarting)
	defer cancel()
	select {
	case <-g.ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
