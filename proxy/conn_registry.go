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
	"reverse-proxy/proxy/readiness"
)

// connRegistry accounts for all client connections, of every listener and protocol. `status` and shutdown read it, and
// it enforces max_connections and the clients' shares of it (S-12.2, S-12.6).
type connRegistry struct {
	sweeper *deadline.Sweeper
	limit   int
	// share is how many connections one client may hold while others wait.
	share int
	// onCut is called, with mu held, after a connection is cut because its client held more than its share.
	onCut func(client netip.Addr, held int)
	// onFull is called, with mu held, when a connection waits for room and none can be told to leave.
	onFull func()

	// proxyRefused is how many connections did not begin with a header of the PROXY protocol from a trusted proxy.
	proxyRefused atomic.Uint64
	// waiting is how many accepted connections wait for room.
	waiting atomic.Int32

	// grownWindows is the total growth of the windows of HTTP/2 connections, in bytes.
	grownWindows atomic.Int64
	// parked are the answers over HTTP/2 that wait only for their clients.
	parked parkedAnswers
	// batches counts the large batches of output of HTTP/2 connections.
	batches h2Batches
	// idleWorkers counts the idle goroutines of HTTP/2 connections.
	idleWorkers h2IdleWorkers
	// gatherings are the connections that collect TLS records to send them together.
	gatherings gatherings

	// busy is the queue for goroutines that have read or written for long without waiting.
	busy *busyQueue
	// room is the room for streams over HTTP/2 that have begun and do not wait for anything yet.
	room h2Room

	// poller waits for the requests of dormant connections; nil if connections keep their goroutines. A connection
	// becomes dormant, and gives up its goroutine, when it has been idle for dormantAfter.
	poller       *readiness.Poller
	dormantAfter time.Duration

	mu sync.Mutex
	// open is the number of open connections.
	open int
	// admitted is how many connections were ever admitted. refused and cutForOthers count the connections that were
	// refused and cut because of the shares.
	admitted, refused, cutForOthers uint64
	conns                           map[accountedConn]struct{}
	// clients are the accounts of all clients with connections, or with requests through trusted proxies. proxies are
	// the accounts of the proxies, to which no share applies.
	clients, proxies accounts
	// queue holds the connections that wait for room, in the order in which they were accepted. leaving holds those
	// that were told to make room. The first promised connections of the queue will take their places.
	queue    []*ticket
	promised int
	leaving  []leavingConn
	idle     idleList
	// accepting is the number of loops that accept connections.
	accepting int
	draining  bool
	closed    bool
	// ended is closed during a drain once the last loop and the last connection have ended.
	ended chan struct{}
}

func newConnRegistry(limit, share int, s *deadline.Sweeper) *connRegistry {
	r := &connRegistry{sweeper: s, limit: limit, share: share, conns: map[accountedConn]struct{}{}, clients: accounts{}, proxies: accounts{},
		onCut: func(netip.Addr, int) {}, onFull: func() {}, idle: idleList{at: -1, round: 1}, ended: make(chan struct{}),
		parked: parkedAnswers{limit: parkedBytes}, busy: newBusyQueue(), room: newH2Room(), dormantAfter: dormantAfter}
	s.Swept = r.becameIdle // new connections become idle as time passes
	return r
}

// accepts counts a loop that accepts connections. The loop calls the returned function when it has ended. A drain waits
// for the loops, so that it does not miss an accepted connection that is not counted yet.
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

// admit asks for room for an accepted connection of a client. It does not wait; the ticket gives the result. acceptOn
// is false if the listener must not accept further connections until the result is known: they wait in the backlog.
// During a drain, a connection that was accepted just before is still admitted (S-11.2).
func (r *connRegistry) admit(key limit.Key) (t *ticket, acceptOn bool) {
	return r.admitPeer(key, false)
}

