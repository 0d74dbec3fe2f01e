package proxy

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// registryTest is a registry with connections that no goroutine serves; the test moves the clock.
type registryTest struct {
	*connRegistry
	server *siteServer
	// clientsSeen is how many clients there were.
	clientsSeen uint64
	// peers are the clients' ends of the connections.
	peers map[*clientConn]*net.TCPConn
}

func newRegistryTest(limit int) *registryTest {
	r := newConnRegistry(limit, max(1, limit/4), deadline.NewSweeper())
	return &registryTest{connRegistry: r, peers: map[*clientConn]*net.TCPConn{}, server: &siteServer{tls: &tls.Config{}, registry: r, headerTimeout: 10 * time.Second, idleTimeout: time.Minute}}
}

// newClient returns the key of a new client.
func (r *registryTest) newClient() limit.Key {
	r.clientsSeen++
	return numberedKey(r.clientsSeen)
}

// advance moves the clock of the deadlines.
func (r *registryTest) advance(d time.Duration) { r.sweeper.Clock.Add(int64(d)) }

// tcpPair returns both ends of a loopback connection.
func tcpPair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialled.Close(), accepted.Close() })
	return accepted.(*net.TCPConn), dialled.(*net.TCPConn)
}

// open admits a connection that has had a request and enters phase p now.
func (r *registryTest) open(t testing.TB, p deadline.Phase) *clientConn {
	t.Helper()
	tcp, peer := tcpPair(t)
	c := r.openOn(t, tcp, p)
	r.peers[c] = peer
	return c
}

// openOn is open for a connection made by the test.
func (r *registryTest) openOn(t testing.TB, tcp *net.TCPConn, p deadline.Phase) *clientConn {
	t.Helper()
	fd, err := descriptorOf(tcp)
	if err != nil {
		t.Fatal(err)
	}
	c := &clientConn{server: r.server, tcp: tcp, fd: fd, socket: new(socket)}
	c.idle.Init(nil, c, tcp, fd)
	c.timer.Owner = c
	if ticket, _ := r.admit(r.newClient()); ticket.wait() != admitted || !r.add(c, ticket) {
		t.Fatal("the connection was not admitted")
	}
	timeout := r.server.idleTimeout
	if p != deadline.PhaseIdle {
		timeout = r.server.headerTimeout
	}
	if !c.timer.Set(p, timeout) {
		t.Fatal("the connection was interrupted at once")
	}
	return c
}

