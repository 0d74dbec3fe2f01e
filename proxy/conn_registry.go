package proxy

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// connRegistry is the one account of all client connections, of every listener and protocol: `status` and shutdown read
// it, and max_connections and the clients' shares of it hold by it (S-12.2, S-12.6).
type connRegistry struct {
	sweeper *deadline.Sweeper
	limit   int
	// share is how many connections one client may hold while others wait.
	share int
	// onCut is called, with mu held, when a connection was cut because its client held more than its share.
	onCut func(client netip.Addr, held int)

	// waiting is how many accepted connections wait for room.
	waiting atomic.Int32

	// grownWindows is what the windows of HTTP/2 connections have grown by, in bytes.
	grownWindows atomic.Int64
	// parked are the answers over HTTP/2 of which nothing but the client is waited for.
	parked parkedAnswers

	mu   sync.Mutex
	open int
	// admitted is how many were ever open; refused and cutForOthers count what the shares did.
	admitted, refused, cutForOthers uint64
	conns                           map[accountedConn]struct{}
	// clients are the accounts of all clients with connections.
	clients accounts
	// queue are the connections that wait for room, in the order in which they were accepted, and leaving those that were
	// told to make room. For the first ones of the queue, as many as promised says, others are leaving.
	queue    []*ticket
	promised int
	leaving  []leavingConn
	idle     idleList
	// accepting is how many loops accept connections.
	accepting int
	draining  bool
	closed    bool
	// ended is closed when draining, and the last loop and the last connection have ended.
	ended chan struct{}
}

func newConnRegistry(limit, share int, s *deadline.Sweeper) *connRegistry {
	r := &connRegistry{sweeper: s, limit: limit, share: share, conns: map[accountedConn]struct{}{}, clients: accounts{},
		onCut: func(netip.Addr, int) {}, idle: idleList{at: -1}, ended: make(chan struct{}),
		parked: parkedAnswers{limit: parkedBytes}}
	s.Swept = r.becameIdle // new connections become idle by a clock
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

// admit asks for room for a connection of a client that was accepted. It does not wait; the ticket says what becomes of the
// connection. It returns false when the listener is to accept no further ones until then: what comes next waits in the
// backlog. During a drain what was accepted just before is still let in (S-11.2).
func (r *connRegistry) admit(key limit.Key) (t *ticket, acceptOn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t = &ticket{key: key, done: decided, result: ended}
	switch {
	case r.closed:
		return t, false
	case r.open < r.limit && len(r.queue) == 0:
		r.take(t)
		return t, true
	}
	t.done = make(chan struct{})
	r.queue = append(r.queue, t)
	r.waiting.Add(1) // before the look, or what becomes idle during it would tell nobody
	r.makeRoom()
	return t, r.promised == len(r.queue) && r.promised <= maxPromised
}

// take gives the ticket the room that there is. The caller holds mu.
func (r *connRegistry) take(t *ticket) {
	r.open++
	r.admitted++
	t.account = r.clients.open(t.key)
	t.result = admitted
}

// admitTicket is take for a ticket that waits.
func (r *connRegistry) admitTicket(t *ticket) {
	r.take(t)
	close(t.done)
}

// becameIdle looks for room again for connections that wait.
func (r *connRegistry) becameIdle() {
	if r.waiting.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeRoom()
}

// add registers a connection that was admitted. It returns false when everything is being closed.
func (r *connRegistry) add(c accountedConn, t *ticket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	e := c.entry()
	e.account, e.number = t.account, r.admitted
	r.conns[c] = struct{}{}
	r.sweeper.Add(c.deadline())
	return true
}

// stays takes back that a connection was told to make room: a request had come on it.
func (r *connRegistry) stays(c accountedConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.staysLocked(c) {
		r.makeRoom()
	}
}

// staysLocked forgets that a connection is leaving, and reports whether it was. The caller holds mu.
func (r *connRegistry) staysLocked(c accountedConn) bool {
	e := c.entry()
	if !e.leaving {
		return false
	}
	e.leaving = false
	e.account.leaving--
	r.leaving = slices.DeleteFunc(r.leaving, func(l leavingConn) bool { return l.conn == c })
	return true
}

// remove forgets a connection that was registered.
func (r *connRegistry) remove(c accountedConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.conns[c]; !ok {
		return
	}
	delete(r.conns, c)
	r.staysLocked(c)
	r.sweeper.Remove(c.deadline())
	r.left(c.entry().account)
}

// release gives back what a ticket has got, for a connection that was never registered.
func (r *connRegistry) release(t *ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left(t.account)
}

// left counts a connection of a client that ended. The caller holds mu.
func (r *connRegistry) left(account *clientAccount) {
	r.clients.close(account)
	r.open--
	if len(r.queue) > 0 {
		r.makeRoom()
	}
	r.endIfDrained()
}

// endIfDrained ends a drain when nothing is left to wait for. The caller holds mu.
func (r *connRegistry) endIfDrained() {
	if !r.draining || r.open > 0 || r.accepting > 0 || len(r.queue) > 0 {
		return
	}
	select {
	case <-r.ended:
	default:
		close(r.ended)
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

// close cuts every connection and admits no more.
func (r *connRegistry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, t := range r.queue {
		t.decide(ended)
	}
	r.queue = nil
	r.waiting.Store(0)
	for c := range r.conns {
		c.cut(errShuttingDown)
	}
	r.endIfDrained()
}

// awaitEnd waits until the connections that close has cut have ended, and with them their exchanges, so that each can still
// write its line. It waits no longer than the time given.
func (r *connRegistry) awaitEnd(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
	}
}
