package h2client

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// Set holds the connections to one server. It opens a stream on the oldest connection that has room, so that
// connections which are not needed at a quiet time become idle.
type Set struct {
	mu      sync.Mutex
	conns   []entry
	dialing *dialing
	closed  bool
}

// Dial connects to the server. tag identifies where the connection leads.
type Dial func(ctx context.Context) (conn net.Conn, tag any, err error)

// entry is a connection with its tag.
type entry struct {
	*Conn
	tag any
}

// dialing is the dial in progress. err is set when done is closed.
type dialing struct {
	done chan struct{}
	err  error
}

// TryOpen opens a stream on an existing connection. It returns nil if none has room.
func (s *Set) TryOpen() *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open()
}

// open is TryOpen for a caller that holds mu.
func (s *Set) open() *Stream {
	for _, c := range s.conns {
		if stream := c.Open(); stream != nil {
			return stream
		}
	}
	return nil
}

// Open opens a stream, on a new connection if none has room. One connection is dialed at a time, and all callers that
// wait for it share it.
func (s *Set) Open(ctx context.Context, dial Dial) (*Stream, error) {
	for {
		s.mu.Lock()
		if stream := s.open(); stream != nil {
			s.mu.Unlock()
			return stream, nil
		}
		if greeting := s.greeting(); greeting != nil {
			s.mu.Unlock()
			select {
			case <-greeting:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if d := s.dialing; d != nil {
			s.mu.Unlock()
			select {
			case <-d.done:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if d.err != nil && !errors.Is(d.err, context.Canceled) { // a cancelled dial ended with its own request only
				return nil, d.err
			}
			continue
		}
		d := &dialing{done: make(chan struct{})}
		s.dialing = d
		s.mu.Unlock()
		stream, err := s.dial(ctx, dial, d)
		if stream != nil || err != nil {
			return stream, err
		}
	}
}

// OpenAlone opens a stream on a new connection that no other stream uses.
func (s *Set) OpenAlone(ctx context.Context, dial Dial) (*Stream, error) {
	conn, _, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return New(conn).openLast(), nil
}

// dial adds a connection and opens its first stream.
func (s *Set) dial(ctx context.Context, dial Dial, d *dialing) (stream *Stream, err error) {
	defer func() {
		s.mu.Lock()
		s.dialing = nil
		s.mu.Unlock()
		d.err = err
		close(d.done)
	}()
	conn, tag, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	c := New(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // a request that began before the set was closed must not be lost
		return c.openLast(), nil
	}
	s.conns = append(s.conns, entry{c, tag})
	return c.Open(), nil
}

// greeting returns the greeting channel of the first connection that still waits for its server's SETTINGS, or nil. The
// caller holds mu.
func (s *Set) greeting() <-chan struct{} {
	for _, c := range s.conns {
		select {
		case <-c.greeting:
		default:
			return c.greeting
		}
	}
	return nil
}

// Look must be called about once a second. It drains the connections for whose tag stay returns false and those that
// have been idle for too long, and forgets those that have ended.
func (s *Set) Look(now time.Time, idle time.Duration, stay func(tag any) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = slices.DeleteFunc(s.conns, func(c entry) bool {
		c.Look(now)
		if since, isIdle := c.Idle(); isIdle && now.Sub(since) > idle || !stay(c.tag) {
			c.Drain()
		}
		return c.Err() != nil
	})
}

// Close drains all connections. A stream that is opened later gets its own connection.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		c.Drain()
	}
}

// Conns returns the number of connections.
func (s *Set) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
