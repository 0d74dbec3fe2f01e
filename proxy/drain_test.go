package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// gatedListener is a listening socket whose Close waits: it holds a shutdown just before its ports close.
type gatedListener struct {
	net.Listener
	once sync.Once
	// closing is closed by the first Close, which then waits for open.
	closing, open chan struct{}
}

func newGatedListener(ln net.Listener) *gatedListener {
	return &gatedListener{Listener: ln, closing: make(chan struct{}), open: make(chan struct{})}
}

func (l *gatedListener) Close() error {
	l.once.Do(func() { close(l.closing) })
	<-l.open
	return l.Listener.Close()
}

// TestConnectionsLearnOfADrainBeforeThePortsClose holds a shutdown before the first socket is closed. A response from
// then on says that its connection ends: a client that has seen a port refuse a connection can rely on that.
func TestConnectionsLearnOfADrainBeforeThePortsClose(t *testing.T) {
	release := make(chan struct{})
	var begun atomic.Int32
	d := startDaemon(t, rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		begun.Add(1)
		<-release
		answerOK(head, r, conn)
	}), "")
	port := newGatedListener(d.listeners[0].https[0])
	d.listeners[0].https[0] = port
	t.Cleanup(func() { close(port.open) })

	one := d.dial(t, "http/1.1")
	if _, err := io.WriteString(one, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	two := newH2Client(t, d)
	two.request(1, "GET", "/", true)
	waitFor(t, "both requests", func() bool { return begun.Load() == 2 })
	d.signals <- syscall.SIGTERM
	<-port.closing
	close(release)

	head, err := readHead(bufio.NewReader(one))
	if err != nil || !strings.Contains(head, "\r\nConnection: close\r\n") {
		t.Errorf("HTTP/1.1: got %q (%v), want an answer that says that the connection ends", head, err)
	}
	two.until("the head of the answer", func() bool { return len(two.stream(1).heads) > 0 })
	if len(two.goAways) == 0 {
		t.Error("HTTP/2: got the answer without GOAWAY before it")
	}
}

// TestEveryListenerDrainsBeforeAnyPortCloses is the same for a daemon with several listeners.
func TestEveryListenerDrainsBeforeAnyPortCloses(t *testing.T) {
	var all listeners
	early := 0
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &listener{https: []net.Listener{closeHook{ln, func() {
			for _, l := range all {
				if !l.sites.draining() || !l.redirects.draining() {
					early++
				}
			}
		}}}, sites: &siteServer{}, redirects: &siteServer{}})
	}
	all.drain()
	if early > 0 {
		t.Errorf("%d times a port closed before a listener's connections knew of the end", early)
	}
}

// closeHook calls a function before the socket is closed.
type closeHook struct {
	net.Listener
	before func()
}

func (l closeHook) Close() error {
	l.before()
	return l.Listener.Close()
}

// TestARequestThatWasReadBeforeTheEndOfADrainIsAnswered sends requests in one TLS record with the acknowledgement of
// the drain's PING, which shows the proxy that no further stream is on its way.
func TestARequestThatWasReadBeforeTheEndOfADrainIsAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		// before and after are the streams whose heads come before and after the acknowledgement.
		before, after []uint32
		// later holds their bodies, which come once the last GOAWAY has been seen.
		later   string
		goAways string
	}{
		"a request was read": {
			before: []uint32{3}, goAways: "[2147483647 NO_ERROR 3 NO_ERROR]",
		},
		"several requests were read": {
			before: []uint32{3, 5, 7}, goAways: "[2147483647 NO_ERROR 7 NO_ERROR]",
		},
		"the body of the request comes later": {
			before: []uint32{3}, later: "body", goAways: "[2147483647 NO_ERROR 3 NO_ERROR]",
		},
		"a further request is too late": {
			before: []uint32{3}, after: []uint32{5}, goAways: "[2147483647 NO_ERROR 3 NO_ERROR]",
		},
		"no request was read": {
			goAways: "[2147483647 NO_ERROR 1 NO_ERROR]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t, echoUpstream(t), "")
			c := newH2Client(t, d)
			c.request(1, "GET", "/", true)
			c.answer(1)
			c.quiet = true
			c.pings = 0
			d.signals <- syscall.SIGTERM
			c.until("the PING of the drain", func() bool { return c.pings == 1 })
			record := c.record()
			for _, id := range test.before {
				c.request(id, "POST", "/", test.later == "")
			}
			c.sent(c.framer.WritePing(true, drainPing()))
			for _, id := range test.after {
				c.request(id, "POST", "/", true)
			}
			record()
			c.until("the last GOAWAY", func() bool { return len(c.goAways) == 2 })
			for _, id := range test.before {
				if test.later != "" {
					c.data(id, test.later, true)
				}
				if s := c.answer(id); !strings.Contains(s.body.String(), "map[") || !strings.Contains(s.body.String(), test.later) {
					t.Errorf("stream %d: got %q, want the request's echo", id, s.body.String())
				}
			}
			c.ended()
			if got := fmt.Sprint(c.goAways); got != test.goAways {
				t.Errorf("got GOAWAY %s, want %s", got, test.goAways)
			}
			for _, id := range test.after {
				if heads := c.stream(id).heads; len(heads) > 0 {
					t.Errorf("stream %d: got %q, want nothing for a stream after the last", id, heads)
				}
			}
			d.stopWithin(t, patience)
		})
	}
}

