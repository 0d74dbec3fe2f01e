package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsGoToWhoWaitsLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := newUpstreamSlots(2)
		for range 2 {
			if err := slots.acquire(t.Context(), func() { t.Error("room was made though a slot was free") }); err != nil {
				t.Fatal(err)
			}
		}
		var order []int
		for i := range 3 {
			go func() {
				if err := slots.acquire(t.Context(), func() {}); err != nil {
					t.Error(err)
				}
				order = append(order, i)
			}()
			synctest.Wait()
		}
		for range 3 {
			slots.release()
			synctest.Wait()
		}
		if want := []int{0, 1, 2}; !slices.Equal(order, want) {
			t.Errorf("slots went to %v, want %v", order, want)
		}
		if slots.wanted.Load() != 0 || slots.free != 0 {
			t.Errorf("%d wait and %d are free, want none of either", slots.wanted.Load(), slots.free)
		}
	})
}

func TestWaitingForASlotEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := newUpstreamSlots(1)
		if err := slots.acquire(t.Context(), func() {}); err != nil {
			t.Fatal(err)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := slots.acquire(late, func() {})
		if !isTimeout(err) || err.Error() != "all 1 connections to upstreams (max_connections) stayed in use: context deadline exceeded" {
			t.Errorf("got %v, want a timeout that names the limit", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := slots.acquire(gone, func() {}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the cancellation", err)
		}
		slots.release()
		if slots.free != 1 || slots.wanted.Load() != 0 {
			t.Errorf("%d are free and %d wait, want 1 and none", slots.free, slots.wanted.Load())
		}
	})
}

func TestASlotThatComesWithTheEndOfTheWaitIsNotLost(t *testing.T) {
	for range 200 {
		slots := newUpstreamSlots(1)
		_ = slots.acquire(t.Context(), func() {})
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if slots.acquire(ctx, func() {}) == nil {
				slots.release()
			}
		})
		both.Go(slots.release)
		both.Go(cancel)
		both.Wait()
		if slots.free != 1 {
			t.Fatalf("%d slots are free, want 1", slots.free)
		}
	}
}

func TestTheConnectionThatIsIdleLongestMakesRoom(t *testing.T) {
	all := newUpstreams(3)
	first, second := all.pool(siteTo("a", "10.0.0.1:1", "http")), all.pool(siteTo("b", "10.0.0.2:1", "http"))
	var conns []*countedConn
	for i, pool := range []*upstreamPool{first, second, first} {
		if err := all.slots.acquire(t.Context(), func() { t.Errorf("no slot for connection %d", i) }); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, &countedConn{})
		conn := &upstreamConn{Conn: conns[i], slots: all.slots}
		pool.put(conn)
		conn.idleSince = time.Unix(int64(1000-i), 0)
	}
	for i, want := range [][]int{{0, 1, 0}, {1, 1, 0}, {1, 1, 1}} {
		// The first pool's oldest is its first, whatever the clock says.
		if err := all.slots.acquire(t.Context(), all.makeRoom); err != nil {
			t.Fatal(err)
		}
		got := []int{conns[0].closed, conns[1].closed, conns[2].closed}
		if !slices.Equal(got, want) {
			t.Errorf("after %d more connections: closed %v, want %v", i+1, got, want)
		}
	}
}

func TestASlotIsGivenBackWhenItsConnectionIsClosed(t *testing.T) {
	slots := newUpstreamSlots(1)
	if err := slots.acquire(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	conn := &slotConn{slots: slots}
	if err := (&upstreamConn{Conn: conn, slots: slots}).Close(); err != nil {
		t.Fatal(err)
	}
	if conn.free != 0 || slots.free != 1 {
		t.Errorf("%d slots were free when the connection was closed and %d are after it, want 0 and 1", conn.free, slots.free)
	}
}

// slotConn is a connection that notes how many slots are free when it is closed.
type slotConn struct {
	net.Conn
	slots *upstreamSlots
	free  int
}

func (c *slotConn) Close() error {
	c.free = c.slots.free
	return nil
}

// An HTTP/2 client may ask for 250 things at once on each of its connections; the descriptors are reckoned with one upstream
// connection for each client connection (S-2.22).
func TestConnectionsToUpstreamsNeverOutnumberMaxConnections(t *testing.T) {
	const limit, streams = 200, 240 // the limit is startDaemon's
	// A connection counts up to its answer: only after that can the proxy give it up, and open another one. When it is
	// closed cannot be counted from here, as the next one may be accepted before the end of this one is seen.
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
		return d.shared.upstreams.slots.wanted.Load() == streams-limit && open.Load() == limit
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
