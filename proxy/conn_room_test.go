package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// crowd simulates clients and their connections using only the registry: nothing is served, and the test moves the clock.
// It checks the registry's decisions at the moment they are made.
type crowd struct {
	t       testing.TB
	r       *connRegistry
	conns   map[*crowdConn]struct{}
	tickets []*ticket
	// cuts is how many connections were cut; closed is how many were closed while idle. looks counts how often the registry has
	// examined a connection.
	cuts, closed, looks int
}

// crowdConn is a connection in the simulation.
type crowdConn struct {
	connEntry
	crowd     *crowd
	timer     deadline.Timer
	busy      connUse // useWaiting if idle
	idleSince int64
	told      bool
	// received reports whether a request has come although the connection seems idle; asked counts the attempts to end it.
	received bool
	asked    int
	// looksIdle, if not 0, is how often the connection still looks idle before a request arrives.
	looksIdle int
}

func newCrowd(t testing.TB, limit, share int) *crowd {
	return &crowd{t: t, r: newConnRegistry(limit, share, deadline.NewSweeper()), conns: map[*crowdConn]struct{}{}}
}

func (c *crowdConn) deadline() *deadline.Timer { return &c.timer }
func (c *crowdConn) peer() netip.Addr          { return netip.IPv4Unspecified() }
func (c *crowdConn) use() connUse              { c.crowd.looks++; return c.busy }
func (c *crowdConn) state() (int, int) {
	return connHTTP1, connActive
}
func (c *crowdConn) drain() {}

func (c *crowdConn) idleFor() (time.Duration, bool) {
	c.crowd.looks++
	if c.looksIdle > 0 {
		if c.looksIdle--; c.looksIdle == 0 {
			c.busy, c.idleSince = useRequest, c.crowd.r.sweeper.Clock.Load()
		}
	}
	return time.Duration(c.crowd.r.sweeper.Clock.Load() - c.idleSince), c.busy == useWaiting
}

func (c *crowdConn) endIdle() bool {
	c.asked++
	if c.busy != useWaiting || c.received {
		return false
	}
	c.crowd.closed++
	c.crowd.tell(c)
	return true
}

func (c *crowdConn) cut(error) {
	w := c.crowd
	w.cuts++
	if held := c.account.conns - c.account.leaving + 1; held <= w.r.share { // this one counts as leaving already
		w.t.Errorf("cut a connection of a client that holds %d, want more than its share of %d", held, w.r.share)
	}
	for other := range w.conns {
		// One that was used a short time ago is kept for a client within its share, unless the other one has a request.
		if idle, ok := other.idleFor(); ok && !other.told && !other.received && (c.busy == useRequest || idle >= settledIdle) {
			w.t.Error("cut a connection while another one was idle, whose end costs less")
		}
		if other.account == c.account && !other.told && other.busy < c.busy {
			w.t.Error("cut a connection whose end costs its client more than that of another one")
		}
	}
	w.tell(c)
}

// tell records that the registry has told a connection to leave.
func (w *crowd) tell(c *crowdConn) {
	if c.told {
		w.t.Error("a connection was told to leave twice")
	}
	if w.r.open < w.r.limit || len(w.r.queue) == 0 {
		w.t.Errorf("told a connection to leave with %d of %d open and %d that wait", w.r.open, w.r.limit, len(w.r.queue))
	}
	c.told = true
}

// connect makes a client open a connection.
func (w *crowd) connect(client int) {
	key := numberedKey(uint64(client))
	held := w.r.clients.held(key)
	full := w.r.open == w.r.limit
	idle := full && w.idleFor(key) // with room left, a refusal is wrong in any case
	t, _ := w.r.admit(key)
	w.tickets = append(w.tickets, t)
	if t.decided() && t.result == refused && (!full || held < w.r.share || idle) {
		w.t.Errorf("refused client %d, which holds %d with a share of %d; at the limit: %v, idle ones: %v", client, held, w.r.share, full, idle)
	}
	w.seat()
}

// idleFor reports whether there is an idle connection that makes room for the client.
func (w *crowd) idleFor(key limit.Key) bool {
	for c := range w.conns {
		if idle, ok := c.idleFor(); ok && !c.told && !c.received && w.r.mayMakeRoom(c, idle, w.r.clients.held(key) >= w.r.share) {
			return true
		}
	}
	return false
}

