package proxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/share"
)

func TestOnlyCallsToUpstreamsThatHangMakeRoomForClients(t *testing.T) {
	const limit, late, soon = 32, 2 * silentTime, silentTime / 2 // the reserve is 2
	for _, test := range []struct {
		name string
		// clients is how many clients wait for a connection, or more.
		clients int
		// calls has the number of calls to each upstream, and waited for how long they have waited. The last fresh calls to
		// the first upstream have only just begun.
		calls  []int
		waited time.Duration
		fresh  int
		// answers makes the first upstream answer another call, so long ago.
		answers bool
		ago     time.Duration
		// usual is how long the upstream's answers usually take.
		usual time.Duration
		// delivers makes the calls to the first upstream have their answers.
		delivers bool
		// want has the number of calls to each upstream that are ended. The oldest two are its reserve.
		want []int
	}{
		{name: "there is no upstream", clients: 3},
		{name: "no client waits", calls: []int{8, 8}, waited: late, want: []int{0, 0}},
		{name: "one call for each client that waits", clients: 3, calls: []int{8, 1}, waited: late, want: []int{3, 0}},
		{name: "the upstream with the most calls gives way", clients: 3, calls: []int{5, 8}, waited: late, want: []int{0, 3}},
		{name: "each upstream keeps its reserve", clients: 30, calls: []int{5, 8}, waited: late, want: []int{3, 6}},
		{name: "a call that has just begun goes on", clients: 30, calls: []int{8, 1}, waited: late, fresh: 4, want: []int{2, 0}},
		{name: "a short wait is no reason", clients: 4, calls: []int{8, 1}, waited: soon, want: []int{0, 0}},
		{name: "an upstream that has just answered is not hanging", clients: 4, calls: []int{8, 1}, waited: late, answers: true, ago: soon, want: []int{0, 0}},
		{name: "an upstream that has answered before may hang", clients: 4, calls: []int{8, 1}, waited: late, answers: true, ago: late, want: []int{4, 0}},
		{name: "an upstream that is slow may be silent for longer", clients: 4, calls: []int{8, 1}, waited: late, usual: late, want: []int{0, 0}},
		{name: "an upstream that is slow may hang", clients: 4, calls: []int{8, 1}, waited: 2 * late, usual: late, want: []int{4, 0}},
		{name: "answers that are being sent go on", clients: 4, calls: []int{8, 1}, waited: late, delivers: true, want: []int{0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sweeper := deadline.NewSweeper()
			all := newUpstreams(limit)
			all.clientsWaiting = func() int { return test.clients }
			begin := sweeper.Clock.Load()
			var calls [][]*upstreamCall
			var pools []*upstreamPool
			call := func(pool *upstreamPool) (*upstreamCall, *upstreamConn) {
				c := &upstreamCall{owner: &lonelyOwner{}, timer: &deadline.Timer{Sweeper: sweeper}, client: &share.Client{}}
				conn, err := pool.acquire(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				c.opens(conn)
				return c, conn
			}
			for i, n := range test.calls {
				pool := all.pool(siteTo("a", []string{"10.0.0.1:1", "10.0.0.2:1"}[i], "http"), 0)
				pools, calls = append(pools, pool), append(calls, nil)
				for j := range n {
					if i == 0 && j == n-test.fresh {
						sweeper.Clock.Store(begin + int64(test.waited-leastWait/2))
					}
					c, _ := call(pool)
					c.delivering.Store(test.delivers && i == 0)
					calls[i] = append(calls[i], c)
					sweeper.Clock.Add(1)
				}
				sweeper.Clock.Store(begin + 10)
			}
			if test.answers {
				c, conn := call(pools[0])
				c.responseTime = 1
				sweeper.Clock.Store(begin + int64(test.waited-test.ago))
				conn.Conn = &countedConn{}
				pools[0].put(conn)
			}
			for _, pool := range pools {
				pool.usual = test.usual
			}
			sweeper.Clock.Store(begin + int64(test.waited) + 100)
			ends := slices.Max(append(test.want, 0)) > 0
			for n := range 2 { // the second search finds that the first was enough, and that its calls have not left yet
				if got := all.relieve(); got != ends {
					t.Errorf("search %d: got %v, want %v", n, got, ends)
				}
			}
			for i, want := range test.want {
				for j, c := range calls[i] {
					var met *shareError
					ended := errors.As(c.cancelled(), &met)
					if wanted := 2 <= j && j < 2+want; ended != wanted {
						t.Errorf("upstream %d: call %d of %d, oldest first: ended %v, want %v", i, j, len(calls[i]), ended, wanted)
					}
				}
			}
		})
	}
}

// TestAClientIsServedWhileAllConnectionsWaitForAnUpstreamThatHangs fills max_connections with clients, each within its share,
// whose requests an upstream never answers. A further client does not need that upstream, and is answered long before their
// time is over.
func TestAClientIsServedWhileAllConnectionsWaitForAnUpstreamThatHangs(t *testing.T) {
	leaks(t)
	const limit = 4
	arrived := make(chan struct{}, limit)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		if _, err := readHead(r); err == nil {
			arrived <- struct{}{}
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	p := startPath(t, upstream, func(o *pathOptions) { o.connections = limit })
	answers := make(chan string, limit)
	for i := range limit {
		conn := p.dialFrom(t, byte(10+i))
		if _, err := io.WriteString(conn, getA); err != nil {
			t.Fatal(err)
		}
		<-arrived
		go func() {
			head, _ := readHead(bufio.NewReader(conn))
			answers <- head
		}()
	}
	conn := p.dialFrom(t, 100)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if head, err := readHead(bufio.NewReader(conn)); err != nil || !strings.HasPrefix(head, "HTTP/1.1 404 ") {
		t.Errorf("the client that does not need the upstream got %q and %v, want 404", head, err)
	}
	if head := <-answers; !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "Retry-After: 1\r\n") {
		t.Errorf("the request that had to give way got %q, want 503 and Retry-After", head)
	}
	if log := p.log.String(); !strings.Contains(log, "UPSTREAM_SHARE") || !strings.Contains(log, "limit=reserve") {
		t.Errorf("got no UPSTREAM_SHARE line of the reserve, want one; log:\n%s", log)
	}
	p.registry.close() // ends the others
	for range limit - 1 {
		<-answers
	}
}

// dialFrom is dial from an address of its own, 127.0.0.x.
func (p *dataPath) dialFrom(t testing.TB, last byte) *tls.Conn {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, last)}}, "tcp", p.addr,
		&tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// TestAnUpstreamThatAnswersOtherCallsDoesNotHang lets calls wait for long while the upstream answers another one.
