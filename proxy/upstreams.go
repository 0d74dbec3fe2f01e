package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/share"
)

// Bounds of each upstream's pool.
const (
	// maxIdlePerUpstream bounds the idle connections kept to one upstream (S-6.8). A few busy HTTP/2 connections have some
	// hundred requests in flight together: with fewer connections kept, each wave of responses would close some and the next
	// wave dial again.
	maxIdlePerUpstream = 512
	// upstreamIdleTimeout closes a pooled connection that was not used. It is shorter than the keep-alive timeouts of
	// common application servers (60 s to 75 s), so that the proxy closes first.
	upstreamIdleTimeout = 50 * time.Second
	// upstreamSweep is the time between two checks of the idle connections.
	upstreamSweep = time.Second
)

// upstreams holds what the process has for all upstreams, such as their connections. A connection survives reloads that
// keep its upstream.
type upstreams struct {
	mu    sync.Mutex
	pools map[config.UpstreamID]*upstreamPool
	slots *share.Slots
	// names holds the names of the upstreams that are not IP addresses.
	names *upstreamNames
	// idle is the number of idle connections, readable without locks.
	idle      atomic.Int32
	lookahead lookahead
	// busy is the queue of the client connections. It is nil in tests.
	busy *busyQueue
	// pressed is signalled when a request has to wait for a connection, and crowded when clients have to wait for one of
	// theirs.
	pressed, crowded chan struct{}
	// clientsWaiting returns how many connections of clients wait for room. It is nil in tests.
	clientsWaiting func() int
	// nobody is the account of calls that are made for no client.
	nobody share.Client
	// states has what is known about each upstream. checks runs their checks. cookies is the key of the cookies that
	// name an upstream.
	states  *balance.Registry
	checks  *upstreamChecks
	cookies cookieKey
}

// newUpstreams returns upstreams that hold at most the given number of connections, idle or in use.
func newUpstreams(connections int) *upstreams {
	u := &upstreams{pools: map[config.UpstreamID]*upstreamPool{}, slots: share.New(connections),
		pressed: make(chan struct{}, 1), crowded: make(chan struct{}, 1)}
	u.lookahead.heads.most = maxLargeHeads
	u.names = newUpstreamNames(systemLookUp, u.moved)
	u.states, u.checks, u.cookies = balance.NewRegistry(time.Now), newUpstreamChecks(), newCookieKey()
	return u
}

// find returns the pool of an upstream of a route. It makes one for the first route with that upstream.
func (u *upstreams) find(address string, of *config.Route) *upstreamPool {
	key := of.UpstreamID(address)
	u.mu.Lock()
	defer u.mu.Unlock()
	pool := u.pools[key]
	if pool == nil {
		pool = newUpstreamPool(u)
		pool.named = of.UpstreamProxy.Named()
		if path, ok := config.SocketPath(address); ok {
			pool.socketPath = path
		} else {
			host, _ := config.SplitUpstream(address)
			pool.name = u.names.of(host)
		}
		if of.UpstreamProtocol == "http2" {
			pool.shared = &h2client.Set{EndInOrder: endInOrder}
		}
		u.pools[key] = pool
	}
	pool.share.Bound(of.MaxConnections)
	return pool
}

// keep closes the pools of upstreams that are no longer wanted. Requests in flight finish on them.
func (u *upstreams) keep(wanted map[config.UpstreamID]bool) {
	hosts := map[string]bool{}
	for key := range wanted {
		host, _ := config.SplitUpstream(key.Address)
		hosts[host] = true
	}
	var unwanted []*upstreamPool
	u.mu.Lock()
	for key, pool := range u.pools {
		if !wanted[key] {
			unwanted = append(unwanted, pool)
			delete(u.pools, key)
		}
	}
	u.names.keep(hosts)
	u.mu.Unlock()
	for _, pool := range unwanted { // not under mu: the first request of each site needs it, and there may be many connections
		pool.close()
	}
}

// moved closes the idle connections to addresses that a name no longer has (S-6.19).
func (u *upstreams) moved(name *upstreamName) {
	for _, pool := range u.all() {
		if pool.name == name {
			pool.sweep(time.Now())
		}
	}
}

// close closes every pool.
func (u *upstreams) close() {
	u.checks.close()
	u.names.close()
	for _, pool := range u.all() {
		pool.close()
	}
}

// poolSize holds the numbers of idle and of used connections to an upstream.
type poolSize struct{ idle, used int }

// sizes returns the sizes of the pools by address.
func (u *upstreams) sizes() map[string]poolSize {
	u.mu.Lock()
	defer u.mu.Unlock()
	sizes := make(map[string]poolSize, len(u.pools))
	for key, pool := range u.pools {
		size := sizes[key.Address]
		idle, used := pool.sizes()
		sizes[key.Address] = poolSize{size.idle + idle, size.used + used}
	}
	return sizes
}

// run closes connections that are idle for too long, or that their upstream has closed, and has names looked up, until
// the context ends. While requests wait for a connection, it also ends exchanges whose client or upstream has more than
// its share, and while clients wait for connections of theirs, exchanges with upstreams that hang.
func (u *upstreams) run(ctx context.Context) {
	sweeps, reclaims := time.NewTicker(upstreamSweep), time.NewTicker(reclaimInterval)
	defer sweeps.Stop()
	defer reclaims.Stop()
	reclaims.Stop()
	var searched time.Time // when a search for hanging calls has last found nothing
	for reclaiming := false; ; {
		select {
		case now := <-sweeps.C:
			u.names.refresh(now)
			for _, pool := range u.all() {
				pool.sweep(now)
			}
		case <-u.pressed:
			if !reclaiming {
				reclaiming = true
				reclaims.Reset(reclaimInterval)
			}
		case <-u.crowded:
			if now := time.Now(); now.Sub(searched) >= relievePause && !u.relieve() {
				searched = now
			}
		case now := <-reclaims.C:
			u.reclaim(now)
			if u.slots.Wanted() == 0 { // a request that begins to wait from now on signals that
				reclaiming = false
				reclaims.Stop()
			}
		case <-ctx.Done():
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
