package proxy

import (
	"context"
	"sync"
)

// gate holds clients back until the daemon serves (S-4.3): in step 7 a listener in ACME mode already accepts, because
// the CA's validation has to get through, and everybody else waits here for step 8.
type gate struct {
	once sync.Once
	ch   chan struct{}
}

func newGate() *gate { return &gate{ch: make(chan struct{})} }

// open lets everybody through, from now on.
func (g *gate) open() { g.once.Do(func() { close(g.ch) }) }

// wait returns nil when the gate is open, and the context's cause if that ends before.
func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
