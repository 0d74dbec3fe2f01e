package proxy

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"reverse-proxy/proxy/http2"
)

// h2Loop is a connection without TLS on which a request is repeated byte for byte.
type h2Loop struct {
	client net.Conn
	h      *h2Conn
	ended  chan struct{}
	// again is a request as sent once the table knows its fields, except for its stream number.
	again  []byte
	next   uint32
	answer [32 << 10]byte
	// got is the body length of the last answer.
	got int
}

func newH2Loop(tb testing.TB, server *siteServer) *h2Loop {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := newClientConn(server, accepted.(*net.TCPConn))
	if err != nil {
		tb.Fatal(err)
	}
	server.registry.sweeper.Add(&c.timer)
	l := &h2Loop{client: client, h: newH2Conn(c), ended: make(chan struct{}), next: 1}
	l.h.conn = accepted
	c.http2.Store(l.h)
	l.h.greet()
	go func() {
		defer close(l.ended)
		l.h.finish(l.h.read())
		_ = accepted.Close()
	}()
	tb.Cleanup(func() {
		_ = client.Close()
		<-l.ended
		server.registry.sweeper.Remove(&c.timer)
	})
	// The window of the connection is never the limit here.
	greeting := http2.AppendWindowUpdate(http2.AppendSettings([]byte(http2.Preface)), 0, http2.MaxWindow-http2.InitialWindow)
	if _, err := client.Write(greeting); err != nil {
		tb.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for range 2 {
		block.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a.test"}, {"user-agent", "loop"}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // a bytes.Buffer never fails
		}
		head := http2.AppendHeader(nil, block.Len(), http2.TypeHeaders, http2.FlagEndHeaders|http2.FlagEndStream, 0)
		l.again = append(head, block.Bytes()...)
		l.request(tb, l.next)
	}
	return l
}

// request sends a request and reads its answer to the end.
func (l *h2Loop) request(tb testing.TB, id uint32) {
	l.next, l.got = id+2, 0
	l.again[5], l.again[6], l.again[7], l.again[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
	if _, err := l.client.Write(l.again); err != nil {
		tb.Fatal(err)
	}
	for ended := false; !ended; {
		if _, err := io.ReadFull(l.client, l.answer[:http2.HeaderBytes]); err != nil {
			tb.Fatal(err)
		}
		head, failed := http2.ParseHeader(l.answer[:])
		if failed != nil {
			tb.Fatal(failed)
		}
		if _, err := io.ReadFull(l.client, l.answer[:head.Length]); err != nil {
			tb.Fatal(err)
		}
		if head.Stream != 0 && head.Stream != id {
			tb.Fatalf("got a frame on stream %d after its end, want only frames of stream %d", head.Stream, id)
		}
		if head.Type == http2.TypeData {
			l.got += head.Length
		}
		ended = head.Stream == id && head.Has(http2.FlagEndStream) && (head.Type == http2.TypeData || head.Type == http2.TypeHeaders)
	}
}

// plainServer returns a server that answers by itself, without an allocation.
func plainServer(tb testing.TB, body []byte) *siteServer {
	server := h2FuzzServer(tb)
	fields := Fields{{Name: "Content-Type", Value: "text/plain"}}
	server.pipeline.stages = []stage{{name: "answer", run: func(x *exchange) *answer {
		x.status = statusOK
		if x.client.Head(statusOK, "", fields, int64(len(body)), false) != nil {
			x.abort = true
			return nil
		}
		if _, err := x.client.Write(body); err != nil || x.client.End(nil) != nil {
			x.abort = true
		}
		s := x.client.(*h2Stream)
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		if s.scheduled {
			tb.Error("got the stream waiting for its turn after its end, want it out of the schedule")
		}
		return nil
	}}}
	return server
}

func TestAnHTTP2RequestCostsNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets what it holds now and then under the race detector; make unit runs this without it too")
	}
	t.Run("without header rules", func(t *testing.T) { countH2Allocations(t, plainServer(t, []byte("hello"))) })
	t.Run("with routes", func(t *testing.T) {
		server := plainServer(t, []byte("hello"))
		server.pipeline.dynamic.Load().sites = dynamicOfRoutes(0, "/", "/api").sites
		last := server.pipeline.stages[0]
		server.pipeline.stages = []stage{{name: "routed", run: func(x *exchange) *answer {
			if x.decision.route.config.Path != "/" {
				t.Errorf("got the decision %+v, want the route /", x.decision)
			}
			return nil
		}}, last}
		countH2Allocations(t, server)
	})
	t.Run("with header rules", func(t *testing.T) {
		server := plainServer(t, []byte("hello"))
		var options pathOptions
		usualRules(t)(&options)
		server.pipeline.dynamic.Load().ResponseHeaders = options.responseRules
		room := make(Fields, 0, 16)
		last := server.pipeline.stages[0]
		server.pipeline.stages = []stage{{name: "rules", run: func(x *exchange) *answer {
			x.ruleRequest(options.requestRules)
			fields := append(room[:0], x.request.Fields...)
			x.ruleResponse(&fields)
			if len(fields) != len(x.request.Fields)+3 {
				t.Errorf("got the fields %v, want three more than those of the request", fields)
			}
			return nil
		}}, last}
		countH2Allocations(t, server)
	})
}