func TestAnUpstreamThatAnswersOtherCallsDoesNotHang(t *testing.T) {
	for _, test := range []struct {
		name string
		// delivers reports whether an exchange takes the answer. A service's reply belongs to no exchange.
		delivers bool
		// ends reports whether the call of the answer has ended.
		ends bool
	}{
		{"its answer is still being sent", true, false},
		{"its answer was sent", true, true},
		{"it was the reply of a service", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sweeper := deadline.NewSweeper()
			all := newUpstreams(32) // the reserve is 2
			all.clientsWaiting = func() int { return 1 }
			pool := all.pool(siteTo("a", "10.0.0.1:1", "http"), 0)
			begin := func() (*upstreamCall, *upstreamConn) {
				c := &upstreamCall{owner: &lonelyOwner{}, timer: &deadline.Timer{Sweeper: sweeper}, client: &share.Client{}}
				conn, err := pool.acquire(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				c.opens(conn)
				return c, conn
			}
			for range 4 {
				begin()
			}
			sweeper.Clock.Add(int64(2 * silentTime))
			c, conn := begin()
			sweeper.Clock.Add(1)
			c.responseTime = 1
			c.delivering.Store(test.delivers)
			if test.ends {
				conn.Conn = &countedConn{}
				pool.put(conn)
			}
			sweeper.Clock.Add(int64(silentTime / 2))
			if all.relieve() {
				t.Error("a call had to give way soon after the answer")
			}
			sweeper.Clock.Add(int64(silentTime))
			if !all.relieve() {
				t.Error("no call had to give way long after the answer")
			}
		})
	}
}

// TestTheCallsOfOneConnectionMakeRoomTogether has connections over HTTP/2 with several requests each: ending one of them would
// not make a connection idle.
func TestTheCallsOfOneConnectionMakeRoomTogether(t *testing.T) {
	const limit = 32 // the reserve is 2
	sweeper := deadline.NewSweeper()
	all := newUpstreams(limit)
	all.clientsWaiting = func() int { return 1 }
	pool := all.pool(siteTo("a", "10.0.0.1:1", "http"), 0)
	conns := map[string]*connAddrs{"first": {}, "second": {}, "third": {}}
	var calls []*upstreamCall
	from := []string{"first", "first", "second", "first", "third", "second"}
	for _, name := range from {
		c := &upstreamCall{owner: &lonelyOwner{}, request: &Request{Addrs: conns[name]},
			timer: &deadline.Timer{Sweeper: sweeper}, client: &share.Client{}}
		conn, err := pool.acquire(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		c.opens(conn)
		calls = append(calls, c)
		sweeper.Clock.Add(1)
	}
	sweeper.Clock.Add(int64(2 * silentTime))
	for range 2 {
		all.relieve()
	}
	for i, c := range calls {
		if ended, want := c.cancelled() != nil, from[i] == "second"; ended != want {
			t.Errorf("call %d, of the %s connection: ended %v, want %v", i, from[i], ended, want)
		}
	}
}

// TestHowLongAnswersUsuallyTakeFollowsTheLatest lets an upstream become slow, and fast again.
func TestHowLongAnswersUsuallyTakeFollowsTheLatest(t *testing.T) {
	pool := newUpstreamPool(newUpstreams(1))
	answer := func(took time.Duration, n int) time.Duration {
		for range n {
			c := &upstreamCall{owner: &lonelyOwner{}, responseTime: took}
			conn, err := pool.acquire(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			conn.Conn = &countedConn{}
			pool.drop(conn)
		}
		return pool.usual
	}
	if got := answer(3*time.Second, 1); got != 3*time.Second {
		t.Errorf("after the first answer: got %v, want 3s", got)
	}
	if got := answer(10*time.Millisecond, 40); got > 100*time.Millisecond {
		t.Errorf("after 40 fast answers: got %v, want at most 100ms", got)
	}
	if got := answer(3*time.Second, 16); got < 2*time.Second {
		t.Errorf("after 16 slow answers: got %v, want at least 2s", got)
	}
}
