package proxy

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Bounds of the pool of each upstream.
const (
	// maxIdlePerUpstream bounds the idle connections kept to one upstream (S-6.8). A few busy HTTP/2 connections have some
	// hundred requests in flight together: with fewer kept, each wave of answers closes connections and the next dials anew.
	maxIdlePerUpstream = 512
	// upstreamIdleTimeout closes a pooled connection that was not used: shorter than the keep-alive time-outs of common
	// application servers (60 s to 75 s), so that we close first.
	upstreamIdleTimeout = 50 * time.Second
	// upstreamSweep is the time between two looks at the idle connections.
	upstreamSweep = time.Second
)

// upstreamKey tells upstreams apart: a connection serves whatever site has the same.
type upstreamKey struct {
	address, scheme string
}

// upstreams is the process's side towards all upstreams: their idle connections, kept over reloads that keep the site.
type upstreams struct {
	mu    sync.Mutex
	pools map[upstreamKey]*upstreamPool
	slots *upstreamSlots
	// names are those of the upstreams that are not IP addresses.
	names *upstreamNames
}

// newUpstreams makes a side that holds at most that many connections, idle or in use.
func newUpstreams(connections int) *upstreams {
	u := &upstreams{pools: map[upstreamKey]*upstreamPool{}, slots: newUpstreamSlots(connections)}
	u.names = newUpstreamNames(systemLookUp, u.moved)
	return u
}

// pool returns the pool of a site's upstream. It is looked up at the site's first request and kept with the site.
func (u *upstreams) pool(site *Site) *upstreamPool {
	if pool := site.pool.Load(); pool != nil {
		return pool
	}
	key := upstreamKey{site.Upstream, site.UpstreamScheme}
	u.mu.Lock()
	defer u.mu.Unlock()
	pool := u.pools[key]
	if pool == nil {
		host, _ := splitUpstream(site.Upstream)
		pool = &upstreamPool{all: u, name: u.names.of(host)}
		u.pools[key] = pool
	}
	site.pool.Store(pool)
	return pool
}

// keep closes the pools of upstreams that the configuration no longer names; requests in flight end on them.
func (u *upstreams) keep(dynamic *DynamicConfig) {
	wanted, hosts := map[upstreamKey]bool{}, map[string]bool{}
	for _, sites := range dynamic.routes {
		for _, site := range sites {
			wanted[upstreamKey{site.Upstream, site.UpstreamScheme}] = true
			host, _ := splitUpstream(site.Upstream)
			hosts[host] = true
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, pool := range u.pools {
		if !wanted[key] {
			pool.close()
			delete(u.pools, key)
		}
	}
	u.names.keep(hosts)
}

// moved closes the idle connections to addresses that a name does not have any more (S-6.19).
func (u *upstreams) moved(name *upstreamName) {
	for _, pool := range u.all() {
		if pool.name == name {
			pool.sweep(time.Now())
		}
	}
}

// close closes every pool.
func (u *upstreams) close() {
	u.names.close()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, pool := range u.pools {
		pool.close()
	}
}

// poolSize is how many connections to an upstream are idle and how many in use.
type poolSize struct{ idle, used int }

// sizes returns the sizes of the pools by address.
func (u *upstreams) sizes() map[string]poolSize {
	u.mu.Lock()
	defer u.mu.Unlock()
	sizes := make(map[string]poolSize, len(u.pools))
	for key, pool := range u.pools {
		size := sizes[key.address]
		idle, used := pool.sizes()
		sizes[key.address] = poolSize{size.idle + idle, size.used + used}
	}
	return sizes
}

// run closes connections that are idle for too long, or that their upstream has closed, until the context ends.
func (u *upstreams) run(ctx context.Context) {
	ticker := time.NewTicker(upstreamSweep)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			u.names.refresh(now)
			for _, pool := range u.all() {
				pool.sweep(now)
			}
		case <-ctx.Done():
			return
		}
	}
}

