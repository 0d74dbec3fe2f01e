package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/share"
)

// pooledConn returns a connection for a pool, and its other end.
func pooledConn(t *testing.T) (*upstreamConn, *net.TCPConn) {
	t.Helper()
	ours, theirs := tcpPair(t)
	fd, err := descriptorOf(ours)
	if err != nil {
		t.Fatal(err)
	}
	return &upstreamConn{Conn: ours, fd: fd}, theirs
}

// giveIdle gives a connection that was in use back to its pool.
func giveIdle(pool *upstreamPool, conn *upstreamConn) {
	inUse(pool, conn)
	pool.put(conn)
}

// inUse adds a connection to those that are in use in the pool.
func inUse(pool *upstreamPool, conn *upstreamConn) {
	share.Enter(&pool.all.nobody, &pool.share)
	pool.use(conn, nil)
}

// isClosed reports whether our end was closed.
func isClosed(conn *upstreamConn) bool {
	return errors.Is(conn.SetDeadline(time.Time{}), net.ErrClosed)
}

func TestThePoolHandsOutTheNewestConnectionThatIsFit(t *testing.T) {
	pool := newUpstreamPool(newUpstreams(10))
	if pool.take(nil) != nil {
		t.Error("an empty pool has handed out a connection")
	}
	oldest, _ := pooledConn(t)
	older, _ := pooledConn(t)
	talkative, talks := pooledConn(t)
	gone, leaves := pooledConn(t)
	newest, _ := pooledConn(t)
	for _, conn := range []*upstreamConn{oldest, older, talkative, gone, newest} {
		giveIdle(pool, conn)
	}
	if _, err := talks.Write([]byte("H")); err != nil {
		t.Fatal(err)
	}
	if err := leaves.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end and the byte to arrive", func() bool { return !gone.fit() && !talkative.fit() })
	for i, want := range []*upstreamConn{newest, older, oldest, nil} {
		if got := pool.take(nil); got != want {
			t.Errorf("connection %d is not the newest that is fit", i)
		}
	}
	for name, conn := range map[string]*upstreamConn{"that the upstream closed": gone, "with an unrequested byte": talkative} {
		if !isClosed(conn) {
			t.Errorf("the connection %s was not closed", name)
		}
	}
	if isClosed(newest) || isClosed(oldest) {
		t.Error("a connection in use was closed")
	}
}

// countedConn is a connection that counts its Close calls.
type countedConn struct {
	net.Conn
	closed int
}

func (c *countedConn) Close() error { c.closed++; return nil }

func TestThePoolIsBounded(t *testing.T) {
	pool := newUpstreamPool(newUpstreams(10))
	var conns []*countedConn
	for range maxIdlePerUpstream + 2 {
		conn := new(countedConn)
		conns = append(conns, conn)
		giveIdle(pool, &upstreamConn{Conn: conn})
	}
	for i, conn := range conns {
		if want := i >= maxIdlePerUpstream; (conn.closed == 1) != want {
			t.Errorf("connection %d was closed %d times", i+1, conn.closed)
		}
	}
	pool.close()
	late := new(countedConn)
	giveIdle(pool, &upstreamConn{Conn: late})
	for i, conn := range append(conns, late) {
		if conn.closed != 1 {
			t.Errorf("connection %d was closed %d times, want once", i+1, conn.closed)
		}
	}
}

func TestIdleConnectionsGrowOld(t *testing.T) {
	pool := newUpstreamPool(newUpstreams(10))
	old, _ := pooledConn(t)
	gone, leaves := pooledConn(t)
	young, _ := pooledConn(t)
	for _, conn := range []*upstreamConn{old, gone, young} {
		giveIdle(pool, conn)
	}
	old.idleSince = old.idleSince.Add(-upstreamIdleTimeout)
	_ = leaves.Close()
	waitFor(t, "the end to arrive", func() bool { return !gone.fit() })
	pool.sweep(time.Now())
	if !isClosed(old) || !isClosed(gone) || isClosed(young) || len(pool.idle) != 1 {
		t.Errorf("old closed=%v, gone closed=%v, young closed=%v, %d idle", isClosed(old), isClosed(gone), isClosed(young), len(pool.idle))
	}
	if pool.take(nil) != young {
		t.Error("the young connection is not handed out")
	}
}