// seat registers the admitted connections.
func (w *crowd) seat() {
	var waiting []*ticket
	for _, t := range w.tickets {
		switch {
		case !t.decided():
			waiting = append(waiting, t)
		case t.result == admitted:
			c := &crowdConn{crowd: w, busy: useHandshake}
			c.timer.Owner = new(exchange)
			if !w.r.add(c, t) {
				w.t.Fatal("not added")
			}
			w.conns[c] = struct{}{}
		}
	}
	w.tickets = waiting
	if w.r.open > w.r.limit || w.r.open != len(w.conns) {
		w.t.Fatalf("%d connections are counted and %d are there, at most %d may be", w.r.open, len(w.conns), w.r.limit)
	}
}

// leave ends a connection.
func (w *crowd) leave(c *crowdConn) {
	delete(w.conns, c)
	w.r.remove(c)
	w.seat()
}

// settle lets the connections leave that were told to. It then fails the test if connections wait although one is idle
// or a client is above its share.
func (w *crowd) settle() {
	for more := true; more; {
		more = false
		for c := range w.conns {
			if c.told {
				w.leave(c)
				more = true
			}
		}
	}
	w.tick()
	if len(w.tickets) == 0 {
		return
	}
	held := map[*clientAccount]int{}
	for c := range w.conns {
		if c.told {
			return // the tick has found one
		}
		if c.busy == useWaiting && !c.received {
			w.t.Error("a connection is idle while others wait")
		}
		if held[c.account]++; held[c.account] > w.r.share {
			w.t.Errorf("a client holds %d, more than its share of %d, while others wait", held[c.account], w.r.share)
		}
	}
}

func (w *crowd) tick() {
	w.r.sweeper.Clock.Add(int64(deadline.Interval))
	w.r.sweeper.Swept()
	w.seat()
}

// any returns one of the connections.
func (w *crowd) any(random *rand.Rand) *crowdConn {
	var all []*crowdConn
	for c := range w.conns {
		if !c.told {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil
	}
	// The order of a map does not depend on the seed.
	best := all[0]
	at := random.Uint64()
	for _, c := range all {
		if (c.number^at)*0x9e3779b97f4a7c15 < (best.number^at)*0x9e3779b97f4a7c15 {
			best = c
		}
	}
	return best
}

func TestSharesHoldWhateverClientsDo(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			limit := 1 + random.IntN(40)
			w := newCrowd(t, limit, 1+random.IntN(limit))
			clients := 1 + random.IntN(10)
			for range 1500 {
				switch c := w.any(random); random.IntN(8) {
				case 0, 1, 2:
					client := random.IntN(clients)
					for range 1 + random.IntN(3) {
						w.connect(client * random.IntN(2)) // one client is more active than the others
					}
				case 3, 4:
					if c != nil {
						c.busy, c.received = useHead+connUse(random.IntN(3)), false
					}
				case 5:
					if c != nil {
						c.busy, c.idleSince = useWaiting, w.r.sweeper.Clock.Load()
						c.received = random.IntN(4) == 0
						w.r.becameIdle()
					}
				case 6:
					if c != nil {
						w.leave(c)
					}
				case 7:
					w.tick()
					if random.IntN(3) == 0 {
						w.settle()
					}
				}
				w.seat()
				if t.Failed() {
					t.FailNow()
				}
			}
		})
	}
}

func TestOneClientMayHoldAllWhileNobodyWaits(t *testing.T) {
	w := newCrowd(t, 64, 16)
	for range 64 {
		w.connect(1)
	}
	for range 100 {
		w.tick()
	}
	if len(w.conns) != 64 || w.cuts+w.closed != 0 {
		t.Errorf("got %d connections with %d cut and %d closed, want all 64", len(w.conns), w.cuts, w.closed)
	}
}

