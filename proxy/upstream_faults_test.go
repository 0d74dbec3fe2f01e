package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// answering returns an upstream's script that answers every request without a body, for as long as requests come.
func answering(answer string) func(int, *bufio.Reader, net.Conn) {
	return func(_ int, r *bufio.Reader, conn net.Conn) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	}
}

func TestAPooledTLSConnectionThatTheUpstreamHasClosedIsNotUsed(t *testing.T) {
	leaks(t)
	secure, roots := upstreamTLS(t)
	answered, closed := make(chan struct{}), make(chan struct{})
	upstream := scriptedUpstream(t, secure, func(n int, r *bufio.Reader, conn net.Conn) {
		if n > 1 {
			answering(okResponse)(n, r, conn)
			return
		}
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, okResponse)
		<-answered
		_ = conn.Close() // close_notify, and the end
		close(closed)
	})
	p := startPath(t, byName(upstream), func(o *pathOptions) { o.roots = roots })
	conn := p.dial(t)
	r := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, getA)
	readResponse(t, r, "GET")
	waitFor(t, "the connection to be pooled", func() bool { return p.idleUpstreams() == 1 })
	close(answered)
	<-closed
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n") // which is not repeated
	if response, _ := readResponse(t, r, "POST"); response.StatusCode != 200 {
		t.Errorf("got %d, want 200 by a new connection; log:\n%s", response.StatusCode, p.log)
	}
}

// gathered writes several TLS records in one piece.
type gathered struct {
	net.Conn
	mu      sync.Mutex
	hold    bool
	waiting []byte
}

func (g *gathered) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hold {
		g.waiting = append(g.waiting, p...)
		return len(p), nil
	}
	return g.Conn.Write(p)
}

func (g *gathered) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold = false
	_, _ = g.Conn.Write(g.waiting)
}

func TestASecondAnswerOfAnUpstreamIsNotTheNextClients(t *testing.T) {
	const unasked = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
	for _, test := range []struct {
		name   string
		secure bool
	}{{"in plain text", false}, {"in a separate TLS record that was read with the first answer", true}} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			serverTLS, roots := upstreamTLS(t)
			upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
				together := &gathered{Conn: conn}
				var served net.Conn = together
				if test.secure {
					served = tls.Server(together, serverTLS)
					r = bufio.NewReader(served)
				}
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					together.hold = true
					_, _ = io.WriteString(served, okResponse)
					if n == 1 {
						_, _ = io.WriteString(served, unasked)
					}
					together.release()
				}
			})
			p := startPath(t, byName(upstream), func(o *pathOptions) {
				if test.secure {
					o.roots = roots
				}
			})
			conn := p.dial(t)
			r := bufio.NewReader(conn)
			for range 3 {
				_, _ = io.WriteString(conn, getA)
				if _, body := readResponse(t, r, "GET"); body != "hello" {
					t.Errorf("got the body %q, want %q", body, "hello")
				}
			}
		})
	}
}

func TestABodyThatATLSUpstreamBreaksOffNeverEndsCleanly(t *testing.T) {
	leaks(t)
	secure, roots := upstreamTLS(t)
	upstream := scriptedUpstream(t, nil, func(_ int, _ *bufio.Reader, conn net.Conn) {
		together := &gathered{Conn: conn}
		served := tls.Server(together, secure)
		if _, err := readHead(bufio.NewReader(served)); err != nil {
			return
		}
		_, _ = io.WriteString(served, "HTTP/1.1 200 OK\r\n\r\nhalf") // its body ends with the connection
		together.hold = true
		_, _ = io.WriteString(served, "another half")
		_, _ = conn.Write(together.waiting[:len(together.waiting)/2])
	})
	answer, _ := startPath(t, byName(upstream), func(o *pathOptions) { o.roots = roots }).exchange(t, getA)
	if strings.HasSuffix(answer, "0\r\n\r\n") || !strings.Contains(answer, "half") {
		t.Errorf("got %q, want what came and no end", answer)
	}
}

// endSeen records whether the end of a connection was read, which happens only without a close_notify before it.
type endSeen struct {
	net.Conn
	seen bool
}

func (e *endSeen) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.seen = e.seen || err != nil
	return n, err
}

