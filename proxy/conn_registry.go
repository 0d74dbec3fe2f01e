package proxy

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connRegistry is the one account of all client connections, of every listener and protocol: `status` and shutdown read
// it, and max_connections holds by it (S-12.2).
type connRegistry struct {
	sweeper *sweeper
	limit   int

	// waiting is how many accepted connections wait for room.
	waiting atomic.Int32

	// grownWindows is what the windows of HTTP/2 connections have grown by, in bytes.
	grownWindows atomic.Int64

	mu sync.Mutex
	// room is signalled when a connection has ended.
	room *sync.Cond
	open int
	// admitted is how many were ever open.
	admitted uint64
	// conns are the connections of HTTPS listeners, plain those of redirect ports with the time since when they are
	// idle (zero while they are not).
	conns map[*clientConn]struct{}
	plain map[net.Conn]time.Time
	// clients are the accounts of the clients of conns.
	clients accounts
	// accepting is how many loops accept connections.
	accepting int
	draining  bool
	closed    bool
	// ended is closed when draining, and the last loop and the last connection have ended.
	ended chan struct{}
}

func newConnRegistry(limit int, s *sweeper) *connRegistry {
	r := &connRegistry{sweeper: s, limit: limit, conns: map[*clientConn]struct{}{}, plain: map[net.Conn]time.Time{}, clients: accounts{}, ended: make(chan struct{})}
	r.room = sync.NewCond(&r.mu)
	s.swept = r.becameIdle // new connections become idle by a clock
	return r
}

// accepts counts a loop that accepts connections; the loop calls the function that it returns when it has ended. A drain
// waits for it: what was accepted must not be forgotten because it was not counted yet.
func (r *connRegistry) accepts() (ended func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepting++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.accepting--
		r.endIfDrained()
	}
}

// admit waits until there is room for one more connection, and takes it. At the limit the connection that has been idle
// for longest is closed; where none is idle, new ones wait in the backlog. During a drain what was accepted just before is
// still let in (S-11.2). It returns false at the end.
func (r *connRegistry) admit() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.open >= r.limit && !r.closed {
		r.waiting.Add(1) // before the look, or what becomes idle during it would tell nobody
		r.closeLongestIdle()
		r.room.Wait()
		r.waiting.Add(-1)
	}
	if r.closed {
		return false
	}
	r.open++
	r.admitted++
	return true
}

// closeLongestIdle closes the connection that has been idle for longest. The caller holds mu.
func (r *connRegistry) closeLongestIdle() {
	var longest *clientConn
	var longestPlain net.Conn
	var idle time.Duration
	for c := range r.conns {
		if d, ok := c.idleFor(); ok && (longest == nil || d > idle) {
			longest, idle = c, d
		}
	}
	now := time.Now()
	for c, since := range r.plain {
		if d := now.Sub(since); !since.IsZero() && (longest == nil && longestPlain == nil || d > idle) {
			longest, longestPlain, idle = nil, c, d
		}
	}
	switch {
	case longestPlain != nil:
		r.plain[longestPlain] = time.Time{} // the next one that waits closes another one
		_ = longestPlain.Close()
	case longest == nil:
	case longest.watch.endIdle():
		longest.interrupt()
	default: // a request has just come on it
		r.closeLongestIdle()
	}
}

// becameIdle makes connections that wait for room look again.
func (r *connRegistry) becameIdle() {
	if r.waiting.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.room.Broadcast()
}

// add registers a connection that was admitted. It returns false when everything is being closed.
func (r *connRegistry) add(c *clientConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.conns[c] = struct{}{}
	c.account = r.clients.open(newClientKey(c.client))
	r.sweeper.add(&c.watch)
	return true
}

// remove forgets a connection of an HTTPS listener.
func (r *connRegistry) remove(c *clientConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.conns[c]; ok {
		delete(r.conns, c)
		r.clients.close(c.account)
		r.sweeper.remove(&c.watch)
		r.left()
	}
}

// release gives back what admit took, for a connection that was never registered.
func (r *connRegistry) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left()
}

// left counts a connection that ended. The caller holds mu.
func (r *connRegistry) left() {
	r.open--
	r.room.Signal()
	r.endIfDrained()
}

// endIfDrained ends a drain when nothing is left to wait for. The caller holds mu.
func (r *connRegistry) endIfDrained() {
	if !r.draining || r.open > 0 || r.accepting > 0 {
		return
	}
	select {
	case <-r.ended:
	default:
		close(r.ended)
	}
}

// plainState is the ConnState hook of the redirect ports.
func (r *connRegistry) plainState(c net.Conn, state http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		r.plain[c] = time.Time{}
	case http.StateIdle:
		r.plain[c] = time.Now()
		r.room.Broadcast()
	case http.StateClosed, http.StateHijacked:
		if _, ok := r.plain[c]; ok {
			delete(r.plain, c)
			r.left()
		}
	}
}

// count returns the number of open connections.
func (r *connRegistry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// drain closes idle connections, lets requests in flight end (S-11.1) and waits until every connection has ended or the
// context has. The sockets are closed already. It returns whether all have ended.
func (r *connRegistry) drain(ctx context.Context) bool {
	r.mu.Lock()
	r.draining = true
	r.room.Broadcast()
	for c := range r.conns {
		c.drain()
	}
	r.endIfDrained()
	r.mu.Unlock()
	select {
	case <-r.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// close cuts every connection of the HTTPS listeners and admits no more.
func (r *connRegistry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.room.Broadcast()
	for c := range r.conns {
		c.cut()
	}
}

// admittedListener lets a redirect port's server accept only what there is room for.
type admittedListener struct {
	net.Listener
	registry *connRegistry
}

// Accept implements net.Listener.
func (l admittedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !l.registry.admit() {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return conn, nil
}