// routesTo returns the upstreams of a configuration with those routes.
func routesTo(sites ...*route) map[config.UpstreamID]bool {
	routes := newListenerSites("a:443")
	for _, r := range sites {
		routes.add(r.site)
	}
	return siteTable{routes}.upstreams()
}

func siteTo(host, upstream, scheme string) *route {
	return newSite(0, "", config.Site{Host: host, Upstreams: config.OneUpstream(upstream), Settings: config.Settings{UpstreamScheme: scheme}}).own
}

// A program that replaces the socket of another one gets the requests, while the other one lives on for its last ones.
func TestConnectionsToASocketThatWasReplacedAreClosed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.sock")
	listen := func(at string) {
		listener, err := net.Listen("unix", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
	}
	listen(path)
	listen(path + ".next")
	u := newUpstreams(10)
	t.Cleanup(u.close)
	target := u.target(siteTo("a", "unix:"+path, "http"), 0)
	dial := func() *upstreamConn {
		conn := new(upstreamConn)
		if err := target.dial(t.Context(), conn, new(Request), h2client.Body{}, false); err != nil {
			t.Fatal(err)
		}
		giveIdle(target.pool, conn)
		return conn
	}
	first := dial()
	target.pool.sweep(time.Now())
	if isClosed(first) {
		t.Fatal("the sweep closes a connection to the socket that is there")
	}
	if err := os.Rename(path+".next", path); err != nil {
		t.Fatal(err)
	}
	second := dial()
	target.pool.sweep(time.Now())
	if !isClosed(first) || isClosed(second) {
		t.Errorf("after the replacement: first closed=%v, second closed=%v; want only the first", isClosed(first), isClosed(second))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	target.pool.sweep(time.Now())
	if isClosed(second) {
		t.Error("the sweep closes a connection whose socket was removed, which a program may do after it has started")
	}
}

// A connection must not serve a route that would have verified it in another way, or shown another certificate.
func TestPoolsAreNotSharedByWhatVerifiesDifferently(t *testing.T) {
	u := newUpstreams(10)
	pools := map[*upstreamPool]string{}
	for name, settings := range map[string]config.UpstreamTLS{
		"the system's roots":    {},
		"a CA":                  {CAPath: "ca.pem", CAHash: "1"},
		"the CA of another day": {CAPath: "ca.pem", CAHash: "2"},
		"a name":                {ServerName: "app.internal"},
		"a certificate":         {Certificate: &tls.Certificate{}, CertHash: "1"},
		"another certificate":   {Certificate: &tls.Certificate{}, CertHash: "2"},
	} {
		to := siteTo("a", "10.0.0.1:1", "https")
		to.config.UpstreamTLS = settings
		pool := u.pool(to, 0)
		if other, ok := pools[pool]; ok {
			t.Errorf("%s and %s share connections", name, other)
		}
		pools[pool] = name
		plain := siteTo("a", "10.0.0.1:1", "http")
		plain.config.UpstreamTLS = settings
		if u.pool(plain, 0) != u.pool(siteTo("b", "10.0.0.1:1", "http"), 0) {
			t.Errorf("%s: connections without TLS are not shared", name)
		}
	}
}

func TestPoolsAreKeptOverReloadsThatKeepTheUpstream(t *testing.T) {
	u := newUpstreams(10)
	kept, other, secure := siteTo("a", "10.0.0.1:1", "http"), siteTo("b", "10.0.0.2:1", "http"), siteTo("c", "10.0.0.1:1", "https")
	pool := u.pool(kept, 0)
	if u.pool(kept, 0) != pool || u.pool(siteTo("d", "10.0.0.1:1", "http"), 0) != pool {
		t.Error("two sites of one upstream have two pools")
	}
	if u.pool(other, 0) == pool || u.pool(secure, 0) == pool {
		t.Error("two upstreams have one pool")
	}
	conns := map[*route]*countedConn{}
	for _, site := range []*route{kept, other, secure} {
		conns[site] = new(countedConn)
		giveIdle(u.pool(site, 0), &upstreamConn{Conn: conns[site]})
	}
	moved := siteTo("moved", "10.0.0.1:1", "http")
	u.keep(routesTo(moved))
	if u.pool(moved, 0) != pool || conns[kept].closed != 0 {
		t.Error("the pool of an upstream that is still named was not kept")
	}
	if conns[other].closed != 1 || conns[secure].closed != 1 {
		t.Error("connections to upstreams that no route names any more were not closed")
	}
	late := new(countedConn) // of a request that was in flight at the reload
	giveIdle(u.pool(other, 0), &upstreamConn{Conn: late})
	if late.closed != 1 {
		t.Error("a connection came back into a pool that is no longer used")
	}
	if again := siteTo("again", "10.0.0.2:1", "http"); u.pool(again, 0) == u.pool(other, 0) {
		t.Error("an upstream that is named again has the closed pool")
	}
	u.close()
	if conns[kept].closed != 1 {
		t.Error("connections are left at the end")
	}
}

// TestConnectionsToAddressesThatANameHadBeforeAreNotUsedAgain checks S-6.19.
func TestConnectionsToAddressesThatANameHadBeforeAreNotUsedAgain(t *testing.T) {
	addresses := parseAddresses("10.0.0.1", "10.0.0.2")
	u := newUpstreams(10)
	defer u.close()
	u.names.lookUp = func(context.Context, string) ([]netip.Addr, error) { return addresses, nil }
	pool, other := u.pool(siteTo("a", "app.test:80", "http"), 0), u.pool(siteTo("b", "10.0.0.1:80", "http"), 0)
	if _, err := pool.name.addresses(t.Context()); err != nil {
		t.Fatal(err)
	}
	connTo := func(address string) *upstreamConn {
		conn, _ := pooledConn(t)
		conn.address = netip.MustParseAddr(address)
		return conn
	}
	idleOld, idleKept, usedOld, usedKept := connTo("10.0.0.1"), connTo("10.0.0.2"), connTo("10.0.0.1"), connTo("10.0.0.2")
	byAddress, _ := pooledConn(t)
	giveIdle(pool, idleKept)
	giveIdle(pool, idleOld)
	giveIdle(other, byAddress)
	addresses = parseAddresses("10.0.0.2", "10.0.0.3")
	u.names.refreshAll()
	if !isClosed(idleOld) || isClosed(idleKept) || isClosed(byAddress) {
		t.Errorf("the idle connection to the old address is closed: %v, to one that stays: %v, of another upstream: %v; want only the first",
			isClosed(idleOld), isClosed(idleKept), isClosed(byAddress))
	}
	giveIdle(pool, usedOld)
	giveIdle(pool, usedKept)
	if !isClosed(usedOld) || isClosed(usedKept) {
		t.Errorf("the connection in use to the old address is closed: %v, to one that stays: %v; want only the first",
			isClosed(usedOld), isClosed(usedKept))
	}
}

// lockProbe is a connection that reports whether it was closed while a lock was held.
type lockProbe struct {
	countedConn
	mu     *sync.Mutex
	locked bool
}

func (p *lockProbe) Close() error {
	if p.locked = !p.mu.TryLock(); !p.locked {
		p.mu.Unlock()
	}
	return p.countedConn.Close()
}

// TestNoLockIsHeldWhileTheConnectionsOfAPoolAreClosed removes a site, and then ends: the first request of every site waits for
// the lock.
func TestNoLockIsHeldWhileTheConnectionsOfAPoolAreClosed(t *testing.T) {
	all := newUpstreams(2)
	for _, end := range []func(){func() { all.keep(routesTo()) }, all.close} {
		pool := all.pool(siteTo("a", "10.0.0.1:1", "http"), 0)
		conn, err := pool.acquire(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		probe := &lockProbe{mu: &all.mu}
		conn.Conn = probe
		pool.put(conn)
		if end(); probe.closed != 1 || probe.locked {
			t.Errorf("the connection was closed %d times, under the lock %v; want once, without it", probe.closed, probe.locked)
		}
	}
}