// makeRoom closes the connection that has been idle longest, whatever its upstream, if there is one.
func (u *upstreams) makeRoom() {
	for {
		var oldest *upstreamPool
		var since time.Time
		for _, pool := range u.all() {
			if at, ok := pool.idleLongest(); ok && (oldest == nil || at.Before(since)) {
				oldest, since = pool, at
			}
		}
		if oldest == nil || oldest.closeOldest() {
			return
		}
	}
}

func (u *upstreams) all() []*upstreamPool {
	u.mu.Lock()
	defer u.mu.Unlock()
	pools := make([]*upstreamPool, 0, len(u.pools))
	for _, pool := range u.pools {
		pools = append(pools, pool)
	}
	return pools
}

// upstreamPool holds the idle connections to one upstream, the newest last: it is taken first, so that those that a
// quiet time does not need grow old and are closed.
type upstreamPool struct {
	// all is what the pool is part of.
	all *upstreams
	// name is the upstream's; nil where its address is in the configuration.
	name *upstreamName
	mu   sync.Mutex
	idle []*upstreamConn
	// pinned are idle connections that only one client's connection may use.
	pinned []*upstreamConn
	closed bool
	// used is how many connections are in use by an exchange.
	used int
}

// take returns the newest idle connection that is fit for use, or nil.
func (p *upstreamPool) take() *upstreamConn {
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
		p.used++
		p.mu.Unlock()
		if conn.fit() {
			return conn
		}
		p.drop(conn)
	}
}

// dialed counts a connection that was made for an exchange.
func (p *upstreamPool) dialed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used++
}

// drop closes a connection that is in use.
func (p *upstreamPool) drop(conn *upstreamConn) {
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
}

// sizes returns how many connections are idle and how many are in use.
func (p *upstreamPool) sizes() (idle, used int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + len(p.pinned), p.used
}

// put gives a connection back for the next request, or closes it when there are enough.
func (p *upstreamPool) put(conn *upstreamConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if p.closed || len(p.idle) >= maxIdlePerUpstream || !p.leads(conn) {
		conn.Close()
		return
	}
	// Somebody else who waits for a slot was first to look for an idle connection, and did not find this one.
	if p.all.slots.wanted.Load() > 0 {
		conn.Close()
		return
	}
	conn.idleSince = time.Now()
	p.idle = append(p.idle, conn)
}

// idleLongest tells since when the oldest idle connection is idle; false if none is.
func (p *upstreamPool) idleLongest() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.pinned) > 0 && (len(p.idle) == 0 || p.pinned[0].idleSince.Before(p.idle[0].idleSince)):
		return p.pinned[0].idleSince, true
	case len(p.idle) > 0:
		return p.idle[0].idleSince, true
	}
	return time.Time{}, false
}

// closeOldest closes the oldest idle connection; false if there is none.
func (p *upstreamPool) closeOldest() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := &p.idle
	if len(p.pinned) > 0 && (len(p.idle) == 0 || p.pinned[0].idleSince.Before(p.idle[0].idleSince)) {
		list = &p.pinned
	}
	if len(*list) == 0 {
		return false
	}
	(*list)[0].Close()
	*list = slices.Delete(*list, 0, 1)
	return true
}

// sweep closes what is idle for too long, no longer fit, or leads to where the upstream was.
func (p *upstreamPool) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, list := range []*[]*upstreamConn{&p.idle, &p.pinned} {
		kept := (*list)[:0]
		for _, conn := range *list {
			if now.Sub(conn.idleSince) > upstreamIdleTimeout || !conn.fit() || !p.leads(conn) {
				conn.Close()
				continue
			}
			kept = append(kept, conn)
		}
		clear((*list)[len(kept):])
		*list = kept
	}
}

// leads reports whether the connection leads to where the upstream is: its name may have got other addresses since.
func (p *upstreamPool) leads(conn *upstreamConn) bool {
	return p.name == nil || p.name.has(conn.address)
}

// close closes the idle connections, and those that come back later.
func (p *upstreamPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, conn := range append(p.idle, p.pinned...) {
		conn.Close()
	}
	p.idle, p.pinned = nil, nil
}
