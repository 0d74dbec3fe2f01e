package proxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// watchedTLS is one end of a TLS connection that knows how the peer has ended it.
type watchedTLS struct {
	*tls.Conn
	socket *socket
}

// Read returns io.EOF only after close_notify.
func (w watchedTLS) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err == io.EOF {
		err = w.socket.endError(true)
	}
	return n, err
}

// watchTLS starts TLS on a TCP connection.
func watchTLS(t testing.TB, conn net.Conn, begin func(net.Conn) *tls.Conn) watchedTLS {
	t.Helper()
	raw, err := newSocket(conn.(*net.TCPConn))
	if err != nil {
		t.Error(err)
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	return watchedTLS{begin(raw), raw}
}

// TestATunnelEndsCleanlyOnlyWhereTheOtherSideHasEndedIt checks S-6.16 for tunnels, whose bytes have no known length.
func TestATunnelEndsCleanlyOnlyWhereTheOtherSideHasEndedIt(t *testing.T) {
	for _, fromClient := range []bool{false, true} {
		for _, end := range ends {
			name := "the upstream ends "
			if fromClient {
				name = "the client ends "
			}
			t.Run(name+end.name, func(t *testing.T) {
				leaks(t)
				secure, roots := upstreamTLS(t)
				byClient := make(chan error, 1) // how the upstream saw the client's end
				upstream := scriptedUpstream(t, nil, func(_ int, _ *bufio.Reader, conn net.Conn) {
					served := watchTLS(t, conn, func(c net.Conn) *tls.Conn { return tls.Server(c, secure) })
					r := bufio.NewReader(served)
					_, _ = readHead(r)
					_, _ = io.WriteString(served, switching+"hello")
					if !fromClient {
						_, _ = r.ReadByte()
						end.do(served.Conn)
						return
					}
					_, err := io.Copy(io.Discard, r)
					byClient <- err
					_ = served.Close()
				})
				p := startPath(t, byName(upstream), func(o *pathOptions) { o.roots = roots })
				tcp, err := net.Dial("tcp", p.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer tcp.Close()
				conn := watchTLS(t, tcp, func(c net.Conn) *tls.Conn {
					return tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"http/1.1"}})
				})
				_, _ = io.WriteString(conn, upgradeA)
				r := bufio.NewReader(conn)
				if _, err := readHead(r); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(r, make([]byte, len("hello"))); err != nil {
					t.Fatal(err)
				}
				var got error
				if fromClient {
					end.do(conn.Conn)
					got = <-byClient
				} else {
					_, _ = io.WriteString(conn, "x")
					_, got = io.Copy(io.Discard, r)
					_ = conn.Close()
				}
				var late net.Error
				if (got == nil) != end.clean || errors.As(got, &late) && late.Timeout() {
					t.Errorf("the other side saw the end %v, want a clean one: %v", got, end.clean)
				}
				waitFor(t, "the tunnel's end", func() bool { return p.registry.count() == 0 && p.pipeline.inFlight.Load() == 0 })
			})
		}
	}
}
