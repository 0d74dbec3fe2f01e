package proxy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gate holds clients back until the daemon serves (S-4.3). In step 7 a listener in ACME mode already accepts
// connections, because the CA's validation has to get through; all other clients wait here for step 8.
type gate struct {
	once sync.Once
	ch   chan struct{}
	// patience is the longest time for which a client is held.
	patience time.Duration
}

// errStillStarting is the error for a client that was held for too long.
var errStillStarting = errors.New("the daemon is still starting")

func newGate(patience time.Duration) *gate { return &gate{ch: make(chan struct{}), patience: patience} }

// open lets all clients through from now on.
func (g *gate) open() { g.once.Do(func() { close(g.ch) }) }

// isOpen reports whether the gate lets all clients through. A nil gate is always open.
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

// wait returns nil once the gate is open. It returns an error if the context ends, or if the client was held for the
// gate's patience. During a slow start, a client then frees its descriptor instead of waiting in a growing queue.
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
