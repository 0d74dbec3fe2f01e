package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestATunnelOutlivesTheEndOfWhatTheClientSends(t *testing.T) {
	leaks(t)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		_, _ = readHead(r)
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		all, _ := io.ReadAll(r) // up to the client's end
		for range 5 {
			time.Sleep(100 * time.Millisecond) // several sweeps long
			_, _ = conn.Write(all)
		}
	})
	p := startPath(t, upstream, nil)
	conn := p.dial(t)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	if head, err := readHead(r); err != nil || !strings.Contains(head, " 101 ") {
		t.Fatalf("got %q, %v", head, err)
	}
	_, _ = io.WriteString(conn, "ping")
	if err := conn.CloseWrite(); err != nil { // close_notify
		t.Fatal(err)
	}
	if err := conn.NetConn().(*net.TCPConn).CloseWrite(); err != nil { // and FIN, as most libraries send it
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if want := strings.Repeat("ping", 5); string(all) != want || err != nil {
		t.Errorf("got %q, %v, want %q and an orderly end", all, err, want)
	}
}