// interrupted reports whether a read of the connection fails although a byte has arrived. Otherwise the read returns the
// byte.
func (r *registryTest) interrupted(t testing.TB, c *clientConn) bool {
	t.Helper()
	if _, err := r.peers[c].Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	_, err := c.tcp.Read(one[:])
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// admitting requests room for a connection of a new client.
func (r *registryTest) admitting() *ticket {
	t, _ := r.admit(r.newClient())
	return t
}

// decided reports whether the result of the ticket is known.
func (t *ticket) decided() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

func TestAtTheLimitTheLongestIdleConnectionMakesRoom(t *testing.T) {
	leaks(t)
	r := newRegistryTest(4)
	busy := r.open(t, deadline.PhaseUpstream)
	r.advance(time.Second)
	longest := r.open(t, deadline.PhaseIdle)
	r.advance(time.Second)
	later := r.open(t, deadline.PhaseIdle)
	fresh := r.open(t, deadline.PhaseIdle) // it has sent no request yet
	fresh.timer.Set(deadline.PhaseFirst, r.server.headerTimeout)
	waiting := r.admitting()
	if waiting.decided() {
		t.Fatal("admitted over the limit")
	}
	if !r.interrupted(t, longest) {
		t.Error("the longest idle connection was not closed")
	}
	for name, c := range map[string]*clientConn{"busy": busy, "idle for less": later, "new": fresh} {
		if r.interrupted(t, c) {
			t.Errorf("the connection that is %s was closed", name)
		}
	}
	r.remove(longest)
	if waiting.wait() != admitted {
		t.Error("not admitted into the room that was made")
	}
	if n := r.count(); n != 4 {
		t.Errorf("%d connections are counted, want 4", n)
	}
}

func TestANewConnectionThatSaysNothingMakesRoomAfterAWhile(t *testing.T) {
	leaks(t)
	r := newRegistryTest(2)
	silent := r.open(t, deadline.PhaseFirst)
	busy := r.open(t, deadline.PhaseUpstream)
	waiting := r.admitting()
	r.sweeper.Swept()
	if silent.timer.Phase() != deadline.PhaseFirst {
		t.Fatal("a new connection was closed before its request could come")
	}
	r.advance(freshGrace + 2*deadline.Interval)
	r.sweeper.Swept()
	waitFor(t, "the silent connection to be closed", func() bool { return silent.timer.Phase() == deadline.PhaseExpired })
	if busy.timer.Phase() != deadline.PhaseUpstream {
		t.Error("the connection with a request in flight was closed")
	}
	r.remove(silent)
	if waiting.wait() != admitted {
		t.Error("not admitted into the room that was made")
	}
}

func TestANewConnectionHasAMomentForItsRequestWhenTheServerDrains(t *testing.T) {
	r := newRegistryTest(1)
	c := r.open(t, deadline.PhaseFirst)
	c.drain()
	c.timer.Check(r.sweeper.Clock.Load())
	if c.timer.Phase() != deadline.PhaseFirst {
		t.Fatal("a new connection was closed before its request could come")
	}
	r.advance(freshDrainGrace + 2*deadline.Interval)
	c.timer.Check(r.sweeper.Clock.Load())
	if !r.interrupted(t, c) {
		t.Error("the drain waited for a connection that sends nothing")
	}
}

// TestAConnectionThatSendsNothingDoesNotHoldUpAStop opens a connection long before the server drains, as browsers do to have one
// ready.
func TestAConnectionThatSendsNothingDoesNotHoldUpAStop(t *testing.T) {
	r := newRegistryTest(1)
	c := r.open(t, deadline.PhaseFirst)
	r.advance(freshDrainGrace)
	c.drain()
	r.advance(2 * deadline.Interval)
	c.timer.Check(r.sweeper.Clock.Load())
	if !r.interrupted(t, c) {
		t.Error("the moment for the first request began with the drain, want it counted from the handshake")
	}
}

func TestConnectionsThatWaitCloseOneEach(t *testing.T) {
	leaks(t)
	r := newRegistryTest(3)
	conns := []*clientConn{r.open(t, deadline.PhaseIdle), r.open(t, deadline.PhaseIdle), r.open(t, deadline.PhaseUpstream)}
	first, second := r.admitting(), r.admitting()
	for i, c := range conns {
		if idle := i < 2; r.interrupted(t, c) != idle {
			t.Errorf("connection %d: interrupted=%v, want %v", i, !idle, idle)
		}
	}
	r.remove(conns[0])
	r.remove(conns[1])
	if first.wait() != admitted || second.wait() != admitted {
		t.Error("not both were admitted")
	}
}

func TestAConnectionThatIsClosedForRoomBeginsNoRequest(t *testing.T) {
	for name, end := range map[string]func(*registryTest){
		"the limit is reached": func(r *registryTest) { r.closeIdle() },
		"the drain is over":    func(r *registryTest) { canceled, stop := context.WithCancel(t.Context()); stop(); r.drain(canceled) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistryTest(1)
			c := r.open(t, deadline.PhaseIdle)
			end(r)
			if c.timer.Set(deadline.PhaseHead, time.Second) {
				t.Error("a request began on a connection whose reads are interrupted")
			}
			r = newRegistryTest(1)
			c = r.open(t, deadline.PhaseHead)
			end(r)
			if !c.timer.Set(deadline.PhaseUpstream, time.Second) || r.interrupted(t, c) {
				t.Error("a connection with a request was interrupted")
			}
		})
	}
}

// closeIdle closes the connection that has been idle longest.
func (r *connRegistry) closeIdle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if conn, _ := r.nextIdle(false); conn != nil && conn.endIdle() {
		r.isLeaving(conn)
	}
}

func TestAConnectionThatBecomesIdleIsSeenByOneThatWaits(t *testing.T) {
	leaks(t)
	// The search for the waiting connection and the moment at which the other becomes idle coincide in all ways. Many other
	// connections make the search long.
	r := newRegistryTest(300)
	for range 299 {
		r.open(t, deadline.PhaseUpstream)
	}
	c := r.open(t, deadline.PhaseUpstream)
	for i := range 300 {
		if !c.timer.Set(deadline.PhaseUpstream, time.Minute) {
			t.Fatal("interrupted while a request was in flight")
		}
		waiting := make(chan *ticket, 1)
		key := r.newClient()
		go func() { t, _ := r.admit(key); waiting <- t }()
		time.Sleep(time.Duration(i%30) * time.Microsecond)
		c.timer.Set(deadline.PhaseIdle, time.Minute)
		r.becameIdle()
		waitFor(t, "the idle connection to be closed", func() bool { return c.timer.Phase() == deadline.PhaseExpired })
		r.remove(c)
		next := <-waiting
		if next.wait() != admitted {
			t.Fatal("not admitted")
		}
		c.timer.Reset()
		c.leaving = false
		if !r.add(c, next) {
			t.Fatal("not added")
		}
	}
}