// admitPeer is admit for a client or a trusted proxy. A proxy has no share.
func (r *connRegistry) admitPeer(key limit.Key, proxy bool) (t *ticket, acceptOn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t = &ticket{key: key, proxy: proxy, done: decided, result: ended}
	switch {
	case r.closed:
		return t, false
	case r.open < r.limit && len(r.queue) == 0:
		r.take(t)
		return t, true
	}
	t.done = make(chan struct{})
	r.queue = append(r.queue, t)
	r.waiting.Add(1) // before the search, or a connection that becomes idle now would go unnoticed
	r.makeRoom()
	return t, r.promised == len(r.queue) && r.promised <= maxPromised
}

// take gives the ticket the free room. The caller holds mu.
func (r *connRegistry) take(t *ticket) {
	r.open++
	r.admitted++
	t.account = r.accountFor(t.key, t.proxy)
	t.result = admitted
}

// admitTicket calls take for a waiting ticket and ends its wait.
func (r *connRegistry) admitTicket(t *ticket) {
	r.take(t)
	close(t.done)
}

// becameIdle looks again for room for waiting connections.
func (r *connRegistry) becameIdle() {
	if r.waiting.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeRoom()
}

// add registers an admitted connection. It returns false if all connections are being closed.
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

// stays withdraws the order to make room from a connection on which a request has arrived.
func (r *connRegistry) stays(c accountedConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.staysLocked(c) {
		r.makeRoom()
	}
}

// staysLocked unmarks a leaving connection. It reports whether the connection was leaving. The caller holds mu.
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

// remove removes a registered connection.
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

// release gives back a ticket's room for a connection that was never registered.
func (r *connRegistry) release(t *ticket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left(t.account)
}

// left counts the end of a client's connection. The caller holds mu.
func (r *connRegistry) left(account *clientAccount) {
	r.closeAccount(account)
	r.open--
	if len(r.queue) > 0 {
		r.makeRoom()
	}
	r.endIfDrained()
}

// accountFor counts a new connection of a client or of a trusted proxy and returns its account. The caller holds mu.
func (r *connRegistry) accountFor(key limit.Key, proxy bool) *clientAccount {
	if !proxy {
		return r.clients.open(key)
	}
	account := r.proxies.of(key)
	account.proxy = true
	account.conns++
	return account
}

// closeAccount counts the end of a connection. The caller holds mu.
func (r *connRegistry) closeAccount(account *clientAccount) {
	if account.proxy {
		r.proxies.close(account)
		return
	}
	r.clients.close(account)
}

// comesFrom moves a registered connection to the account of the client or proxy that it turned out to come from. If
// others wait for room and the client holds its share, ok is false and held is the number of the client's connections.
func (r *connRegistry) comesFrom(c accountedConn, key limit.Key, proxy bool) (held int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := c.entry()
	if held = r.clients.held(key); !proxy && held >= r.share && len(r.queue) > 0 {
		r.refused++
		return held, false
	}
	before := e.account
	e.account = r.accountFor(key, proxy)
	if e.leaving {
		before.leaving--
		e.account.leaving++
	}
	r.closeAccount(before)
	return held, true
}

// enterRequest returns the account of a client for a request that came through a trusted proxy. leaveRequest must follow.
func (r *connRegistry) enterRequest(key limit.Key) *clientAccount {
	r.mu.Lock()
	defer r.mu.Unlock()
	account := r.clients.of(key)
	account.requests++
	account.crowd()
	return account
}

// leaveRequest counts the end of a request.
func (r *connRegistry) leaveRequest(account *clientAccount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	account.requests--
	r.clients.forget(account)
}

// endIfDrained ends a drain that has nothing left to wait for. The caller holds mu.
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
// context is done. The listening sockets are already closed. It reports whether all connections have ended.
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

// awaitEnd waits for the end of the connections that close has cut. Their exchanges end with them, so each can still
// write its log line. It waits no longer than limit.
func (r *connRegistry) awaitEnd(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
	}
}
