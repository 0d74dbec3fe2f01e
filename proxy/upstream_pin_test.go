package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"

	"reverse-proxy/proxy/share"
)

// pinnedConn returns a connection that is pinned for the host.
func pinnedConn(t *testing.T, pin *upstreamPin, pool *upstreamPool, host string) *upstreamConn {
	t.Helper()
	conn, _ := pooledConn(t)
	inUse(pool, conn)
	pin.hold(conn, pool, host)
	return conn
}

func TestAPinnedConnectionIsOnlyForTheSiteAndTheClientItWasUsedBy(t *testing.T) {
	all := newUpstreams(10)
	defer all.close()
	pool, other := all.pool(siteTo("a", "10.0.0.1:80", "http"), 0), all.pool(siteTo("b", "10.0.0.2:80", "http"), 0)
	var pin, another upstreamPin
	conn := pinnedConn(t, &pin, pool, "a")
	if pool.take(nil) != nil {
		t.Error("anybody gets the connection")
	}
	if another.take(pool, "a", nil) != nil || (*upstreamPin)(nil).take(pool, "a", nil) != nil {
		t.Error("another client gets the connection")
	}
	if pin.take(other, "a", nil) != nil || pin.take(pool, "b", nil) != nil {
		t.Error("the client gets the connection for another upstream or at another site")
	}
	for range 2 {
		if got := pin.take(pool, "a", nil); got != conn {
			t.Fatalf("the client got %p, want its connection %p", got, conn)
		}
		if pin.take(pool, "a", nil) != nil {
			t.Error("the client gets the connection twice")
		}
		pin.hold(conn, pool, "a")
	}
	next := pinnedConn(t, &pin, other, "b")
	if !isClosed(conn) || isClosed(next) {
		t.Error("the connection before was not closed, or the one that is kept was")
	}
	pin.release()
	pin.release()
	if !isClosed(next) {
		t.Error("the connection outlives the client's")
	}
	if idle, used := pool.sizes(); idle != 0 {
		t.Errorf("%d idle and %d in use at the end, want none idle", idle, used)
	}
}

func TestAPinnedConnectionIsClosedLikeAnIdleOne(t *testing.T) {
	for _, test := range []struct {
		name  string
		close func(t *testing.T, all *upstreams, pool *upstreamPool, conn *upstreamConn, theirs net.Conn)
	}{
		{"when others need its place", func(t *testing.T, all *upstreams, pool *upstreamPool, _ *upstreamConn, _ net.Conn) {
			younger, _ := pooledConn(t)
			giveIdle(pool, younger)
			for range all.slots.Limit() + 1 { // the last one waits
				all.slots.Acquire(&all.nobody, new(share.Upstream), time.Now())
			}
			all.makeRoom()
			if isClosed(younger) {
				t.Error("a younger connection was closed first")
			}
		}},
		{"when it is too old", func(_ *testing.T, _ *upstreams, pool *upstreamPool, conn *upstreamConn, _ net.Conn) {
			conn.idleSince = conn.idleSince.Add(-upstreamIdleTimeout)
			pool.sweep(time.Now())
		}},
		{"when the upstream has closed it", func(t *testing.T, _ *upstreams, pool *upstreamPool, conn *upstreamConn, theirs net.Conn) {
			_ = theirs.Close()
			waitFor(t, "the end to arrive", func() bool { return !conn.fit() })
			pool.sweep(time.Now())
		}},
		{"when no route names the upstream any more", func(_ *testing.T, all *upstreams, _ *upstreamPool, _ *upstreamConn, _ net.Conn) {
			all.keep(routesTo())
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := newUpstreams(10)
			defer all.close()
			pool := all.pool(siteTo("a", "10.0.0.1:80", "http"), 0)
			conn, theirs := pooledConn(t)
			var pin upstreamPin
			inUse(pool, conn)
			pin.hold(conn, pool, "a")
			test.close(t, all, pool, conn, theirs)
			if !isClosed(conn) {
				t.Error("the connection is still open")
			}
			if pin.take(pool, "a", nil) != nil {
				t.Error("the pool hands the client a closed connection")
			}
			pin.release()
		})
	}
}

// TestWhoseConnectionItIs sends NTLM credentials and checks on which upstream connections the requests arrive.
func TestWhoseConnectionItIs(t *testing.T) {
	const credentials = "GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: NTLM x\r\n\r\n"
	leaks(t)
	came := make(chan int, 10)
	upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			came <- n
			if _, err := io.WriteString(conn, okResponse); err != nil {
				return
			}
		}
	})
	p := startPath(t, upstream, nil)
	alice, bob := p.dial(t), p.dial(t)
	fromAlice, fromBob := bufio.NewReader(alice), bufio.NewReader(bob)
	var got []int
	for _, step := range []struct {
		conn io.Writer
		r    *bufio.Reader
		text string
	}{
		{alice, fromAlice, getA}, {bob, fromBob, getA}, // 1 and 1
		{alice, fromAlice, credentials}, {bob, fromBob, getA}, // 1, which is pinned, and 2
		{alice, fromAlice, getA}, {bob, fromBob, credentials}, // 1 and 2, which is pinned
		{alice, fromAlice, getA}, {bob, fromBob, getA}, // 1 and 2
	} {
		_, _ = io.WriteString(step.conn, step.text)
		readResponse(t, step.r, "GET")
		got = append(got, <-came)
	}
	for i, want := range []int{1, 1, 1, 2, 1, 2, 1, 2} {
		if got[i] != want {
			t.Fatalf("the requests came on the connections %v, want 1 1 1 2 1 2 1 2", got)
		}
	}
	_ = alice.Close()
	waitFor(t, "the pinned connection to go with its client", func() bool { return p.shared.upstreams.pool(p.site, 0).idleAndPinned() == 1 })
	_, _ = io.WriteString(bob, "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	if response, _ := readResponse(t, fromBob, "POST"); response.StatusCode != 200 {
		t.Errorf("got %d, want 200", response.StatusCode)
	}
	waitFor(t, "no connection to be left", func() bool { return p.shared.upstreams.pool(p.site, 0).idleAndPinned() == 0 })
}

// idleAndPinned returns the number of the pool's connections that no request uses.
func (p *upstreamPool) idleAndPinned() int {
	idle, _ := p.sizes()
	return idle
}

// A final response that arrives while the last bytes of a request wait for the upstream to read comes before the whole
// request was sent. One that arrives after a write that had room does not, even if the write is not known to be over yet.
func TestTheLastWriteOfARequestKnowsWhetherItHadToWait(t *testing.T) {
	ours, theirs := tcpPair(t)
	raw, err := newSocket(ours)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := newUpstreamConn(raw, raw)
	if err != nil {
		t.Fatal(err)
	}
	c := &upstreamCall{
		to: upstreamTarget{config: &siteTo("a", "10.0.0.1:80", "http").config}, body: &requestBody{}, timer: &deadline.Timer{Sweeper: deadline.NewSweeper()},
	}
	if err := c.sendPart(conn, []byte("hello"), true); err != nil || c.pump.waited || !c.pump.last.Load() {
		t.Errorf("got %v, waited=%v, last=%v; want a last write that had room", err, c.pump.waited, c.pump.last.Load())
	}
	done := make(chan error, 1)
	go func() { done <- c.sendPart(conn, []byte(strings.Repeat("x", 16<<20)), true) }()
	waitFor(t, "the write to wait", raw.waited.Load)
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	if err := <-done; err != nil || !c.pump.waited {
		t.Errorf("got %v, waited=%v; want a last write that waited", err, c.pump.waited)
	}
	_ = conn.Close()
}
