package proxy

import (
	"bufio"
	"io"
	"net"
	"testing"
)

// answering is an upstream's script that answers every request without a body, as long as it gets any.
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
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n") // which is not sent twice
	if response, _ := readResponse(t, r, "POST"); response.StatusCode != 200 {
		t.Errorf("got %d, want 200 by a new connection; log:\n%s", response.StatusCode, p.log)
	}
}
