package proxy

import (
	"context"
	"sync"
	"time"
)

// gate holds clients back until the daemon serves (S-4.3). In step 7 a listener in ACME mode already accepts
// connections, because the CA's validation has to get through; all other clients wait here for step 8.
type gate struct {
	once sync.Once
	ch   chan struct{}
	// patience is the longest time for which a request on a redirect port is held.
	patience time.Duration
}

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

// wait returns nil once the gate is open, or the cause if the context ends first. It has no time limit of its own, because
// the deadline of the connection ends a handshake.
func (g *gate) wait(ctx context.Context) error {
	if g.isOpen() {
		return nil
	}
	select {
	case <-g.ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// waitPatiently is like wait, but also returns an error once the gate's patience has passed. During a slow start, a client
// of a redirect port then frees its descriptor instead of waiting in a growing queue.
func (g *gate) waitPatiently(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	return g.wait(ctx)
}