func TestDrain(t *testing.T) {
	leaks(t)
	t.Run("ends at once without connections", func(t *testing.T) {
		r := newRegistryTest(1)
		for range 2 {
			if !r.drain(t.Context()) {
				t.Error("not drained")
			}
		}
	})
	t.Run("closes what is idle, and waits for what is not", func(t *testing.T) {
		r := newRegistryTest(2)
		idle, busy := r.open(t, deadline.PhaseIdle), r.open(t, deadline.PhaseBody)
		drained := make(chan bool, 1)
		go func() { drained <- r.drain(t.Context()) }()
		waitFor(t, "the idle connection to be closed", func() bool { return idle.timer.Phase() == deadline.PhaseExpired })
		r.remove(idle)
		if r.interrupted(t, busy) || len(drained) > 0 {
			t.Error("the drain did not wait for the request in flight")
		}
		r.remove(busy)
		r.remove(busy) // as for a connection that is closed twice
		if !<-drained {
			t.Error("not drained")
		}
	})
	t.Run("waits for loops that may have accepted one more, and lets that in", func(t *testing.T) {
		r := newRegistryTest(1)
		loop := r.accepts()
		drained := make(chan bool, 1)
		go func() { drained <- r.drain(t.Context()) }()
		waitFor(t, "the drain to begin", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.draining })
		last := r.open(t, deadline.PhaseHandshake)
		loop()
		if len(drained) > 0 {
			t.Error("the drain did not wait for the connection that was accepted last")
		}
		r.remove(last)
		if !<-drained {
			t.Error("not drained")
		}
	})
	t.Run("lets one that waits for room in when there is some, or at the end not", func(t *testing.T) {
		r := newRegistryTest(1)
		busy := r.open(t, deadline.PhaseBody)
		loop := r.accepts()
		first := r.admitting()
		ctx, cancel := context.WithCancel(t.Context())
		drained := make(chan bool, 1)
		go func() { drained <- r.drain(ctx) }()
		r.remove(busy)
		if first.wait() != admitted {
			t.Error("not admitted into the room that was made")
		}
		second := r.admitting()
		cancel()
		if <-drained {
			t.Error("drained with a connection that waits")
		}
		r.close()
		if second.wait() != ended {
			t.Error("admitted after the end")
		}
		loop()
	})
	t.Run("takes a connection on which bytes have come for one with a request", func(t *testing.T) {
		r := newRegistryTest(1)
		tcp, peer := tcpPair(t)
		c := r.openOn(t, tcp, deadline.PhaseIdle)
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the byte to come", c.hasReceived)
		c.drain()
		if c.timer.Phase() != deadline.PhaseIdle {
			t.Error("closed with a request on it")
		}
		c.timer.Set(deadline.PhaseFirst, time.Second)
		r.advance(time.Minute)
		c.timer.Check(r.sweeper.Clock.Load())
		if c.timer.Phase() != deadline.PhaseFirst {
			t.Error("expired with a first request on it")
		}
	})
	t.Run("gives up when its time is over", func(t *testing.T) {
		r := newRegistryTest(1)
		r.open(t, deadline.PhaseBody)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if r.drain(ctx) {
			t.Error("drained with a request in flight")
		}
	})
}

func TestCloseCutsEverything(t *testing.T) {
	leaks(t)
	r := newRegistryTest(3)
	conns := []*clientConn{r.open(t, deadline.PhaseIdle), r.open(t, deadline.PhaseHandshake), r.open(t, deadline.PhaseBody)}
	r.close()
	for i, c := range conns {
		if !r.interrupted(t, c) {
			t.Errorf("connection %d was not cut", i)
		}
	}
	if r.admitting().wait() != ended {
		t.Error("admitted after the end")
	}
	if tcp, _ := tcpPair(t); r.add(&clientConn{server: r.server, tcp: tcp}, &ticket{}) {
		t.Error("added after the end")
	}
}

// numberedKey returns the key of one of many clients, each with its own IPv6 network.
func numberedKey(number uint64) limit.Key {
	var address [16]byte
	binary.BigEndian.PutUint64(address[:], number)
	return limit.NewKey(netip.AddrFrom16(address))
}
