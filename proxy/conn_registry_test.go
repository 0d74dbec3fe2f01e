package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// registryTest is a registry with connections that nobody serves; the test moves the clock.
type registryTest struct {
	*connRegistry
	server *siteServer
	// clients is how many clients there were.
	clientsSeen uint64
	// peers are the clients' ends of the connections.
	peers map[*clientConn]*net.TCPConn
}

func newRegistryTest(limit int) *registryTest {
	r := newConnRegistry(limit, max(1, limit/4), newSweeper())
	return &registryTest{connRegistry: r, peers: map[*clientConn]*net.TCPConn{}, server: &siteServer{tls: &tls.Config{}, registry: r, headerTimeout: 10 * time.Second, idleTimeout: time.Minute}}
}

// newClient returns the key of a client that was not there before.
func (r *registryTest) newClient() clientKey {
	r.clientsSeen++
	return clientKey{hi: r.clientsSeen}
}

// advance moves the clock that deadlines count from.
func (r *registryTest) advance(d time.Duration) { r.sweeper.clock.Add(int64(d)) }

// tcpPair returns both ends of a connection on the loopback.
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

// open admits a connection that has had a request and is in the phase since now.
func (r *registryTest) open(t testing.TB, p phase) *clientConn {
	t.Helper()
	tcp, peer := tcpPair(t)
	c := r.openOn(t, tcp, p)
	r.peers[c] = peer
	return c
}

// openOn is open for a connection that the test has made.
func (r *registryTest) openOn(t testing.TB, tcp *net.TCPConn, p phase) *clientConn {
	t.Helper()
	fd, err := descriptorOf(tcp)
	if err != nil {
		t.Fatal(err)
	}
	c := &clientConn{server: r.server, tcp: tcp, fd: fd, socket: new(socket)}
	c.watch.owner = c
	if ticket, _ := r.admit(r.newClient()); ticket.wait() != admitted || !r.add(c, ticket) {
		t.Fatal("the connection was not admitted")
	}
	timeout := r.server.idleTimeout
	if p != phaseIdle {
		timeout = r.server.headerTimeout
	}
	if !c.watch.set(p, timeout) {
		t.Fatal("the connection was interrupted at once")
	}
	return c
}

// interrupted reports whether reads of the connection fail though a byte has come. Others return it.
func (r *registryTest) interrupted(t testing.TB, c *clientConn) bool {
	t.Helper()
	if _, err := r.peers[c].Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	_, err := c.tcp.Read(one[:])
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// admitting asks for room for a connection of a new client.
func (r *registryTest) admitting() *ticket {
	t, _ := r.admit(r.newClient())
	return t
}

// decided reports whether it is decided what becomes of the connection.
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
	busy := r.open(t, phaseUpstream)
	r.advance(time.Second)
	longest := r.open(t, phaseIdle)
	r.advance(time.Second)
	later := r.open(t, phaseIdle)
	fresh := r.open(t, phaseIdle) // which has sent no request yet
	fresh.watch.set(phaseFirst, r.server.headerTimeout)
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
	silent := r.open(t, phaseFirst)
	busy := r.open(t, phaseUpstream)
	waiting := r.admitting()
	r.sweeper.swept()
	if silent.watch.phase() != phaseFirst {
		t.Fatal("a new connection was closed before its request could come")
	}
	r.advance(freshGrace + 2*sweepInterval)
	r.sweeper.swept()
	waitFor(t, "the silent connection to be closed", func() bool { return silent.watch.phase() == phaseExpired })
	if busy.watch.phase() != phaseUpstream {
		t.Error("the connection with a request in flight was closed")
	}
	r.remove(silent)
	if waiting.wait() != admitted {
		t.Error("not admitted into the room that was made")
	}
}

func TestANewConnectionHasAMomentForItsRequestWhenTheServerDrains(t *testing.T) {
	r := newRegistryTest(1)
	c := r.open(t, phaseFirst)
	c.drain()
	c.watch.check(r.sweeper.clock.Load())
	if c.watch.phase() != phaseFirst {
		t.Fatal("a new connection was closed before its request could come")
	}
	r.advance(freshDrainGrace + 2*sweepInterval)
	c.watch.check(r.sweeper.clock.Load())
	if !r.interrupted(t, c) {
		t.Error("a connection that says nothing was waited for")
	}
}