func TestAClientThatHoldsAllGivesWayToAnother(t *testing.T) {
	w := newCrowd(t, 64, 16)
	for range 64 {
		w.connect(1)
	}
	for c := range w.conns {
		c.busy = useRequest
	}
	w.connect(1)
	if w.r.refused != 1 || w.cuts != 0 {
		t.Fatalf("got %d refused and %d cut, want one more of the client that holds all to be refused", w.r.refused, w.cuts)
	}
	for client := 2; client < 50; client++ {
		w.connect(client)
		for range 2 {
			w.settle()
		}
	}
	if got := w.r.clients.held(numberedKey(1)); got != 16 || w.cuts != 48 || w.r.refused != 1 {
		t.Errorf("the client holds %d, %d were cut and %d refused; want its share of 16, 48 and the 1", got, w.cuts, w.r.refused)
	}
	w.connect(50)
	if len(w.tickets) != 1 || w.cuts != 48 {
		t.Error("another client has to wait although nobody is above the share")
	}
}

// TestTheHeaviestClientLosesItsYoungestConnection has two clients above their share and another one that waits.
func TestTheHeaviestClientLosesItsYoungestConnection(t *testing.T) {
	w := newCrowd(t, 64, 16)
	for i := range 64 {
		w.connect(1 + i%3/2) // the first holds two thirds
	}
	for c := range w.conns {
		c.busy = useRequest
	}
	w.connect(3)
	for c := range w.conns {
		if !c.told {
			continue
		}
		if c.account.conns != 43 {
			t.Errorf("cut a connection of a client that holds %d, want one of the client that holds 43", c.account.conns)
		}
		for other := range w.conns {
			if other.account == c.account && other.number > c.number {
				t.Fatalf("cut connection %d while %d is younger", c.number, other.number)
			}
		}
	}
	if w.cuts != 1 {
		t.Errorf("%d were cut, want one", w.cuts)
	}
}

func TestAConnectionThatDoesNotLeaveIsNotWaitedForLong(t *testing.T) {
	w := newCrowd(t, 4, 1)
	for range 4 {
		w.connect(1)
	}
	for want := 1; want <= 3; want++ {
		if want == 1 {
			w.connect(2)
		}
		if w.cuts != want {
			t.Fatalf("%d were cut, want %d", w.cuts, want)
		}
		for range leaveTime/deadline.Interval + 1 {
			w.tick()
		}
	}
}

func TestAnIdleConnectionOfAClientWithinItsShareIsNotForThoseThatHoldTheirs(t *testing.T) {
	w := newCrowd(t, 8, 2)
	w.connect(1)
	for c := range w.conns {
		c.busy, c.idleSince = useWaiting, w.r.sweeper.Clock.Load()
	}
	for range 7 {
		w.connect(2)
	}
	for range 20 {
		w.connect(2)
		w.tick()
	}
	if w.closed != 0 || w.r.refused != 20 {
		t.Fatalf("%d were closed and %d refused, want the 20 refused", w.closed, w.r.refused)
	}
	for range settledIdle / deadline.Interval {
		w.tick()
	}
	w.connect(2)
	if w.closed != 1 {
		t.Errorf("%d were closed, want the one that has been idle for %v", w.closed, settledIdle)
	}
}

func TestAcceptingGoesOnWhileOthersLeave(t *testing.T) {
	w := newCrowd(t, 100, 25)
	for range 100 {
		w.connect(1)
	}
	for client := 2; client < 2+maxPromised; client++ {
		if _, acceptOn := w.r.admit(numberedKey(uint64(client))); !acceptOn {
			t.Fatalf("client %d: the listener has to wait, though one is leaving for it", client)
		}
	}
	if _, acceptOn := w.r.admit(numberedKey(100)); acceptOn {
		t.Error("the listener accepts connections without a bound")
	}
}

// TestAnIdleConnectionThatHasReceivedARequestIsAskedOnce has only connections that still look idle although each has
// received a request. Their goroutines may be waiting for the registry's lock, so the search must end without them.
func TestAnIdleConnectionThatHasReceivedARequestIsAskedOnce(t *testing.T) {
	const n = longestIdleKept + 3
	w := newCrowd(t, n, n)
	for range n {
		w.connect(1)
	}
	for c := range w.conns {
		c.busy, c.received = useWaiting, true
	}
	done := make(chan struct{})
	go func() { w.connect(2); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the search for an idle connection does not end")
	}
	for c := range w.conns {
		if c.asked != 1 {
			t.Fatalf("a connection was asked %d times to end, want once", c.asked)
		}
		c.received = c.number != 5
	}
	w.tick()
	if w.closed != 1 {
		t.Errorf("%d idle connections were closed after the next sweep, want 1", w.closed)
	}
}

