package proxy

import (
	"slices"
	"sync"
	"time"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/share"
	"reverse-proxy/proxy/unixdial"
)

// upstreamPool holds the connections to one upstream. The newest idle connection is last and is taken first, so that
// connections which are not needed at a quiet time grow old and are closed.
type upstreamPool struct {
	// all is the set of pools to which this one belongs.
	all *upstreams
	// name is the upstream's name, or nil if the configuration has an address.
	name *upstreamName
	// socketPath is the path of the upstream's Unix socket, or "".
	socketPath string
	// named reports whether each connection begins with a header that names one client (S-15.4). Such a connection
	// never becomes idle for other clients.
	named bool
	// shared holds the connections to an upstream that speaks HTTP/2. It is nil for HTTP/1.1. With shared set, the
	// pool's own connections are only permissions for a stream.
	shared *h2client.Set
	// share is the upstream's account in the shares.
	share share.Upstream

	// mu guards the following fields. Never call share.Slots while holding it.
	mu   sync.Mutex
	idle []*upstreamConn
	// pinned holds idle connections that only one client's connection may use.
	pinned []*upstreamConn
	closed bool
	// busy holds the connections that calls use, including those being opened, in no order.
	busy []*upstreamConn
	// answeredAt is when, on the sweeper's clock, the last call with a response ended. usual is how long the heads of the
	// latest responses took on average.
	answeredAt int64
	usual      time.Duration
}

func newUpstreamPool(all *upstreams) *upstreamPool {
	p := &upstreamPool{all: all}
	p.share.Held = p.heldBy
	return p
}

// take returns the newest idle connection that is fit for use, or nil.
func (p *upstreamPool) take(c *upstreamCall) *upstreamConn {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return nil
		}
		conn := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		client := p.enter(conn, c)
		p.mu.Unlock()
		p.all.idle.Add(-1)
		share.Enter(client, &p.share)
		if conn.fit() {
			return conn
		}
		p.drop(conn)
	}
}

// use assigns an already counted connection to the call.
func (p *upstreamPool) use(conn *upstreamConn, c *upstreamCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enter(conn, c)
}

// enter adds a connection to those in use, and returns the account of the client that uses it. The caller holds mu.
func (p *upstreamPool) enter(conn *upstreamConn, c *upstreamCall) *share.Client {
	conn.holder, conn.client = c, p.all.clientOf(c)
	conn.since, conn.ending = c.clock(), false
	conn.uses++
	conn.at = len(p.busy)
	p.busy = append(p.busy, conn)
	return conn.client
}

// handOver makes a call the holder of a connection in use.
func (p *upstreamPool) handOver(conn *upstreamConn, to *upstreamCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	conn.holder = to
}

// leave removes a connection from those in use, and returns the account of the client that has used it. The caller holds
// mu.
func (p *upstreamPool) leave(conn *upstreamConn) *share.Client {
	last := len(p.busy) - 1
	p.busy[conn.at] = p.busy[last]
	p.busy[conn.at].at = conn.at
	p.busy[last] = nil
	p.busy = p.busy[:last]
	if c := conn.holder; c != nil && c.responseTime > 0 {
		p.answeredAt = c.clock()
		if p.usual == 0 {
			p.usual = c.responseTime
		}
		p.usual += (c.responseTime - p.usual) / 8
	}
	conn.holder = nil
	return conn.client
}

// heldBy returns how many of the connections a client uses.
func (p *upstreamPool) heldBy(client *share.Client) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.busy {
		if conn.client == client {
			n++
		}
	}
	return n
}

// drop closes a connection that is in use.
func (p *upstreamPool) drop(conn *upstreamConn) {
	p.mu.Lock()
	client := p.leave(conn)
	p.mu.Unlock()
	share.Leave(client, &p.share)
	p.discard(conn)
}

// discard closes a connection that is not in use, and frees its slot.
func (p *upstreamPool) discard(conn *upstreamConn) {
	_ = conn.Close() // an error would concern no request
	p.all.slots.Freed(&p.share)
}

// sizes returns the numbers of idle and of used connections.
func (p *upstreamPool) sizes() (idle, used int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.pinned), len(p.busy)
}

// put gives back a connection, for a waiting or a later request. It closes the connection if there are enough, or if a
// request waits for its slot.
func (p *upstreamPool) put(conn *upstreamConn) {
	if p.named {
		p.drop(conn)
		return
	}
	p.mu.Lock()
	client := p.leave(conn)
	kept := p.all.slots.Wanted() == 0 && p.keep(conn)
	p.mu.Unlock()
	share.Leave(client, &p.share)
	if !kept {
		p.pass(conn)
	}
}

// keep makes a connection idle. It reports whether there was room for it. The caller holds mu.
func (p *upstreamPool) keep(conn *upstreamConn) bool {
	if p.closed || len(p.idle) >= maxIdlePerUpstream || !p.leads(conn) {
		return false
	}
	conn.idleSince = time.Now()
	p.idle = append(p.idle, conn)
	p.all.idle.Add(1)
	return true
}

