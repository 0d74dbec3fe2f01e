package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/headers"
)

// steadyUpstream answers every request of given length, and allocates nothing once it runs.
func steadyUpstream(t testing.TB, requestEnd, answer []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	conns := make(chan net.Conn, 1)
	t.Cleanup(func() {
		_ = ln.Close()
		select {
		case conn := <-conns:
			_ = conn.Close()
		default:
		}
		<-ended
	})
	go func() {
		defer close(ended)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		conns <- conn
		defer conn.Close()
		buffer, n := make([]byte, 64<<10), 0
		for {
			read, err := conn.Read(buffer[n:])
			if err != nil {
				return
			}
			if n += read; bytes.HasSuffix(buffer[:n], requestEnd) {
				n = 0
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}
	}()
	return ln.Addr().String()
}

// steadyExchange is a client that repeats the same request on one connection, and allocates nothing.
type steadyExchange struct {
	conn            *tls.Conn
	request, answer []byte
	buffer          []byte
}

// newSteadyExchange starts a dataPath with the log on, and connects to it. answer is the response that the client gets.
func newSteadyExchange(t testing.TB, request, requestEnd, upstreamAnswer, answer string) *steadyExchange {
	t.Helper()
	s, _ := newSteadyPath(t, request, requestEnd, upstreamAnswer, answer, nil)
	return s
}

// newSteadyPath is newSteadyExchange with further options. It also returns the dataPath.
func newSteadyPath(t testing.TB, request, requestEnd, upstreamAnswer, answer string, change func(*pathOptions)) (*steadyExchange, *dataPath) {
	t.Helper()
	upstream := steadyUpstream(t, []byte(requestEnd), []byte(upstreamAnswer))
	p := startPath(t, upstream, func(o *pathOptions) {
		o.level, o.output = eventlog.LevelInfo, io.Discard
		if change != nil {
			change(o)
		}
	})
	conn := p.dial(t)
	return &steadyExchange{conn: conn, request: []byte(request), answer: datedAnswer(answer), buffer: make([]byte, 64<<10)}, p
}

// newTLSExchange is a steadyExchange with a server that only does TLS and sends the answer.
func newTLSExchange(t testing.TB, request, requestEnd, answer string) *steadyExchange {
	t.Helper()
	certificate, err := cert.MakeSelfSigned([]string{"a.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := tcpPair(t)
	server := tls.Server(ours, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		end, answer := []byte(requestEnd), datedAnswer(answer)
		buffer, n := make([]byte, 64<<10), 0
		for {
			read, err := server.Read(buffer[n:])
			if err != nil {
				return
			}
			if n += read; bytes.HasSuffix(buffer[:n], end) {
				n = 0
				if _, err := server.Write(answer); err != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() { _ = theirs.Close(); <-ended })
	conn := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
	return &steadyExchange{conn: conn, request: []byte(request), answer: datedAnswer(answer), buffer: make([]byte, 64<<10)}
}

// someDate is the placeholder for the time of a response.
const someDate = "Date: Sat, 01 Jan 2000 00:00:00 GMT"

// datedAnswer inserts the Date into a response where the proxy does.
func datedAnswer(answer string) []byte {
	for _, framing := range []string{"Content-Length: ", "Transfer-Encoding: "} {
		if head, rest, ok := strings.Cut(answer, framing); ok {
			return []byte(head + someDate + "\r\n" + framing + rest)
		}
	}
	panic("an answer without framing")
}

// allocations returns the number of allocations in the process per exchange, once the pools are filled.
func (s *steadyExchange) allocations(t testing.TB) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would empty the pools
	for range 500 {
		s.once(t)
	}
	const requests = 3000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range requests {
		s.once(t)
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / requests
}

// once sends the request and reads the answer.
func (s *steadyExchange) once(t testing.TB) {
	if _, err := s.conn.Write(s.request); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(s.answer); {
		read, err := s.conn.Read(s.buffer[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += read
		if at := bytes.Index(s.buffer[:n], []byte("Date: ")); at >= 0 {
			copy(s.buffer[at:n], someDate)
		}
		if n >= len(s.answer) && !bytes.Equal(s.buffer[:n], s.answer) {
			t.Fatalf("got %q, want %q", s.buffer[:n], s.answer)
		}
	}
}

// browserGet is a typical request of a browser.
const browserGet = "GET /user/repo/commits?page=2 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n\r\n"

var steadyExchanges = []struct{ name, request, requestEnd, upstreamAnswer, answer string }{
	{"a short request is answered", getA, "\r\n\r\n", okResponse, okResponse},
	{"a browser's request is answered", browserGet, "\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"},
	{"an answer comes in chunks", getA, "\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"a request has a body", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody", "body", okResponse, okResponse},
}

// TestARequestCostsNoAllocation counts the allocations of the process over some thousand requests on one connection,
// minus those of TLS: crypto/tls allocates a small object for each record that it reads, at both ends of a connection.
func TestARequestCostsNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets what it holds now and then under the race detector; make unit runs this without it too")
	}
	for _, test := range steadyExchanges {
		t.Run(test.name, func(t *testing.T) {
			ofTLS := newTLSExchange(t, test.request, test.requestEnd, test.answer).allocations(t)
			got := newSteadyExchange(t, test.request, test.requestEnd, test.upstreamAnswer, test.answer).allocations(t)
			// The sweeper's ticks and the log's batches do not belong to a request.
			if got-ofTLS >= 0.1 {
				t.Errorf("%.2f allocations a request, of which %.2f are those of TLS; want no others", got, ofTLS)
			}
		})
	}
}

func TestRoutesCostNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets what it holds now and then under the race detector; make unit runs this without it too")
	}
	for name, path := range map[string]string{"a route takes the path": "/user/repo", "nothing of the path is left": "/user?page=2", "the path is encoded": "/user/a%20b", "another route takes it": "/route-9/x", "no route takes it": "/x"} {
		t.Run(name, func(t *testing.T) {
			request := "GET " + path + " HTTP/1.1\r\nHost: a.test\r\n\r\n"
			ofTLS := newTLSExchange(t, request, "\r\n\r\n", okResponse).allocations(t)
			s, _ := newSteadyPath(t, request, "\r\n\r\n", okResponse, okResponse, func(o *pathOptions) { o.routes = 10 })
			// The sweeper's ticks and the log's batches do not belong to a request.
			if got := s.allocations(t); got-ofTLS >= 0.1 {
				t.Errorf("%.2f allocations a request, of which %.2f are those of TLS; want no others", got, ofTLS)
			}
		})
	}
}

// usualRules are header rules such as sites have.
func usualRules(t testing.TB) func(*pathOptions) {
	return func(o *pathOptions) {
		o.requestRules = compileRules(t, headers.Request, "set X-Site: {host} for {client_ip}", "set X-Request-Id: {request_id}", "set Host: {host}", "remove X-Debug")
		o.responseRules = compileRules(t, headers.Response, "set X-Frame-Options: DENY", "default Cache-Control: no-store", "set X-Served: {scheme}://{host}", "remove X-Powered-By")
	}
}

func TestHeaderRulesCostNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets what it holds now and then under the race detector; make unit runs this without it too")
	}
	for _, test := range steadyExchanges {
		t.Run(test.name, func(t *testing.T) {
			head, rest, _ := strings.Cut(test.answer, "\r\n\r\n")
			framing := head[strings.LastIndex(head, "\r\n"):] // it comes last, and the Date before what rules add
			answer := strings.TrimSuffix(head, framing) + "\r\n" + someDate + "\r\nCache-Control: no-store\r\nX-Frame-Options: DENY\r\nX-Served: https://a.test" + framing + "\r\n\r\n" + rest
			ofTLS := newTLSExchange(t, test.request, test.requestEnd, test.answer).allocations(t)
			s, _ := newSteadyPath(t, test.request, test.requestEnd, test.upstreamAnswer, test.answer, usualRules(t))
			s.answer = []byte(answer)
			// The sweeper's ticks and the log's batches do not belong to a request.
			if got := s.allocations(t); got-ofTLS >= 0.1 {
				t.Errorf("%.2f allocations a request, of which %.2f are those of TLS; want no others", got, ofTLS)
			}
		})
	}
}

// BenchmarkARequest measures one request over TLS through the whole path, with client and upstream in the same process.
func BenchmarkARequest(b *testing.B) {
	for _, bench := range steadyExchanges {
		b.Run(bench.name, func(b *testing.B) {
			s := newSteadyExchange(b, bench.request, bench.requestEnd, bench.upstreamAnswer, bench.answer)
			s.once(b)
			b.ReportAllocs() // two of them are those of TLS, at both ends
			for b.Loop() {
				s.once(b)
			}
		})
	}
}