func TestConnectionsThatWaitCloseOneEach(t *testing.T) {
	leaks(t)
	r := newRegistryTest(3)
	conns := []*clientConn{r.open(t, phaseIdle), r.open(t, phaseIdle), r.open(t, phaseUpstream)}
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
		"at the limit": func(r *registryTest) { r.closeIdle() },
		"at the end":   func(r *registryTest) { canceled, stop := context.WithCancel(t.Context()); stop(); r.drain(canceled) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistryTest(1)
			c := r.open(t, phaseIdle)
			end(r)
			if c.watch.set(phaseHead, time.Second) {
				t.Error("a request began on a connection whose reads are interrupted")
			}
			r = newRegistryTest(1)
			c = r.open(t, phaseHead)
			end(r)
			if !c.watch.set(phaseUpstream, time.Second) || r.interrupted(t, c) {
				t.Error("a connection with a request was interrupted")
			}
		})
	}
}

// closeIdle closes the connection that has been idle for longest.
func (r *connRegistry) closeIdle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if conn := r.nextIdle(false); conn != nil && conn.endIdle() {
		r.isLeaving(conn)
	}
}

func TestAConnectionThatBecomesIdleIsSeenByOneThatWaits(t *testing.T) {
	leaks(t)
	// The look of the one that waits and the moment at which the other becomes idle fall together in all ways. Many other
	// connections make the look long.
	r := newRegistryTest(300)
	for range 299 {
		r.open(t, phaseUpstream)
	}
	c := r.open(t, phaseUpstream)
	for i := range 300 {
		if !c.watch.set(phaseUpstream, time.Minute) {
			t.Fatal("interrupted while a request was in flight")
		}
		waiting := make(chan *ticket, 1)
		key := r.newClient()
		go func() { t, _ := r.admit(key); waiting <- t }()
		time.Sleep(time.Duration(i%30) * time.Microsecond)
		c.watch.set(phaseIdle, time.Minute)
		r.becameIdle()
		waitFor(t, "the idle connection to be closed", func() bool { return c.watch.phase() == phaseExpired })
		r.remove(c)
		next := <-waiting
		if next.wait() != admitted {
			t.Fatal("not admitted")
		}
		c.watch.reset()
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
		idle, busy := r.open(t, phaseIdle), r.open(t, phaseBody)
		drained := make(chan bool, 1)
		go func() { drained <- r.drain(t.Context()) }()
		waitFor(t, "the idle connection to be closed", func() bool { return idle.watch.phase() == phaseExpired })
		r.remove(idle)
		if r.interrupted(t, busy) || len(drained) > 0 {
			t.Error("the request in flight was not waited for")
		}
		r.remove(busy)
		r.remove(busy) // as a connection that is closed twice
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
		last := r.open(t, phaseHandshake)
		loop()
		if len(drained) > 0 {
			t.Error("the connection that was accepted last was not waited for")
		}
		r.remove(last)
		if !<-drained {
			t.Error("not drained")
		}
	})
	t.Run("lets one that waits for room in when there is some, or at the end not", func(t *testing.T) {
		r := newRegistryTest(1)
		busy := r.open(t, phaseBody)
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
		c := r.openOn(t, tcp, phaseIdle)
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the byte to come", c.hasReceived)
		c.drain()
		if c.watch.phase() != phaseIdle {
			t.Error("closed with a request on it")
		}
		c.watch.set(phaseFirst, time.Second)
		r.advance(time.Minute)
		c.watch.check(r.sweeper.clock.Load())
		if c.watch.phase() != phaseFirst {
			t.Error("expired with a first request on it")
		}
	})
	t.Run("gives up when its time is over", func(t *testing.T) {
		r := newRegistryTest(1)
		r.open(t, phaseBody)
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
	conns := []*clientConn{r.open(t, phaseIdle), r.open(t, phaseHandshake), r.open(t, phaseBody)}
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
