package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// rawOf returns the TCP connection under an upstream connection.
func rawOf(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if raw, ok := conn.(*socket); ok {
		return raw.streamConn.(*net.TCPConn)
	}
	return conn.(*net.TCPConn)
}

// ends are the ways in which an upstream can end its connection.
var ends = []struct {
	name string
	// clean reports whether it ends a body over TLS, and plain whether it does without TLS.
	clean, plain bool
	do           func(conn net.Conn)
}{
	{"in order", true, true, func(conn net.Conn) { _ = conn.Close() }},
	{"by closing only TCP", false, true, func(conn net.Conn) { _ = rawOf(conn).Close() }},
	{"by closing only its half of TCP", false, true, func(conn net.Conn) {
		_ = rawOf(conn).CloseWrite()
		_, _ = io.Copy(io.Discard, rawOf(conn))
	}},
	{"by a reset", false, false, func(conn net.Conn) {
		_ = rawOf(conn).SetLinger(0)
		_ = rawOf(conn).Close()
	}},
	{"in a record", false, true, func(conn net.Conn) {
		if _, ok := conn.(*tls.Conn); ok {
			_, _ = rawOf(conn).Write([]byte{23, 3, 3, 0, 80, 1, 2, 3})
		}
		_ = rawOf(conn).Close()
	}},
	{"by another alert", false, true, func(conn net.Conn) {
		if _, ok := conn.(*tls.Conn); ok { // after it was sent in the clear, no alert is valid
			_, _ = rawOf(conn).Write([]byte{21, 3, 3, 0, 2, 1, 0})
		}
		_ = rawOf(conn).Close()
	}},
}

// protocolsOfUpstreams are the protocols that an upstream connection can use below HTTP; 0 is no TLS.
var protocolsOfUpstreams = map[string]uint16{"plain": 0, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// TestABodyThatEndsWithTheConnectionIsWholeOnlyAfterACleanEnd checks S-6.16.
func TestABodyThatEndsWithTheConnectionIsWholeOnlyAfterACleanEnd(t *testing.T) {
	for protocol, version := range protocolsOfUpstreams {
		for _, end := range ends {
			t.Run(protocol+", the upstream ends "+end.name, func(t *testing.T) {
				leaks(t)
				secure, roots := upstreamTLS(t)
				secure.MaxVersion = version
				if version == 0 {
					secure = nil
				}
				sent := make(chan struct{})
				upstream := scriptedUpstream(t, secure, func(_ int, r *bufio.Reader, conn net.Conn) {
					_, _ = readHead(r)
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nhello")
					<-sent // the client has it: a reset would discard it
					end.do(conn)
				})
				p := startPath(t, byName(upstream), func(o *pathOptions) {
					if version != 0 {
						o.roots = roots
					}
				})
				conn := p.dial(t)
				_, _ = io.WriteString(conn, getA)
				r := bufio.NewReader(conn)
				if _, err := readHead(r); err != nil {
					t.Fatal(err)
				}
				const chunk, last = "5\r\nhello\r\n", "0\r\n\r\n"
				if _, err := io.ReadFull(r, make([]byte, len(chunk))); err != nil {
					t.Fatal(err)
				}
				close(sent)
				clean := end.plain
				if version != 0 {
					clean = end.clean
				}
				rest := make([]byte, len(last))
				n, err := io.ReadFull(r, rest)
				if whole := string(rest[:n]) == last; whole != clean {
					t.Errorf("the client got %q and %v after the body, want a clean end: %v", rest[:n], err, clean)
				}
				waitFor(t, "the log line", func() bool { return strings.Contains(p.log.String(), " REQUEST ") || clean })
				if failed := strings.Contains(p.log.String(), "UPSTREAM_ERROR"); failed == clean {
					t.Errorf("logged as a failure: %v; log:\n%s", failed, p.log)
				}
			})
		}
	}
}

// TestAResetThatAWriteHasSeenIsNoEndOfABody lets a write, such as that of a request's body, consume the error of the
// reset: the kernel reports it only once, and the next read sees only the end.
func TestAResetThatAWriteHasSeenIsNoEndOfABody(t *testing.T) {
	ours, theirs := tcpPair(t)
	raw, err := newSocket(ours)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := newUpstreamConn(raw, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(theirs, "HTTP/1.1 200 OK\r\n\r\nhello"); err != nil {
		t.Fatal(err)
	}
	conn.begin()
	if err := conn.readHead(); err != nil {
		t.Fatal(err)
	}
	conn.body.begin(conn.upstreamResponse, "POST")
	_ = theirs.SetLinger(0)
	_ = theirs.Close()
	waitFor(t, "a write to fail", func() bool {
		_, err := conn.Write([]byte("x"))
		return err != nil
	})
	var body []byte
	for err == nil {
		var data []byte
		data, err = conn.body.next()
		body = append(body, data...)
	}
	if err == io.EOF {
		t.Errorf("got %q and a clean end, want an error", body)
	}
	conn.body.release()
	conn.detach().release()
	_ = conn.Close()
}
