package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheConnectionThatIsIdleLongestMakesRoom(t *testing.T) {
	all := newUpstreams(3)
	first, second := all.pool(siteTo("a", "10.0.0.1:1", "http"), 0), all.pool(siteTo("b", "10.0.0.2:1", "http"), 0)
	third := all.pool(siteTo("c", "10.0.0.3:1", "http"), 0)
	var conns []*countedConn
	for i, pool := range []*upstreamPool{first, second, first} {
		conn, err := pool.acquire(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, &countedConn{})
		conn.Conn = conns[i]
		pool.put(conn)
		conn.idleSince = time.Unix(int64(1000-i), 0)
	}
	for i, want := range [][]int{{0, 1, 0}, {1, 1, 0}, {1, 1, 1}} {
		// The first pool's oldest connection is its first, whatever the clock says.
		if _, err := third.acquire(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		got := []int{conns[0].closed, conns[1].closed, conns[2].closed}
		if !slices.Equal(got, want) {
			t.Errorf("after %d more connections: closed %v, want %v", i+1, got, want)
		}
	}
}

func TestASlotIsGivenBackWhenItsConnectionIsClosed(t *testing.T) {
	all := newUpstreams(1)
	pool := newUpstreamPool(all)
	conn, err := pool.acquire(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	closing := &slotConn{}
	conn.Conn = closing
	go pool.drop(conn)
	if _, err := pool.acquire(t.Context(), nil); err != nil || !closing.closed.Load() {
		t.Errorf("got the slot with %v before the connection was closed: %v", err, !closing.closed.Load())
	}
}

// slotConn is a connection that takes some time to close.
type slotConn struct {
	net.Conn
	closed atomic.Bool
}

func (c *slotConn) Close() error {
	runtime.Gosched()
	c.closed.Store(true)
	return nil
}

// An HTTP/2 client may make 250 requests at once on each of its connections; the descriptors are calculated with one
// upstream connection for each client connection (S-2.22).
func TestConnectionsToUpstreamsNeverOutnumberMaxConnections(t *testing.T) {
	const limit, streams = 200, 240 // the limit is startDaemon's
	// A connection counts up to its response: only after that can the proxy give it up, and open another one. The moment of
	// its closing cannot be counted from here, because the next one may be accepted before the end of this one is seen.
	var open, most atomic.Int64
	goOn := make(chan struct{})
	upstream := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		n := open.Add(1)
		for before := most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
		}
		<-goOn
		open.Add(-1)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		_, _ = conn.Read(make([]byte, 1)) // until the proxy closes it
	})
	t.Cleanup(func() { close(goOn) })
	d := startDaemon(t, upstream, "")
	c := newH2Client(t, d)
	for i := range uint32(streams) {
		c.request(2*i+1, "GET", fmt.Sprintf("/%d", i), true)
	}
	waitFor(t, "the rest to wait for a connection", func() bool {
		return d.shared.upstreams.slots.Wanted() == streams-limit && open.Load() == limit
	})
	for answered := 1; answered <= streams; answered++ { // one by one, so that all others hold their connections
		goOn <- struct{}{}
		c.until("one more answer", func() bool {
			ended := 0
			for _, s := range c.streams {
				if s.ended && s.body.String() == "ok" {
					ended++
				}
			}
			return ended == answered
		})
		rest := int64(min(limit, streams-answered))
		waitFor(t, "the next in the queue to get a connection", func() bool { return open.Load() >= rest })
	}
	if got := most.Load(); got > limit {
		t.Errorf("%d connections to the upstream at once, want at most %d", got, limit)
	}
}

// TestAnIdleConnectionOfAFullUpstreamGoesToWhoeverWaitsForIt has a request wait that has just missed the only
// connection that its upstream may have. Connections to another upstream have been idle for longer, but do not help it.
func TestAnIdleConnectionOfAFullUpstreamGoesToWhoeverWaitsForIt(t *testing.T) {
	all := newUpstreams(10)
	bounded := siteTo("b", "10.0.0.2:1", "http")
	bounded.config.MaxConnections = 1
	other, full := all.pool(siteTo("a", "10.0.0.1:1", "http"), 0), all.pool(bounded, 0)
	var conns []*upstreamConn
	for i, pool := range []*upstreamPool{other, other, full} {
		conn, err := pool.acquire(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		conn.Conn = &countedConn{}
		conns = append(conns, conn)
		pool.put(conn)
		conn.idleSince = time.Unix(int64(1000+i), 0)
	}
	waiter, _, _ := all.slots.Acquire(&all.nobody, &full.share, time.Now())
	if waiter == nil {
		t.Fatal("the request does not wait")
	}
	all.reclaim(time.Now())
	select {
	case grant := <-waiter.Ready:
		if grant.Conn != any(conns[2]) {
			t.Errorf("the request got %v, want the idle connection to its upstream", grant.Conn)
		}
	default:
		t.Error("the request still waits, and its upstream has an idle connection")
	}
	if !conns[0].idleSince.Equal(time.Unix(1000, 0)) {
		t.Error("the connection to the other upstream counts as used")
	}
}
