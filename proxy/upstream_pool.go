package proxy

import (
	"slices"
	"sync"
	"time"

	"reverse-proxy/proxy/share"
)

// upstreamPool holds the connections to one upstream. Of the idle ones the newest is last: it is taken first, so that those
// that a quiet time does not need grow old and are closed.
type upstreamPool struct {
	// all is what the pool is part of.
	all *upstreams
	// name is the upstream's; nil where its address is in the configuration.
	name *upstreamName
	// share is what the connections count as.
	share share.Upstream

	// mu guards what follows. Nothing of share.Slots is called under it.
	mu   sync.Mutex
	idle []*upstreamConn
	// pinned are idle connections that only one client's connection may use.
	pinned []*upstreamConn
	closed bool
	// busy are the connections that an exchange uses, those that are being opened among them, in no order.
	busy []*upstreamConn
}

func newUpstreamPool(all *upstreams) *upstreamPool {
	p := &upstreamPool{all: all}
	p.share.Held = p.heldBy
	return p
}

// take returns the newest idle connection that is fit for use, or nil.
func (p *upstreamPool) take(x *exchange) *upstreamConn {
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
		client := p.enter(conn, x)
		p.mu.Unlock()
		p.all.idle.Add(-1)
		share.Enter(client, &p.share)
		if conn.fit() {
			return conn
		}
		p.drop(conn)
	}
}

// use makes a connection that was counted already the exchange's.
func (p *upstreamPool) use(conn *upstreamConn, x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enter(conn, x)
}

// enter puts a connection among those in use, and returns whose client uses it. The caller holds mu.
func (p *upstreamPool) enter(conn *upstreamConn, x *exchange) *share.Client {
	conn.holder, conn.client = x, p.all.clientOf(x)
	conn.since, conn.ending = x.clock(), false
	conn.uses++
	conn.at = len(p.busy)
	p.busy = append(p.busy, conn)
	return conn.client
}

// leave takes a connection out of those in use, and returns whose client has used it. The caller holds mu.
func (p *upstreamPool) leave(conn *upstreamConn) *share.Client {
	last := len(p.busy) - 1
	p.busy[conn.at] = p.busy[last]
	p.busy[conn.at].at = conn.at
	p.busy[last] = nil
	p.busy = p.busy[:last]
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

// discard closes a connection that is not in use, and lets another take its slot.
func (p *upstreamPool) discard(conn *upstreamConn) {
	_ = conn.Close() // there is nobody to tell
	p.all.slots.Freed(&p.share)
}

// sizes returns how many connections are idle and how many are in use.
func (p *upstreamPool) sizes() (idle, used int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.pinned), len(p.busy)
}

// put gives a connection back for the next request: one that waits, or one that is to come. It closes it when there are
// enough, or when somebody waits for its slot.
func (p *upstreamPool) put(conn *upstreamConn) {
	p.mu.Lock()
	client := p.leave(conn)
	kept := p.all.slots.Wanted() == 0 && p.keep(conn)
	p.mu.Unlock()
	share.Leave(client, &p.share)
	if !kept {
		p.pass(conn)
	}
}

// keep makes a connection idle, and reports whether there is room for it. The caller holds mu.
func (p *upstreamPool) keep(conn *upstreamConn) bool {
	if p.closed || len(p.idle) >= maxIdlePerUpstream || !p.leads(conn) {
		return false
	}
	conn.idleSince = time.Now()
	p.idle = append(p.idle, conn)
	p.all.idle.Add(1)
	return true
}

// pass hands a connection that is neither idle nor in use to a request that waits for it. Where another upstream's comes
// first it is closed, and where none does it becomes idle.
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

// takeNewest takes the newest idle connection that anybody may use out of the pool, for pass; nil if there is none.
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

// takeOldest takes the oldest idle connection out of the pool; nil if there is none.
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

// oldest returns the list that begins with the oldest idle connection; nil if none is idle. The caller holds mu.
func (p *upstreamPool) oldest() *[]*upstreamConn {
	switch {
	case len(p.pinned) > 0 && (len(p.idle) == 0 || p.pinned[0].idleSince.Before(p.idle[0].idleSince)):
		return &p.pinned
	case len(p.idle) > 0:
		return &p.idle
	}
	return nil
}

// idleLongest tells since when the oldest idle connection is idle; false if none is.
func (p *upstreamPool) idleLongest() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.oldest()
	if list == nil {
		return time.Time{}, false
	}
	return (*list)[0].idleSince, true
}

// sweep closes what is idle for too long, no longer fit, or leads to where the upstream was.
func (p *upstreamPool) sweep(now time.Time) {
	p.remove(func(conn *upstreamConn) bool {
		return now.Sub(conn.idleSince) > upstreamIdleTimeout || !conn.fit() || !p.leads(conn)
	})
}

// leads reports whether the connection leads to where the upstream is: its name may have got other addresses since.
func (p *upstreamPool) leads(conn *upstreamConn) bool {
	return p.name == nil || p.name.has(conn.address)
}

// close closes the idle connections, and those that come back later.
func (p *upstreamPool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.remove(func(*upstreamConn) bool { return true })
}

// remove closes the idle connections for which the condition holds.
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
		p.discard(conn)
	}
}
