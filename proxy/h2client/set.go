package h2client

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// Set holds the connections to one server. It opens a stream on the oldest connection that has room, so that
// connections which are not needed at a quiet time become idle.
type Set struct {
	// EndInOrder, if not nil, is called with the network connection of an idle Conn before that is closed because it was idle for
	// long or because the set was closed. It must be set before the set is used.
	EndInOrder func(net.Conn)

	mu    sync.Mutex
	conns []entry
	// dialing holds the dials in progress by owner, as in entry.
	dialing map[any]*dialing
	waiting waiters
	pauses
	closed bool
}

// Dial connects to the server. tag identifies where the connection leads.
type Dial func(ctx context.Context) (conn net.Conn, tag any, err error)

// entry is a connection with its tag. owner is whose bodies it was dialed for, or nil if it was dialed for any requests.
type entry struct {
	*Conn
	tag, owner any
}

// dialing is the dial in progress. When done is closed, err is the error of all requests that wait for the dial, or nil if
// they have to look again.
type dialing struct {
	done chan struct{}
	err  error
}

// TryOpen opens a stream for a request with the body on an existing connection. It returns nil if none has room.
func (s *Set) TryOpen(body Body) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream, _ := s.open(body)
	return stream
}

// open is TryOpen for a caller that holds mu. crowded reports whether a request without a body would get a stream.
func (s *Set) open(body Body) (_ *Stream, crowded bool) {
	for _, c := range s.conns {
		stream, noRoom := c.Open(body)
		if stream != nil {
			return stream, false
		}
		crowded = crowded || noRoom
	}
	return nil, crowded
}

// Open opens a stream for a request with the body, on a new connection if none has room. One connection is dialed at a time,
// and all callers that wait for it share it. If only the window lacks room, the dials of different owners are
// independent: an owner with many bodies does not delay another one. While the server allows no streams, Open waits until
// it does, and dials only from time to time.
func (s *Set) Open(ctx context.Context, body Body, dial Dial) (*Stream, error) {
	w := s.waiting.join()
	defer func() { s.waiting.leave(w) }()
	for {
		s.mu.Lock()
		// SETTINGS may come at any moment. A connection that had none when it was asked for a stream must be asked again.
		greeting, own := s.greeting(nil), s.greeting(body.Owner)
		stream, crowded := s.open(body)
		if stream != nil {
			s.mu.Unlock()
			return stream, nil
		}
		var owner any
		if crowded {
			owner, greeting = body.Owner, own
		}
		on := wait{greeting: greeting, dial: s.dialing[owner]}
		if on.greeting == nil && on.dial == nil {
			on.pause = s.pause(time.Now())
		}
		if on != (wait{}) {
			s.mu.Unlock()
			if crowded { // what gives others a stream does not help it
				s.waiting.leave(w)
				if err := s.awaitAlone(ctx, on); err != nil {
					return nil, err
				}
				w = s.waiting.join()
			} else if err := s.await(ctx, w, on); err != nil {
				return nil, err
			}
			continue
		}
		d := &dialing{done: make(chan struct{})}
		if s.dialing == nil {
			s.dialing = map[any]*dialing{}
		}
		s.dialing[owner] = d
		s.mu.Unlock()
		s.waiting.leave(w)
		return s.dial(ctx, body, owner, dial, d)
	}
}

// OpenAlone opens a stream on a new connection that no other stream uses.
func (s *Set) OpenAlone(ctx context.Context, dial Dial) (*Stream, error) {
	conn, _, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return New(conn).openLast(Body{}), nil // no other stream uses the connection, so the length of the body does not matter
}

// dial adds a connection and opens its first stream.
func (s *Set) dial(ctx context.Context, body Body, owner any, dial Dial, d *dialing) (stream *Stream, err error) {
	defer func() {
		s.mu.Lock()
		delete(s.dialing, owner)
		s.mu.Unlock()
		if err != nil && !endedWith(ctx, err) {
			if d.err = err; owner == nil {
				s.waiting.fail(err)
			}
		}
		close(d.done)
		s.waiting.changed()
	}()
	conn, tag, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	c := New(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // a request that began before the set was closed must not be lost
		return c.openLast(body), nil
	}
	s.conns = append(s.conns, entry{c, tag, owner})
	s.dialed(c, time.Now())
	return c.openFirst(body, &s.waiting), nil
}

// endedWith reports whether a dial has failed only because the request that it was made for has ended: its client has left, or its
// time for connecting is over, of which it may have spent most on something else. Others that wait for the dial have their own
// time.
func endedWith(ctx context.Context, err error) bool {
	// The connection may report the deadline of the context before the context does.
	return ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// greeting returns the greeting channel of the owner's first connection that still waits for its server's SETTINGS, or nil. If
// owner is nil, it considers all connections. The caller holds mu.
func (s *Set) greeting(owner any) <-chan struct{} {
	for _, c := range s.conns {
		if owner != nil && c.owner != owner {
			continue
		}
		select {
		case <-c.greeting:
		default:
			return c.greeting
		}
	}
	return nil
}

// Look must be called about once a second. It drains the connections for whose tag stay returns false and those that
// have been idle for too long or have no room for a body, and forgets those that have ended. While there are more than
// most connections, it also drains idle ones, the newest first.
func (s *Set) Look(now time.Time, idle time.Duration, most int, stay func(tag any) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	surplus := len(s.conns) - most
	for _, c := range slices.Backward(s.conns) {
		c.Look(now)
		since, isIdle := c.Idle()
		if isIdle && (surplus > 0 || now.Sub(since) > idle || c.useless(now)) || !stay(c.tag) {
			// Clients can make connections surplus or useless at any rate, but not idle for long.
			if now.Sub(since) > idle {
				c.retire(s.EndInOrder)
			} else {
				c.Drain()
			}
			surplus--
		}
	}
	s.conns = slices.DeleteFunc(s.conns, func(c entry) bool { return c.Err() != nil })
	s.forget(now)
}

// Close drains all connections. A stream that is opened later gets its own connection.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.conns {
		c.retire(s.EndInOrder)
	}
}

// Conns returns the number of connections.
func (s *Set) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
