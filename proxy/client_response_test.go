package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/deadline"
)

// countingConn counts the writes to it.
type countingConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// workTest is the http1Work of one request on a connection, with the client's end of the connection.
type workTest struct {
	*http1Work
	client *tls.Conn
	// below counts the writes to the network.
	below *countingConn
}

func newWorkTest(t *testing.T, request Request) *workTest {
	t.Helper()
	certificate, err := cert.MakeSelfSigned([]string{"a.test"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := tcpPair(t)
	socket, err := newSocket(ours)
	if err != nil {
		t.Fatal(err)
	}
	below := &countingConn{Conn: socket}
	server := tls.Server(below, &tls.Config{
		Certificates: []tls.Certificate{*certificate}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
	})
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	c := &clientConn{server: &siteServer{registry: newConnRegistry(1, 1, deadline.NewSweeper())}, stream: server, tls: server, tcp: ours, socket: socket}
	if c.fd, err = descriptorOf(ours); err != nil {
		t.Fatal(err)
	}
	c.idle.Init(nil, c, ours, c.fd)
	w := c.takeWork()
	w.request = request
	w.chunked, w.bodyless, w.closeAfter = false, false, false
	return &workTest{http1Work: w, client: client, below: below}
}

// sent ends the connection and returns all that was sent to the client.
func (w *workTest) sent(t *testing.T) string {
	t.Helper()
	all := make(chan string, 1)
	go func() {
		data, _ := io.ReadAll(w.client)
		all <- string(data)
	}()
	_ = w.conn.tls.Close()
	return <-all
}

func TestHowResponsesAreFramed(t *testing.T) {
	get, head, old := Request{Method: "GET", Protocol: HTTP11}, Request{Method: "HEAD", Protocol: HTTP11}, Request{Method: "GET", Protocol: HTTP10}
	for _, test := range []struct {
		name       string
		request    Request
		status     int
		length     int64
		closing    bool
		parts      []string
		trailers   Fields
		want       string
		closeAfter bool
	}{
		{"a declared length stays", get, 200, 5, false, []string{"he", "llo"}, nil, "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello", false},
		{"the length 0 stays", get, 200, 0, false, nil, nil, "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n", false},
		{"a body of unknown length is chunked", get, 200, -1, false, []string{"he", "llo"}, fieldList("X-Sum", "1"),
			"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n", false},
		{"an empty body of unknown length is chunked", get, 200, -1, false, nil, nil, "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		{"the end of the connection is announced", get, 413, 2, true, []string{"no"}, nil, "HTTP/1.1 413 Payload Too Large\r\nX-A: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", true},
		{"HEAD keeps the length", head, 200, 5, false, []string{"hello"}, nil, "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n", false},
		{"HEAD without a length has no framing", head, 200, -1, false, []string{"hello"}, fieldList("X-Sum", "1"), "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n", false},
		{"204 has no framing", get, 204, 0, false, nil, nil, "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", false},
		{"204 of unknown length has no framing", get, 204, -1, false, nil, nil, "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", false},
		{"304 keeps the length", get, 304, 5, false, nil, nil, "HTTP/1.1 304 Not Modified\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n", false},
		{"304 without a length has no framing", get, 304, -1, false, nil, nil, "HTTP/1.1 304 Not Modified\r\nX-A: 1\r\n\r\n", false},
		{"HTTP/1.0 of unknown length ends with the connection", old, 200, -1, false, []string{"he", "llo"}, fieldList("X-Sum", "1"),
			"HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nhello", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkTest(t, test.request)
			if err := w.Head(test.status, "", fieldList("X-A", "1"), test.length, test.closing); err != nil {
				t.Fatal(err)
			}
			for _, part := range test.parts {
				if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
			}
			before := w.below.writes.Load()
			if err := w.End(test.trailers); err != nil {
				t.Fatal(err)
			}
			if n := w.below.writes.Load() - before; n != 1 {
				t.Errorf("a short response was sent in %d writes, want one", n)
			}
			closeAfter := w.closeAfter
			if got := w.sent(t); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if closeAfter != test.closeAfter {
				t.Errorf("the connection closes after the answer: got %v, want %v", closeAfter, test.closeAfter)
			}
		})
	}
}

func TestADrainingServerEndsTheConnectionWithTheResponse(t *testing.T) {
	w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
	w.conn.server.isDraining.Store(true)
	_ = w.Head(200, "", nil, 0, false)
	_ = w.End(nil)
	if got, want := w.sent(t), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInterimResponses(t *testing.T) {
	for protocol, want := range map[Protocol]string{HTTP11: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HTTP10: ""} {
		w := newWorkTest(t, Request{Method: "GET", Protocol: protocol})
		if err := w.Inform(103, "", fieldList("Link", "</a>")); err != nil {
			t.Fatal(err)
		}
		if got := w.sent(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestLongBodiesPassWhole writes bodies in parts of sizes around those of the buffer and of a record, and counts the writes
// that reach the network: full records, not one per part.
func TestLongBodiesPassWhole(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 20_000)
	for _, length := range []int64{int64(len(text)), -1} {
		for _, size := range []int{1, 7, 1000, outBufferBytes - 200, outBufferBytes - 1, outBufferBytes, outBufferBytes + 1, 3 * outBufferBytes, longBodyBufferBytes, len(text)} {
			if size == 1 && length < 0 {
				continue // six bytes of framing for each byte
			}
			t.Run(fmt.Sprintf("length %d in parts of %d", length, size), func(t *testing.T) {
				w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
				read := make(chan string, 1)
				go func() {
					response, err := http.ReadResponse(bufio.NewReader(w.client), nil)
					if err != nil {
						read <- err.Error()
						return
					}
					body, err := io.ReadAll(response.Body)
					read <- fmt.Sprint(string(body), err)
				}()
				_ = w.Head(200, "", nil, length, false)
				before := w.below.writes.Load()
				for rest := text; rest != ""; {
					n := min(size, len(rest))
					if _, err := w.Write([]byte(rest[:n])); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := w.End(nil); err != nil {
					t.Fatal(err)
				}
				if got := <-read; got != text+"<nil>" {
					t.Errorf("got %d bytes that end with %q, want %d", len(got), got[max(0, len(got)-20):], len(text))
				}
				// A write of 128 KiB becomes one per record; parts of a little over a record cost two.
				if n, most := int(w.below.writes.Load()-before), 2*(len(text)/outBufferBytes+2)+len(text)/size/100; n > most {
					t.Errorf("sent in %d writes, want at most %d", n, most)
				}
				if cap(w.out) > 2*outBufferBytes {
					t.Errorf("the buffer has grown to %d", cap(w.out))
				}
			})
		}
	}
}

func TestWhatTheSocketReportsAboutTheClient(t *testing.T) {
	w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
	moving := func() bool { // the result of a look in its own sweep
		w.conn.server.registry.sweeper.Clock.Add(1)
		return w.Progressed()
	}
	if w.Gone() || moving() {
		t.Errorf("a client that does nothing: gone=%v, moving=%v", w.Gone(), moving())
	}
	wrote := make(chan struct{})
	go func() { // more than the socket holds
		defer close(wrote)
		_ = w.conn.tls.SetWriteDeadline(time.Now().Add(patience))
		_, _ = w.conn.tls.Write(make([]byte, 32<<20))
	}()
	waitFor(t, "the socket to fill up", func() bool { moving(); time.Sleep(20 * time.Millisecond); return w.conn.unsentBytes() > 0 && !moving() })
	if _, err := io.ReadAtLeast(w.client, make([]byte, 8<<20), 8<<20); err != nil {
		t.Fatal(err)
	}
	if !moving() {
		t.Error("a client that reads is not attended to")
	}
	if !w.Progressed() {
		t.Error("a client that reads is seen to by the first that asks in a sweep, and not by the second")
	}
	if w.Gone() {
		t.Error("a client that only reads is said to have left")
	}
	w.exchange.answered.Store(true)
	w.Interrupt(true)
	<-wrote
	if err := w.client.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the client to be seen to leave", w.Gone)
}