func TestATruncatedBodyForAnHTTP10ClientIsNoOrderlyEnd(t *testing.T) {
	leaks(t)
	for _, test := range []struct {
		name, answer string
		orderly      bool
	}{
		{"a complete body ends in order", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n", true},
		{"a truncated body does not", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				_, _ = readHead(r)
				_, _ = io.WriteString(conn, test.answer)
			})
			raw, err := net.Dial("tcp", startPath(t, upstream, nil).addr)
			if err != nil {
				t.Fatal(err)
			}
			end := &endSeen{Conn: raw}
			conn := tls.Client(end, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test"})
			defer conn.Close()
			_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
			answer, _ := io.ReadAll(conn)
			if !strings.HasSuffix(string(answer), "half") || end.seen == test.orderly {
				t.Errorf("got %q, with close_notify %v, want %v: all that tells a client that it has everything", answer, !end.seen, test.orderly)
			}
		})
	}
}

func TestAnUpstreamThatLeavesWhileABodyIsAwaitedIsABadGateway(t *testing.T) {
	for _, test := range []struct{ name, head string }{
		{"with a declared length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhalf"},
		{"in chunks", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"},
		{"that waits for 100", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				_, _ = readHead(r)
				if strings.Contains(test.head, "half") {
					_, _ = io.ReadAtLeast(r, make([]byte, 100), 4)
				}
			})
			p := startPath(t, upstream, nil)
			answer, _ := p.exchange(t, test.head)
			if !strings.Contains(answer, "502 Bad Gateway") {
				t.Errorf("got %q, want 502; log:\n%s", answer, p.log)
			}
			waitFor(t, "the log line", func() bool { return strings.Contains(p.log.String(), "UPSTREAM_ERROR") })
		})
	}
}

func TestAConnectionOutlivesAGatewayTimeoutOrSaysThatItDoesNot(t *testing.T) {
	leaks(t)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.HasPrefix(head, "GET /slow") {
				continue
			}
			_, _ = io.WriteString(conn, okResponse)
		}
	})
	p := startPath(t, upstream, func(o *pathOptions) { o.request = 2 * time.Second })
	conn := p.dial(t)
	r := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
	response, _ := readResponse(t, r, "GET")
	if response.StatusCode != 504 {
		t.Fatalf("got %d, want 504", response.StatusCode)
	}
	if response.Close {
		return
	}
	_, _ = io.WriteString(conn, getA)
	if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 {
		t.Errorf("the connection was said to stay open, and the next request got %v, %v", response, err)
	}
}

func TestAnUpstreamThatConnectsSlowlyHasADeadlineStill(t *testing.T) {
	leaks(t)
	secure, roots := upstreamTLS(t)
	upstream := scriptedUpstream(t, nil, func(_ int, _ *bufio.Reader, conn net.Conn) {
		time.Sleep(600 * time.Millisecond) // longer than a head may take
		served := tls.Server(conn, secure)
		_, _ = io.Copy(io.Discard, served) // and never a response
	})
	p := startPath(t, byName(upstream), func(o *pathOptions) {
		o.roots, o.header, o.connect, o.request = roots, 200*time.Millisecond, patience, 200*time.Millisecond
	})
	answer := ""
	waitFor(t, "a client whose head came in time to be answered", func() bool {
		conn := p.dialAgain(t)
		_, _ = io.WriteString(conn, getA)
		answer, _ = bufio.NewReader(conn).ReadString('\n')
		_ = conn.Close()
		return answer != ""
	})
	if !strings.Contains(answer, "504") {
		t.Errorf("got %q, want 504", answer)
	}
	waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 })
}

func TestManyInterimResponsesAreNoLongHead(t *testing.T) {
	leaks(t)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, strings.Repeat("HTTP/1.1 102 Processing\r\nServer: x\r\n\r\n", 5000)+okResponse)
	})
	answer, _ := startPath(t, upstream, nil).exchange(t, strings.Replace(getA, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	if n := strings.Count(answer, "102 Processing"); n != 5000 || !strings.HasSuffix(answer, "hello") {
		t.Errorf("got %d interim responses and an answer that ends with %q", n, answer[max(0, len(answer)-80):])
	}
	if strings.Contains(answer, "Server:") {
		t.Error("an interim response names the server")
	}
}
