package proxy

import (
	"slices"
	"time"

	"reverse-proxy/proxy/share"
)

// upstreamPin holds an upstream connection for a client's connection. No other client may use it, because the upstream
// has authenticated it (S-6.15). While no request uses it, it is in its pool. The pool closes it like an idle connection:
// when it is no longer fit, when it is too old, or when others need its place. The goroutine of the client's connection owns
// the pin.
type upstreamPin struct {
	conn *upstreamConn
	pool *upstreamPool
	// host is the site at which the client has authenticated.
	host string
}

// take returns the pinned connection for a request to the site if it is fit for use, or nil.
func (p *upstreamPin) take(pool *upstreamPool, host string, c *upstreamCall) *upstreamConn {
	if p == nil || p.conn == nil || p.pool != pool || p.host != host {
		return nil
	}
	conn := p.conn
	p.conn = nil
	if !pool.unpark(conn, c) {
		return nil
	}
	if !conn.fit() {
		pool.drop(conn)
		return nil
	}
	return conn
}

// hold keeps a connection that a call has used. It closes any other connection that was held.
func (p *upstreamPin) hold(conn *upstreamConn, pool *upstreamPool, host string) {
	p.release()
	conn.pinned = true
	p.conn, p.pool, p.host = conn, pool, host
	pool.park(conn)
}

// release closes the connection, if there is one.
func (p *upstreamPin) release() {
	if p.conn != nil {
		p.pool.mu.Lock()
		pinned := p.pool.unpin(p.conn)
		p.pool.mu.Unlock()
		if pinned {
			p.pool.discard(p.conn)
		}
	}
	*p = upstreamPin{}
}

// park makes a pinned connection idle until its client needs it again. It closes the connection if it may not be used
// again, or if requests wait for its slot. There is no grace period: an idle connection counts for no client in the
// shares, so a client that returns just in time could hold any number of slots that others wait for (S-12.6). The
// client loses only its authentication: the upstream offers it again on the next connection, and the client repeats the
// handshake.
func (p *upstreamPool) park(conn *upstreamConn) {
	p.mu.Lock()
	client := p.leave(conn)
	kept := !p.closed && p.leads(conn) && p.all.slots.Wanted() == 0
	if kept {
		conn.idleSince = time.Now()
		p.pinned = append(p.pinned, conn)
		p.all.idle.Add(1)
	}
	p.mu.Unlock()
	share.Leave(client, &p.share)
	if !kept {
		p.discard(conn)
	}
}

// unpark takes a pinned connection into use again. It returns false if the connection has been closed.
func (p *upstreamPool) unpark(conn *upstreamConn, c *upstreamCall) bool {
	p.mu.Lock()
	if !p.unpin(conn) {
		p.mu.Unlock()
		return false
	}
	client := p.enter(conn, c)
	p.mu.Unlock()
	share.Enter(client, &p.share)
	return true
}

// unpin removes a connection from the pinned ones. It returns false if the connection has been closed. The caller holds
// mu.
func (p *upstreamPool) unpin(conn *upstreamConn) bool {
	at := slices.Index(p.pinned, conn)
	if at < 0 {
		return false
	}
	p.pinned = slices.Delete(p.pinned, at, at+1)
	p.all.idle.Add(-1)
	return true
}
