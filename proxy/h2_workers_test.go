package proxy

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"reverse-proxy/proxy/deadline"
)

// waveUpstream never answers /hang. It answers the other requests of a wave once all n of them have arrived.
func waveUpstream(t *testing.T, n int64) string {
	var arrived atomic.Int64
	all := make(chan struct{})
	return rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		if strings.HasPrefix(head, "GET /hang ") {
			_, _ = r.ReadByte() // until the proxy closes the connection
			return
		}
		if arrived.Add(1) == n {
			close(all)
		}
		<-all
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
}

// startWave sends a request that is never answered, then a wave of n requests at once that are.
func startWave(t *testing.T, d *testDaemon, n int) *h2Client {
	t.Helper()
	c := newH2Client(t, d)
	c.request(1, "GET", "/hang", true)
	for i := range n {
		c.request(uint32(2*i+3), "GET", "/", true)
	}
	for i := range n {
		if got := c.answer(uint32(2*i + 3)); got.body.String() != "ok" {
			t.Fatalf("got %+v, want ok", got)
		}
	}
	return c
}

// idleWorkers returns the number of idle workers of the only connection, and of the streams that run on it.
func idleWorkers(t *testing.T, d *testDaemon) (workers, running int) {
	t.Helper()
	h := d.onlyHTTP2(t)
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.workers), h.running
}

// TestAResponseWithoutAnEndKeepsNoGoroutines holds that what a wave has left ends although its connection is never idle (S-12.8).
func TestAResponseWithoutAnEndKeepsNoGoroutines(t *testing.T) {
	const wave = 20
	d := startDaemon(t, waveUpstream(t, wave), "")
	c := startWave(t, d, wave)
	waitFor(t, "the goroutines of the wave to be idle", func() bool {
		workers, running := idleWorkers(t, d)
		return workers > 0 && running == 1
	})
	waitFor(t, "the goroutines of the wave to end", func() bool {
		workers, _ := idleWorkers(t, d)
		return workers == 0
	})
	if got := d.shared.conns.idleWorkers.kept.Load(); got != 0 {
		t.Errorf("got %d idle goroutines counted, want none", got)
	}
	c.request(2*wave+3, "GET", "/", true)
	if got := c.answer(2*wave + 3); got.body.String() != "ok" {
		t.Errorf("got %+v after the goroutines have ended, want ok", got)
	}
	if _, running := idleWorkers(t, d); running == 0 {
		t.Error("the request without an answer has ended, want it still running")
	}
}

func TestGoroutinesThatAreUsedAllTheTimeAreKept(t *testing.T) {
	h := batchesConn(t, &connRegistry{sweeper: deadline.NewSweeper()})
	for range 10 {
		h.workers = append(h.workers, &h2Worker{next: make(chan *h2Stream, 1)})
		h.server.registry.idleWorkers.keep()
	}
	look := func() {
		h.cooled = h.now() - int64(h2WarmTime)
		h.coolWorkers()
	}
	look() // they may just have become idle
	for range 3 {
		for range 4 { // four streams run at once, and return
			h.launch(nil)
		}
		for range 4 {
			h.workers = append(h.workers, &h2Worker{next: make(chan *h2Stream, 1)})
			h.server.registry.idleWorkers.keep()
		}
		look()
		if got, counted := len(h.workers), h.server.registry.idleWorkers.kept.Load(); got != 4 || counted != 4 {
			t.Fatalf("got %d idle goroutines, %d counted, want the four that are used", got, counted)
		}
	}
	look()
	if got := len(h.workers); got != 0 {
		t.Errorf("got %d idle goroutines after a second without a stream, want none", got)
	}
}

func TestAllConnectionsTogetherKeepABoundedNumberOfIdleGoroutines(t *testing.T) {
	const wave = 20
	d := startDaemon(t, waveUpstream(t, wave), "")
	d.shared.conns.idleWorkers.kept.Add(maxIdleWorkers)
	startWave(t, d, wave)
	waitFor(t, "the wave to end", func() bool {
		_, running := idleWorkers(t, d)
		return running == 1
	})
	if workers, _ := idleWorkers(t, d); workers != 0 {
		t.Errorf("got %d idle goroutines while the other connections keep all that may be kept, want none", workers)
	}
	if got := d.shared.conns.idleWorkers.kept.Load(); got != maxIdleWorkers {
		t.Errorf("got %d idle goroutines counted, want the %d of the other connections", got, maxIdleWorkers)
	}
}
