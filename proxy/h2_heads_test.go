package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http2"
)

// queuedHead returns a connection whose output has a large head with a place, and the places. occupy is called before the
// head is queued.
func queuedHead(t *testing.T, occupy func(h *h2Conn)) (*h2Conn, *h2Stream, *lookahead) {
	t.Helper()
	r, ahead := largeHeadResponse(t)
	c := batchesConn(t, newConnRegistry(10, 10, deadline.NewSweeper())).client
	c.server, c.stream = &siteServer{registry: newConnRegistry(10, 10, deadline.NewSweeper())}, c.socket
	h := newH2Conn(c)
	s := h2Streams.New().(*h2Stream)
	s.conn = h
	s.exchange.call.response = r
	occupy(h)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.queueHead(200, r.head.Fields, 2, false); err != nil {
		t.Fatal(err)
	}
	return h, s, ahead
}

// TestALargeHeadHasItsPlaceUntilItIsWritten queues a large head. Its place is given back when the head is written or has to wait
// for the client, but not before.
func TestALargeHeadHasItsPlaceUntilItIsWritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(h *h2Conn)
		taken  int32
		then   func(h *h2Conn)
	}{
		{name: "it is written", taken: 1, then: func(h *h2Conn) {
			h.mu.Lock()
			h.closed = true // the writer then ends after it
			h.wakeWriter()
			h.mu.Unlock()
			h.tasks.Wait()
		}},
		{name: "a write that waits had begun before", before: func(h *h2Conn) { h.client.socket.blocked.Store(true) }},
		{name: "a write begins to wait", taken: 1, then: func(h *h2Conn) {
			written := make(chan struct{})
			t.Cleanup(func() { <-written })
			go func() {
				defer close(written)
				_, _ = h.client.socket.Write(make([]byte, 64<<20)) // the peer takes nothing, and goes at the end
			}()
			waitFor(t, "the write to wait", h.client.socket.blocked.Load)
		}},
		{name: "the writer begins to wait for room", taken: 1, then: func(h *h2Conn) {
			fillSocket(t, h.client.socket)
			waited := make(chan struct{})
			t.Cleanup(func() { <-waited })
			go func() {
				defer close(waited)
				_ = h.client.socket.awaitRoom() // until the peer goes
			}()
			waitFor(t, "the wait for room", h.client.socket.blocked.Load)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.before == nil {
				c.before = func(*h2Conn) {}
			}
			h, s, ahead := queuedHead(t, c.before)
			t.Cleanup(func() { _ = h.client.socket.Close() })
			s.exchange.call.response.release() // everything was copied
			if got := ahead.heads.taken.Load(); got != c.taken {
				t.Fatalf("%d places are taken while the head is queued, want %d", got, c.taken)
			}
			if c.then != nil {
				c.then(h)
			}
			waitFor(t, "the place", func() bool { return ahead.heads.taken.Load() == 0 })
		})
	}
}

// fillSocket writes until the socket has no room.
func fillSocket(t *testing.T, s *socket) {
	t.Helper()
	for rest := []byte(nil); len(rest) == 0; {
		var err error
		if rest, err = s.TryWrite(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAHeadThatWaitsForItsClientNeedsNoPlaceInTheOutput queues the head of an answer that was parked.
func TestAHeadThatWaitsForItsClientNeedsNoPlaceInTheOutput(t *testing.T) {
	r, ahead := largeHeadResponse(t)
	h := batchesConn(t, newConnRegistry(10, 10, deadline.NewSweeper()))
	s := h2Streams.New().(*h2Stream)
	s.conn = h
	s.exchange.call.response = r
	s.exchange.call.parkHead()
	s.queuePlace()
	if waiting, n := ahead.waitingHeads.Load(), h.heads.n.Load(); waiting != 1 || n != 0 {
		t.Errorf("%d heads wait, and %d are in the output; want one and none", waiting, n)
	}
	r.release()
	if waiting := ahead.waitingHeads.Load(); waiting != 0 {
		t.Errorf("%d heads wait after the response was released", waiting)
	}
}

// largeHeadUpstream answers each request with a head of 50 KB.
func largeHeadUpstream(t *testing.T) string {
	head := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + strings.Repeat("X-A: "+strings.Repeat("~", 1000)+"\r\n", 50) + "\r\nok"
	return rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) { _, _ = io.WriteString(conn, head) })
}

// TestClientsThatTakeNoLargeHeadsKeepNoPlaces has more connections than there are places, each with requests for large heads.
// The clients read nothing, and then they leave. Another client is answered before and after that.
func TestClientsThatTakeNoLargeHeadsKeepNoPlaces(t *testing.T) {
	d := startDaemon(t, largeHeadUpstream(t), "")
	heads := &d.shared.upstreams.lookahead.heads
	silent := make([]*h2Client, maxLargeHeads+2)
	for i := range silent {
		conn := d.dial(t, "h2")
		if err := conn.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		silent[i] = newH2ClientOn(t, conn)
		send := silent[i].record()
		for id := uint32(1); id < 40; id += 2 {
			silent[i].request(id, "GET", fmt.Sprintf("/%d", id), true)
		}
		send()
	}
	answered := func() {
		t.Helper()
		other := newH2Client(t, d)
		other.framer.MaxHeaderListSize = 1 << 20
		other.request(1, "GET", "/", true)
		if s := other.answer(1); len(s.heads) != 1 || !strings.HasPrefix(s.heads[0], ":status: 200") || s.body.String() != "ok" {
			t.Errorf("another client got %.100q and the reset %q", s.heads, s.reset)
		}
	}
	answered()
	waitFor(t, "the places that clients could keep", func() bool { return heads.taken.Load() <= maxLargeHeads/2 })
	for _, c := range silent {
		_ = c.conn.(interface{ NetConn() net.Conn }).NetConn().Close()
	}
	answered()
	waitFor(t, "all places", func() bool { return heads.taken.Load() == 0 })
}

// TestALargeHeadIsQueuedInABufferOfAPool checks which buffers are enlarged for a head.
func TestALargeHeadIsQueuedInABufferOfAPool(t *testing.T) {
	for _, c := range []struct {
		name            string
		queued, room    int
		blocked, pooled bool
	}{
		{"a usual head", 0, http2.HeaderBytes, false, false},
		{"a usual head after output that has filled the buffer", h2SmallBatch, http2.HeaderBytes, false, false},
		{"a large head", 0, 50 << 10, false, true},
		{"a large head after other output", 10 << 10, 50 << 10, false, true},
		{"one that fits nowhere", 30 << 10, 60 << 10, false, false},
		{"a large head while the client takes nothing", 0, 50 << 10, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			registry := newConnRegistry(10, 10, deadline.NewSweeper())
			registry.batches.large.Store(maxLargeBatches) // only small ones are left
			h := batchesConn(t, registry)
			h.grow(c.queued)
			copy(*h.out, "begin")
			h.client.socket.blocked.Store(c.blocked)
			out := h.makeRoom(c.room)
			if got := cap(*out) == largeHeadBytes; got != c.pooled || cap(*out)-len(*out) < c.room || len(*out) != c.queued {
				t.Errorf("got %d bytes in a buffer of %d", len(*out), cap(*out))
			}
			if c.queued > 0 && string((*out)[:5]) != "begin" {
				t.Error("the output before it was lost")
			}
			if h.out != out {
				t.Error("the buffer is not the connection's output")
			}
			h.giveBuffers(nil)
		})
	}
}
