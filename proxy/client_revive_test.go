package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"reverse-proxy/proxy/deadline"
)

// onlyConn returns the daemon's only client connection as soon as it is idle.
func onlyConn(t *testing.T, d *testDaemon) (conn *clientConn) {
	t.Helper()
	waitFor(t, "the connection to be idle", func() bool {
		r := d.shared.conns
		r.mu.Lock()
		defer r.mu.Unlock()
		for one := range r.conns {
			conn, _ = one.(*clientConn)
		}
		return conn != nil && conn.timer.Phase() == deadline.PhaseIdle
	})
	return conn
}

// TestARequestThatIsReadAsItsConnectionEndsAsIdleIsAnswered lets the deadline of an idle connection pass after the request
// was sent and before the sweeper interrupts the read. The connection ends after that request.
func TestARequestThatIsReadAsItsConnectionEndsAsIdleIsAnswered(t *testing.T) {
	hold := make(chan struct{}, 2)
	var begun atomic.Int32
	d := startDaemon(t, rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		begun.Add(1)
		<-hold
		answerOK(head, r, conn)
	}), "")
	race := func(t *testing.T, send func()) {
		t.Helper()
		conn := onlyConn(t, d)
		before := begun.Load()
		if !conn.timer.EndIn(deadline.PhaseIdle) {
			t.Fatal("the connection is not idle")
		}
		send()
		waitFor(t, "the request", func() bool { return begun.Load() > before })
		conn.Expire(deadline.PhaseIdle)
		hold <- struct{}{}
	}
	t.Run("HTTP/1.1", func(t *testing.T) {
		c := d.dial(t, "http/1.1")
		r := bufio.NewReader(c)
		ask := func() {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
				t.Error(err)
			}
		}
		hold <- struct{}{}
		ask()
		if _, err := readHead(r); err != nil {
			t.Fatal(err)
		}
		_, _ = io.CopyN(io.Discard, r, 2)
		race(t, ask)
		head, err := readHead(r)
		if err != nil || !strings.Contains(head, "\r\nConnection: close\r\n") {
			t.Errorf("got %q (%v), want an answer that ends the connection", head, err)
		}
		waitFor(t, "the end of the connection", func() bool { return d.shared.conns.count() == 0 })
	})
	t.Run("HTTP/2", func(t *testing.T) {
		c := newH2Client(t, d)
		hold <- struct{}{}
		c.request(1, "GET", "/", true)
		c.answer(1)
		race(t, func() { c.request(3, "GET", "/", true) })
		c.answer(3)
		c.ended()
		if len(c.goAways) != 2 || !strings.HasPrefix(c.goAways[1], "3 ") {
			t.Errorf("got GOAWAY %q, want a first one and one that names the request", c.goAways)
		}
	})
}
