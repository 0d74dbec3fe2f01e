package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	upgradeA    = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	switching   = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Kept: 1\r\n\r\n"
	switchingTo = "HTTP/1.1 101 Switching Protocols\r\nX-Kept: 1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
)

func TestATunnelPassesAllBytesBothWays(t *testing.T) {
	leaks(t)
	long := strings.Repeat("0123456789abcdef", 20_000)
	fromClient := make(chan string, 1)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, switching+"early from the upstream")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.WriteString(conn, long)
			_ = conn.(*net.TCPConn).CloseWrite() // its half ends first
		}()
		all, _ := io.ReadAll(r)
		<-done
		fromClient <- string(all)
	})
	p := startPath(t, upstream, nil)
	conn := p.dial(t)
	_, _ = io.WriteString(conn, upgradeA+"early from the client") // in one record
	r := bufio.NewReader(conn)
	if head, _ := readHead(r); head != switchingTo {
		t.Errorf("got the head %q, want %q", head, switchingTo)
	}
	if got, err := io.ReadAll(r); string(got) != "early from the upstream"+long || err != nil {
		t.Errorf("the client got %d bytes and %v", len(got), err)
	}
	if n := p.pipeline.inFlight.Load(); n != 1 {
		t.Errorf("%d exchanges are in flight while the client still sends, want 1", n)
	}
	_, _ = io.WriteString(conn, long)
	_ = conn.CloseWrite()
	if got := <-fromClient; got != "early from the client"+long {
		t.Errorf("the upstream got %d bytes", len(got))
	}
	waitFor(t, "the log line", func() bool { return strings.Contains(p.log.String(), "status=101") })
	if p.idleUpstreams() != 0 {
		t.Error("the connection of a tunnel went into the pool")
	}
}

func TestATunnelInWhichNothingMovesEnds(t *testing.T) {
	leaks(t)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, switching)
		for range 5 {
			time.Sleep(500 * time.Millisecond) // less than the timeout, but all of them together take longer
			_, _ = io.WriteString(conn, "x")
		}
		_, _ = io.Copy(io.Discard, r)
	})
	p := startPath(t, upstream, func(o *pathOptions) { o.bodyIdle = 2 * time.Second })
	begin := time.Now()
	answer, _ := p.exchange(t, upgradeA)
	if !strings.HasSuffix(answer, "xxxxx") || time.Since(begin) < 4*time.Second {
		t.Errorf("got %q after %v, want all that moved", answer, time.Since(begin))
	}
	waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 })
}

func TestATunnelEndsWithTheOtherSide(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(upstream, client *net.TCPConn)
	}{
		{"when the upstream resets", func(upstream, _ *net.TCPConn) { _, _ = upstream.SetLinger(0), upstream.Close() }},
		{"when the client resets", func(_, client *net.TCPConn) { _, _ = client.SetLinger(0), client.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			accepted := make(chan *net.TCPConn, 1)
			ended := make(chan struct{})
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				defer close(ended)
				_, _ = readHead(r)
				_, _ = io.WriteString(conn, switching)
				accepted <- conn.(*net.TCPConn)
				_, _ = io.Copy(io.Discard, r)
			})
			p := startPath(t, upstream, nil)
			conn := p.dial(t)
			_, _ = io.WriteString(conn, upgradeA)
			if _, err := readHead(bufio.NewReader(conn)); err != nil {
				t.Fatal(err)
			}
			test.end(<-accepted, conn.NetConn().(*net.TCPConn))
			<-ended
			waitFor(t, "the tunnel's end", func() bool { return p.registry.count() == 0 && p.pipeline.inFlight.Load() == 0 })
		})
	}
}