// TestTheSearchForRoomIsBoundedBetweenTwoSweeps has a client wait while all connections are in use. Another client's
// requests come and go, and each that ends causes a search for room, under the lock that every connection takes.
func TestTheSearchForRoomIsBoundedBetweenTwoSweeps(t *testing.T) {
	const n = 10_000
	for name, share := range map[string]int{"all clients within their shares": n / 4, "a client above its share": n / 8} {
		t.Run(name, func(t *testing.T) {
			w := newCrowd(t, n, share)
			for i := range n {
				w.connect(i % 4)
			}
			for c := range w.conns {
				c.busy = useRequest
			}
			w.connect(5)
			w.tick()
			w.looks = 0
			for range 2000 {
				w.r.becameIdle()
			}
			if most := 2*looksPerSweep + 2*n; w.looks > most {
				t.Errorf("%d connections were examined without a sweep, want at most %d", w.looks, most)
			}
			for c := range w.conns {
				c.busy = useWaiting // too late for this sweep
				break
			}
			w.tick()
			if w.closed+w.cuts == 0 {
				t.Error("no room was made after the sweep")
			}
		})
	}
}

// TestARecentlyUsedConnectionStaysWhileAnotherClientIsOverItsShare fills the room with handshakes of one client, and lets another
// one open a connection for each of its requests beside the one that it uses all the time.
func TestARecentlyUsedConnectionStaysWhileAnotherClientIsOverItsShare(t *testing.T) {
	for _, test := range []struct {
		name  string
		busy  connUse // of the other client's connections
		idle  time.Duration
		stays bool
	}{
		{"it stays if the other client has handshakes", useHandshake, 100 * time.Millisecond, true},
		{"it stays if the other client has idle connections", useWaiting, 100 * time.Millisecond, true},
		{"it stays if the other client has incomplete heads", useHead, 100 * time.Millisecond, true},
		{"it leaves if the other client has only requests in flight", useRequest, 100 * time.Millisecond, false},
		{"it leaves if it has not been used for long", useHandshake, settledIdle, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newCrowd(t, 8, 2)
			w.connect(1)
			var kept *crowdConn
			for c := range w.conns {
				kept = c
			}
			kept.busy, kept.idleSince = useWaiting, w.r.sweeper.Clock.Load()
			w.r.sweeper.Clock.Add(int64(test.idle))
			for w.r.open < 8 {
				w.connect(2)
			}
			for c := range w.conns {
				if c != kept {
					c.busy, c.idleSince = test.busy, w.r.sweeper.Clock.Load()
				}
			}
			w.connect(1)
			if kept.told == test.stays {
				t.Errorf("the connection was told to leave: %v, want %v", kept.told, !test.stays)
			}
			if w.cuts+w.closed != 1 {
				t.Errorf("%d connections were cut and %d closed, want one in all", w.cuts, w.closed)
			}
		})
	}
}

// TestAClientThatHoldsItsShareEndsNoOtherConnection lets a request arrive on the only connection that may make room, while the
// registry looks at it.
func TestAClientThatHoldsItsShareEndsNoOtherConnection(t *testing.T) {
	for looks := 1; looks <= 4; looks++ {
		w := newCrowd(t, 8, 2)
		w.connect(1)
		for c := range w.conns {
			c.busy, c.idleSince = useWaiting, w.r.sweeper.Clock.Load()
		}
		w.r.sweeper.Clock.Add(int64(settledIdle))
		for w.r.open < 8 {
			w.connect(2)
		}
		for c := range w.conns {
			if c.busy == useWaiting {
				c.looksIdle = looks
			}
		}
		w.r.admit(numberedKey(2))
		if w.cuts != 0 {
			t.Errorf("with a request after %d looks: %d connections were cut for a client that holds its share, want none", looks, w.cuts)
		}
	}
}