// TestAHeadThatWasBegunBeforeTheEndOfADrainIsAnswered ends the wait for the PING between the frames of a head.
func TestAHeadThatWasBegunBeforeTheEndOfADrainIsAnswered(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	c.request(1, "GET", "/", true)
	c.answer(1)
	c.quiet, c.pings = true, 0
	d.signals <- syscall.SIGTERM
	c.until("the PING of the drain", func() bool { return c.pings == 1 })
	h := d.onlyHTTP2(t)
	block := c.encode(":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a.test")
	c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block[:2], EndStream: true}))
	waitFor(t, "the head to begin", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.newest == 3 })
	h.mu.Lock()
	h.lastGoAway() // as its timer does
	h.mu.Unlock()
	c.until("the last GOAWAY", func() bool { return len(c.goAways) == 2 })
	c.sent(c.framer.WriteContinuation(3, true, block[2:]))
	if s := c.answer(3); !strings.Contains(s.body.String(), "map[") {
		t.Errorf("got %q, want the request's echo", s.body.String())
	}
	c.ended()
	if got := fmt.Sprint(c.goAways); got != "[2147483647 NO_ERROR 3 NO_ERROR]" {
		t.Errorf("got GOAWAY %s, want the stream as the last", got)
	}
	d.stopWithin(t, patience)
}

// onlyHTTP2 returns the only HTTP/2 connection.
func (d *testDaemon) onlyHTTP2(t *testing.T) *h2Conn {
	t.Helper()
	r := d.shared.conns
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		if h := c.(*clientConn).http2.Load(); h != nil && len(r.conns) == 1 {
			return h
		}
	}
	t.Fatalf("%d connections are open, want one, over HTTP/2", len(r.conns))
	return nil
}

// TestARequestThatTLSHadReadBeforeADrainIsAnswered sends two requests in two TLS records and one segment. The second is
// in TLS's own buffer when the first has been answered and the drain finds the connection idle.
func TestARequestThatTLSHadReadBeforeADrainIsAnswered(t *testing.T) {
	release := make(chan struct{})
	d := startDaemon(t, rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\n\r\no")
		if strings.HasPrefix(head, "GET /first ") {
			<-release
		}
		_, _ = io.WriteString(conn, "k")
	}), "")
	tcp, err := net.Dial("tcp", d.address+":8443")
	if err != nil {
		t.Fatal(err)
	}
	out := &batchConn{Conn: tcp, batch: batch{to: tcp}}
	conn := tls.Client(out, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"http/1.1"}})
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	out.kept = new(bytes.Buffer)
	for _, path := range []string{"/first", "/second"} {
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	records := out.kept.Bytes()
	out.kept = nil
	if _, err := tcp.Write(records); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	if head, err := readHead(answers); err != nil || strings.Contains(head, "close") {
		t.Fatalf("got %q (%v), want the head of an answer before the drain", head, err)
	}
	d.signals <- syscall.SIGTERM
	waitFor(t, "the drain", d.shared.conns.isDraining)
	close(release)
	rest, err := io.ReadAll(answers)
	if want := "okHTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"; string(rest) != want || err != nil {
		t.Errorf("got %q (%v), want %q", rest, err, want)
	}
	d.stopWithin(t, patience)
}

// isDraining reports whether the drain has looked at every connection.
func (r *connRegistry) isDraining() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.draining
}

// batchConn is a connection whose writes can be held back.
type batchConn struct {
	net.Conn
	batch
}

func (c *batchConn) Write(p []byte) (int, error) { return c.batch.Write(p) }
