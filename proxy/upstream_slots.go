package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// upstreamSlots bounds the connections to all upstreams together, the idle ones among them, so that they never need more
// descriptors than S-2.22 reckons with: one for each client connection of max_connections. Without a bound one HTTP/2
// client alone could make the process open 250.
type upstreamSlots struct {
	// limit is the bound.
	limit int
	mu    sync.Mutex
	// free is how many connections may still be opened.
	free int
	// queue are those who wait for a slot, first come first served.
	queue []chan struct{}
	// wanted is the length of queue, for a look without the lock.
	wanted atomic.Int32
}

func newUpstreamSlots(limit int) *upstreamSlots { return &upstreamSlots{limit: limit, free: limit} }

// acquire takes a slot for one connection, and waits for it until the context ends. Where none is free, makeRoom is called
// to close a connection that is idle. The error that tells of a deadline is a timeout.
func (s *upstreamSlots) acquire(ctx context.Context, makeRoom func()) error {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{}, 1)
	s.queue = append(s.queue, turn)
	s.wanted.Add(1)
	s.mu.Unlock()
	makeRoom()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	at := slices.Index(s.queue, turn)
	if at >= 0 {
		s.queue = slices.Delete(s.queue, at, at+1)
		s.wanted.Add(-1)
	}
	s.mu.Unlock()
	if at < 0 {
		s.release() // it has come at the same moment
	}
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("all %d connections to upstreams (max_connections) stayed in use: %w", s.limit, context.DeadlineExceeded)
}

// release gives a slot back, to the one who has waited longest.
func (s *upstreamSlots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.free++
		return
	}
	s.queue[0] <- struct{}{}
	s.queue = slices.Delete(s.queue, 0, 1)
	s.wanted.Add(-1)
}
