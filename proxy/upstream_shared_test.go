package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http2"
)

// h2Server serves a handler over HTTP/2 without TLS.
func h2Server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener) // returns after Close, which is not an error
		close(served)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

// sharedCalls returns a function that makes calls to an upstream over HTTP/2, all of them through one set of pools.
func sharedCalls(t *testing.T, address string, connections int) (*upstreams, func() *upstreamCall) {
	t.Helper()
	all := newUpstreams(connections)
	t.Cleanup(func() {
		all.close()
		for _, pool := range all.all() {
			waitFor(t, "the connections to end", func() bool {
				pool.sweep(time.Now())
				return pool.shared.Conns() == 0
			})
		}
	})
	to := siteTo("a", address, "http")
	to.config.UpstreamProtocol = "http2"
	to.config.ConnectTimeout, to.config.RequestTimeout = time.Minute, time.Minute
	target := all.target(to, 0)
	return all, func() *upstreamCall { return &upstreamCall{owner: &lonelyOwner{}, to: target} }
}

// TestRequestsOverHTTP2AreNotMixed makes 20,000 calls with an identity in every part, a hundred at a time, with bodies that were
// there, and with bodies that arrive in pieces.
func TestRequestsOverHTTP2AreNotMixed(t *testing.T) {
	leaks(t)
	address := h2Server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path)
		_, _ = io.WriteString(w, r.URL.Path+":")
		_, _ = io.Copy(w, r.Body)
	})
	all, call := sharedCalls(t, address, 200)
	var workers sync.WaitGroup
	for worker := range 100 {
		workers.Go(func() {
			c := call()
			for n := range 200 {
				path := fmt.Sprintf("/%d/%d", worker, n)
				request := &Request{Method: "GET", Target: path, Authority: "a.test"}
				var source bodySource
				sent := ""
				switch n % 3 {
				case 1:
					sent = "body of " + path
					request.Method, request.ContentLength, source = "POST", int64(len(sent)), bodyOf(sent)
				case 2:
					sent = "pieces of " + path
					request.Method, request.ContentLength = "POST", -1
					source = &fakeBody{parts: strings.SplitAfter(sent, " "), err: io.EOF}
				}
				status, body, err := c.sendAlone(request, source)
				if want := path + ":" + sent; status != 200 || body != want || err != nil {
					t.Errorf("got %d %q, %v; want %q", status, body, err, want)
					return
				}
			}
		})
	}
	workers.Wait()
	for _, pool := range all.all() {
		if idle, used := pool.sizes(); used != 0 || idle > 100 || pool.shared.Conns() != 1 {
			t.Errorf("got %d idle and %d used permissions on %d connections, want at most 100, 0 and 1", idle, used, pool.shared.Conns())
		}
	}
}

// A restart of the upstream ends its connections with GOAWAY. What it has not acted on goes to a new one, whatever the method.
func TestARequestThatWasNotActedOnIsSentAgain(t *testing.T) {
	leaks(t)
	var mu sync.Mutex
	conns := 0
	upstream := scriptedH2(t, func(conn net.Conn) {
		mu.Lock()
		conns++
		first := conns == 1
		mu.Unlock()
		serveFrames(conn, func(h http2.Header, out []byte) []byte {
			switch {
			case h.Type != http2.TypeHeaders:
				return out
			case first && h.Stream == 1:
				return http2.AppendRSTStream(out, 1, http2.RefusedStream)
			case first:
				return http2.AppendGoAway(out, 1, http2.NoError)
			}
			out = append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders, h.Stream), 0x88)
			return http2.AppendData(out, h.Stream, []byte("second"), true)
		})
	})
	_, call := sharedCalls(t, upstream, 10)
	request := &Request{Method: "POST", Target: "/", Authority: "a.test", ContentLength: 4}
	status, body, err := call().sendAlone(request, bodyOf("body"))
	if status != 200 || body != "second" || err != nil {
		t.Errorf("got %d %q, %v; want the answer of the second connection", status, body, err)
	}
	if conns != 2 {
		t.Errorf("got %d connections, want 2", conns)
	}
}

// scriptedH2 is an upstream that greets with SETTINGS.
func scriptedH2(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
	})
	return listener.Addr().String()
}

