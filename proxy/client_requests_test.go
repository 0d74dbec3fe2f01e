package proxy

import (
	"testing"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

func TestNoShareOfConnectionsHoldsForATrustedProxy(t *testing.T) {
	r := newConnRegistry(4, 1, deadline.NewSweeper())
	proxy := numberedKey(1)
	client := proxy // the same address, which another listener does not trust
	for range 3 {
		if ticket, _ := r.admitPeer(proxy, true); ticket.wait() != admitted {
			t.Fatal("a connection of a proxy has no room")
		}
	}
	if ticket, _ := r.admit(client); ticket.wait() != admitted {
		t.Fatal("the connection of a client has no room")
	}
	// The proxy's next connection waits, because no connection is idle. It is not refused although the proxy already
	// has three.
	waiting, _ := r.admitPeer(proxy, true)
	if len(r.queue) != 1 || r.refused != 0 {
		t.Fatalf("got %d in the queue and %d refused, want the proxy to wait", len(r.queue), r.refused)
	}
	// The client has its share, and is refused.
	if ticket, _ := r.admit(client); ticket.wait() != refused {
		t.Error("a client above its share is not refused")
	}
	r.release(&ticket{account: r.proxies[proxy]})
	if waiting.wait() != admitted || r.proxies[proxy].conns != 3 {
		t.Errorf("got %d connections of the proxy, want 3", r.proxies[proxy].conns)
	}
	for range 3 {
		r.release(&ticket{account: r.proxies[proxy]})
	}
	if len(r.proxies) != 0 {
		t.Errorf("%d proxies are kept after their last connection", len(r.proxies))
	}
}

func TestTheSameAddressMayBeAClientAndAProxy(t *testing.T) {
	r := newConnRegistry(10, 1, deadline.NewSweeper())
	key := numberedKey(1) // trusted by one listener, and not by another
	first, _ := r.admitPeer(key, true)
	second, _ := r.admit(key)
	if first.account == second.account || !first.account.proxy || second.account.proxy {
		t.Error("a proxy and a client share an account")
	}
	r.release(first)
	r.release(second)
	if len(r.proxies) != 0 || len(r.clients) != 0 {
		t.Error("an account outlives its connections")
	}
}

func TestAClientIsTheSameOneThroughAProxyAndWithout(t *testing.T) {
	r := newConnRegistry(100, 100, deadline.NewSweeper())
	key := numberedKey(1)
	direct, _ := r.admit(key)
	var accounts []*clientAccount
	for range crowdConns - 1 {
		account := r.enterRequest(key)
		if account != direct.account {
			t.Fatal("a request through a proxy has another account than its client's connection")
		}
		accounts = append(accounts, account)
	}
	if direct.account.turns.Load() == nil {
		t.Errorf("a client with a connection and %d requests takes no turns", len(accounts))
	}
	r.release(direct)
	if r.clients[key] == nil {
		t.Error("an account does not outlive its connection while it has requests")
	}
	for _, account := range accounts {
		r.leaveRequest(account)
	}
	if len(r.clients) != 0 {
		t.Error("an account outlives its requests")
	}
	r.admitPeer(limit.Key{}, true)
	for range crowdConns {
		r.admitPeer(limit.Key{}, true)
	}
	if r.proxies[limit.Key{}].turns.Load() != nil {
		t.Error("a trusted proxy takes turns")
	}
}

func TestAConnectionCountsForTheSourceOfItsHeader(t *testing.T) {
	r := newConnRegistry(3, 1, deadline.NewSweeper())
	balancer, client := numberedKey(1), numberedKey(2)
	add := func() *clientConn {
		ticket, _ := r.admitPeer(balancer, true)
		c := &clientConn{server: &siteServer{registry: r, headerTimeout: patience}}
		c.timer.Owner = c
		if ticket.wait() != admitted || !r.add(c, ticket) {
			t.Fatal("no room for a connection of the balancer")
		}
		c.timer.Set(deadline.PhaseHandshake, patience)
		return c
	}
	first, second := add(), add()
	for _, c := range []*clientConn{first, second} {
		if _, ok := r.comesFrom(c, client, false); !ok {
			t.Fatal("a connection is refused while no connection waits")
		}
	}
	third := add()
	if r.proxies[balancer].conns != 1 || r.clients[client].conns != 2 || r.open != 3 {
		t.Fatalf("got %d connections of the balancer, %d of the client and %d in all", r.proxies[balancer].conns, r.clients[client].conns, r.open)
	}
	r.queue = append(r.queue, &ticket{key: numberedKey(3), done: make(chan struct{})}) // a connection waits for room
	if held, ok := r.comesFrom(third, client, false); ok || held != 2 || r.refused != 1 {
		t.Errorf("got %d, %v while others wait, want the connection refused for the 2 that its client has", held, ok)
	}
	if _, ok := r.comesFrom(third, client, true); !ok {
		t.Error("a connection of another trusted proxy is refused")
	}
	if len(r.proxies) != 1 || r.proxies[client].conns != 1 {
		t.Errorf("got the proxies %v, want only the second one", r.proxies)
	}
}