// countH2Allocations fails the test if a request to the server costs an allocation.
func countH2Allocations(t *testing.T, server *siteServer) {
	t.Helper()
	l := newH2Loop(t, server)
	const requests = 2000
	for range 100 {
		l.request(t, l.next)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range requests {
		l.request(t, l.next)
	}
	runtime.ReadMemStats(&after)
	// The sweeper's ticks count too.
	if got := float64(after.Mallocs-before.Mallocs) / requests; got > 2 {
		t.Errorf("got %.1f allocations a request, want at most 2", got)
	}
}

func TestBodiesAroundTheSizeOfAFrameEndOnce(t *testing.T) {
	for size := h2DataBytes - 3; size <= h2SmallBytes+3; size++ {
		l := newH2Loop(t, plainServer(t, make([]byte, size)))
		for range 30 {
			if l.request(t, l.next); l.got != size {
				t.Fatalf("got %d bytes, want %d", l.got, size)
			}
		}
	}
}

func TestAnIdleConnectionKeepsNothing(t *testing.T) {
	server := plainServer(t, []byte("hello"))
	l := newH2Loop(t, server)
	sweeper := server.registry.sweeper
	idle := func() bool {
		l.h.mu.Lock()
		defer l.h.mu.Unlock()
		return l.h.running == 0
	}
	// A stream ends a little after its answer. Only a request that comes after that finds the stream's goroutine, and
	// is the second one of a connection that was idle.
	waitFor(t, "the connection to be idle", idle)
	l.request(t, l.next)
	waitFor(t, "the connection to be idle again", idle)
	sweeper.Sweep()
	l.h.mu.Lock()
	if l.h.idleSince = l.h.now() - int64(2*time.Second); !l.h.writing || len(l.h.workers) != 1 {
		t.Errorf("got writing %v and %d workers, want both kept for a while", l.h.writing, len(l.h.workers))
	}
	l.h.mu.Unlock()
	waitFor(t, "goroutines and buffers to be given up", func() bool {
		sweeper.Sweep() // again, because the reader may not yet have noted that the connection is idle
		l.h.mu.Lock()
		defer l.h.mu.Unlock()
		return !l.h.writing && len(l.h.workers) == 0 && l.h.out == nil
	})
	l.request(t, l.next)
}

func BenchmarkHTTP2Request(b *testing.B) {
	l := newH2Loop(b, plainServer(b, []byte("hello")))
	b.ReportAllocs()
	for b.Loop() {
		l.request(b, l.next)
	}
}
