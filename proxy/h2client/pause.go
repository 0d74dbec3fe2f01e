package h2client

import (
	"context"
	"fmt"
	"time"
)

// A server that allows no streams on a new connection would not allow them on many. The requests that wait for one therefore
// wait on the connections that there are, whose server may raise its limit at any moment, and another one is dialed only after a
// pause: another server may be at the same address by then.

const (
	// firstPause is the pause after the first connection without streams. Each further one doubles it, up to longestPause.
	firstPause   = 100 * time.Millisecond
	longestPause = time.Second
	// shutTime is how long a connection on which the server allows no streams stays open.
	shutTime = 10 * time.Second
)

// pauses records the latest connection that was dialed, and how long to wait before the next one is.
type pauses struct {
	// latest is the connection that was dialed last, at the given time, or nil.
	latest *Conn
	at     time.Time
	// next is the pause after latest if the server allows no streams on it.
	next time.Duration
}

// dialed records a new connection.
func (p *pauses) dialed(c *Conn, now time.Time) {
	if p.latest != nil && p.latest.shut() {
		p.next = min(2*p.next, longestPause)
	} else {
		p.next = firstPause
	}
	p.latest, p.at = c, now
}

// pause returns how long no connection may be dialed: 0 if the server allows streams on the latest one, or has not said.
func (p *pauses) pause(now time.Time) time.Duration {
	if p.latest == nil {
		return 0
	}
	left := p.at.Add(p.next).Sub(now)
	if left <= 0 || !p.latest.shut() {
		return 0
	}
	return left
}

// forget releases a connection that has ended, once its pause is over.
func (p *pauses) forget(now time.Time) {
	if p.latest != nil && p.latest.Err() != nil && now.Sub(p.at) > p.next {
		p.latest = nil
	}
}

// shut reports whether the server allows no streams on the connection, and has not answered a request on it.
func (c *Conn) shut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.greeted && c.mostStreams() == 0 && !c.answered
}

// wait is what a request waits for that finds no stream: SETTINGS, a dial, or the end of a pause.
type wait struct {
	greeting <-chan struct{}
	dial     *dialing
	pause    time.Duration
}

// await waits in the queue. A nil error means that the request must look again.
func (s *Set) await(ctx context.Context, w *waiter, on wait) error {
	over, stop := on.over()
	defer stop()
	select {
	case <-w.wake:
		return s.waiting.failed(w)
	case <-over:
		return nil
	case <-ctx.Done():
		return s.late(ctx)
	}
}

// awaitAlone waits outside of the queue. A nil error means that the request must look again.
func (s *Set) awaitAlone(ctx context.Context, on wait) error {
	over, stop := on.over()
	defer stop()
	var dialed chan struct{}
	if on.greeting == nil && on.dial != nil {
		dialed = on.dial.done
	}
	select {
	case <-on.greeting:
		return nil
	case <-dialed:
		return on.dial.err
	case <-over:
		return nil
	case <-ctx.Done():
		return s.late(ctx)
	}
}

// over returns a channel that receives at the end of the pause, if there is one.
func (on wait) over() (_ <-chan time.Time, stop func()) {
	if on.pause <= 0 {
		return nil, func() {}
	}
	timer := time.NewTimer(on.pause)
	return timer.C, func() { timer.Stop() }
}

// late returns the error of a request whose context has ended.
func (s *Set) late(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest != nil && s.latest.shut() {
		return fmt.Errorf("the upstream allows no requests on its connections (SETTINGS_MAX_CONCURRENT_STREAMS is 0): %w", ctx.Err())
	}
	return ctx.Err()
}