// pass hands a connection that is neither idle nor in use to a request that waits for it. If the next request is for
// another upstream, pass closes the connection. If none waits, the connection becomes idle.
func (p *upstreamPool) pass(conn *upstreamConn) (verdict share.Verdict) {
	p.mu.Lock()
	fit := !p.closed && !conn.pinned && p.leads(conn)
	p.mu.Unlock()
	verdict = share.Close
	if fit {
		verdict = p.all.slots.Hand(&p.share, conn)
	}
	if verdict == share.Handed {
		return verdict
	}
	p.mu.Lock()
	kept := verdict == share.Keep && p.keep(conn)
	p.mu.Unlock()
	if kept {
		return verdict
	}
	p.discard(conn)
	return share.Close
}

// takeNewest removes the newest idle connection that any client may use from the pool, so that it can be passed on. It
// returns nil if there is none.
func (p *upstreamPool) takeNewest() *upstreamConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	conn := p.idle[last]
	p.idle = slices.Delete(p.idle, last, last+1)
	p.all.idle.Add(-1)
	return conn
}

// takeOldest removes the oldest idle connection from the pool. It returns nil if there is none.
func (p *upstreamPool) takeOldest() *upstreamConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.oldest()
	if list == nil {
		return nil
	}
	conn := (*list)[0]
	*list = slices.Delete(*list, 0, 1)
	p.all.idle.Add(-1)
	return conn
}

// oldest returns the list that begins with the oldest idle connection, or nil if none is idle. The caller holds mu.
func (p *upstreamPool) oldest() *[]*upstreamConn {
	switch {
	case len(p.pinned) > 0 && (len(p.idle) == 0 || p.pinned[0].idleSince.Before(p.idle[0].idleSince)):
		return &p.pinned
	case len(p.idle) > 0:
		return &p.idle
	}
	return nil
}

// idleLongest returns since when the oldest idle connection has been idle, and whether there is one.
func (p *upstreamPool) idleLongest() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.oldest()
	if list == nil {
		return time.Time{}, false
	}
	return (*list)[0].idleSince, true
}

// sweep closes connections that have been idle for too long, are no longer fit, or lead to an old address of the
// upstream or to a Unix socket that was replaced.
func (p *upstreamPool) sweep(now time.Time) {
	file := p.socketFile()
	if p.shared != nil {
		idle, used := p.sizes()
		most := max(1, idle+used) // the stream of a check counts as neither idle nor used
		p.shared.Look(now, upstreamIdleTimeout, most, func(tag any) bool { return p.stays(tag.(leadsTo), file) })
	}
	p.remove(func(conn *upstreamConn) bool {
		return now.Sub(conn.idleSince) > upstreamIdleTimeout || !conn.fit() || !conn.shared && !p.stays(conn.leadsTo, file)
	})
}

// socketFile returns the present file of the upstream's Unix socket, or the zero ID if there is none. A program that
// replaces the socket takes over from its predecessor, which may still be serving its last requests.
func (p *upstreamPool) socketFile() unixdial.ID {
	if p.socketPath == "" {
		return unixdial.ID{}
	}
	return unixdial.IDOf(p.socketPath)
}

// leads reports whether the connection leads to a current address of the upstream. The addresses of its name may have
// changed.
func (p *upstreamPool) leads(conn *upstreamConn) bool {
	return conn.shared || p.stays(conn.leadsTo, unixdial.ID{})
}

// stays reports whether a connection still leads to the upstream: its name may have other addresses by now, and its
// Unix socket may be another file. file is the present file of the socket, or the zero ID if it is unknown or there is
// none.
func (p *upstreamPool) stays(to leadsTo, file unixdial.ID) bool {
	return (p.name == nil || p.name.has(to.address)) && (file == unixdial.ID{} || to.file == file)
}

// close closes the idle connections, and makes put close those that are returned later.
func (p *upstreamPool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.shared != nil {
		p.shared.Close()
	}
	p.remove(func(*upstreamConn) bool { return true })
}

// remove closes the idle connections that satisfy the condition.
func (p *upstreamPool) remove(condition func(*upstreamConn) bool) {
	p.mu.Lock()
	var removed []*upstreamConn
	for _, list := range []*[]*upstreamConn{&p.idle, &p.pinned} {
		kept := (*list)[:0]
		for _, conn := range *list {
			if condition(conn) {
				removed = append(removed, conn)
			} else {
				kept = append(kept, conn)
			}
		}
		clear((*list)[len(kept):])
		*list = kept
	}
	p.mu.Unlock()
	p.all.idle.Add(-int32(len(removed)))
	for _, conn := range removed {
		conn.inOrder = true
		p.discard(conn)
	}
}