// serveFrames answers frames until the connection ends.
func serveFrames(conn net.Conn, answer func(h http2.Header, out []byte) []byte) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.Preface))); err != nil {
		return
	}
	out := http2.AppendSettings(nil)
	header, payload := make([]byte, http2.HeaderBytes), make([]byte, http2.MaxFrameBytes)
	for {
		if _, err := conn.Write(out); err != nil {
			return
		}
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		h, fault := http2.ParseHeader(header)
		if fault != nil {
			return
		}
		if _, err := io.ReadFull(conn, payload[:h.Length]); err != nil {
			return
		}
		out = answer(h, out[:0])
	}
}

// A client that has given up a request must not end those of others, and a hanging upstream ends with its timeout.
func TestACancelledRequestEndsOnlyItsStream(t *testing.T) {
	leaks(t)
	address := h2Server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "fine")
	})
	all, call := sharedCalls(t, address, 10)
	waiting := call()
	ended := make(chan error)
	go func() {
		_, _, err := waiting.sendAlone(&Request{Method: "GET", Target: "/wait", Authority: "a.test"}, nil)
		ended <- err
	}()
	pool := all.all()[0]
	waitFor(t, "the request to be sent", func() bool { _, used := pool.sizes(); return used == 1 && pool.shared.Conns() == 1 })
	other := call()
	if status, body, err := other.sendAlone(&Request{Method: "GET", Target: "/", Authority: "a.test"}, nil); status != 200 || body != "fine" || err != nil {
		t.Errorf("got %d %q, %v", status, body, err)
	}
	waiting.cancel(errClientGone)
	if err := <-ended; !errors.Is(err, h2client.ErrInterrupted) {
		t.Errorf("got %v, want %v", err, h2client.ErrInterrupted)
	}
	if status, _, err := other.sendAlone(&Request{Method: "GET", Target: "/", Authority: "a.test"}, nil); status != 200 || err != nil || pool.shared.Conns() != 1 {
		t.Errorf("got %d, %v on %d connections; want the same one", status, err, pool.shared.Conns())
	}
}

// A call of HTTP/2 must cost no allocation in steady state.
func TestACallOverHTTP2AllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	upstream := scriptedH2(t, func(conn net.Conn) {
		serveFrames(conn, func(h http2.Header, out []byte) []byte {
			if h.Type != http2.TypeHeaders {
				return out
			}
			out = append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders, h.Stream), 0x88)
			return http2.AppendData(out, h.Stream, []byte("hello"), true)
		})
	})
	_, call := sharedCalls(t, upstream, 10)
	c := call()
	request := &Request{Method: "GET", Target: "/", Authority: "a.test", Fields: Fields{{Name: "User-Agent", Value: "test"}}}
	timer, body, owner, to := &deadline.Timer{Sweeper: deadline.NewSweeper()}, &requestBody{}, c.owner, c.to
	send := func() {
		body.reset()
		body.timedBy(timer, time.Minute)
		c.reset(owner, request, body, timer)
		c.to = to
		conn, err := c.roundTrip()
		if err != nil {
			t.Fatal(err)
		}
		conn.body.begin(conn.upstreamResponse, request.Method)
		for {
			if _, err := conn.body.next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		c.giveBack(conn)
		c.releaseResponse()
	}
	for range 1000 {
		send()
	}
	if allocs := testing.AllocsPerRun(500, send); allocs >= 1 {
		t.Errorf("got %v allocations for a call, want 0", allocs)
	}
}

// A check goes over the protocol of the requests, and ends with its context.
func TestAnUpstreamOfHTTP2IsCheckedOverHTTP2(t *testing.T) {
	leaks(t)
	address := h2Server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-r.Context().Done()
			return
		}
		if r.Host != "a.test" || r.Header.Get("X-Forwarded-Proto") != "https" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	_, call := sharedCalls(t, address, 10)
	check := &upstreamCheck{to: call().to, host: "a.test", health: config.Health{Path: "/up", Timeout: time.Minute, ExpectStatus: 200}}
	if err := check.run(t.Context()); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	check.health.Path, check.health.Timeout = "/wait", 20*time.Millisecond
	if err := check.run(t.Context()); !errors.Is(err, errCheckTimeout) {
		t.Errorf("got %v, want %v", err, errCheckTimeout)
	}
}
