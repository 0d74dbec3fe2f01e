package proxy

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// longScrape is longer than what the kernel holds for a client with a small buffer, and shorter than what the kernel accepts.
const longScrape = 256 << 10

// scrapeOnce starts a health port with a long answer, and asks for it on a connection that the port closes after it.
func scrapeOnce(t *testing.T) *net.TCPConn {
	t.Helper()
	addr := startHealthWith(t, func() bool { return false }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", longScrape))
	}))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := conn.(*net.TCPConn)
	if err := client.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(client, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return client
}

// The kernel must not keep the rest of an answer for a client that reads nothing (S-12.9).
func TestTheHealthPortLeavesNothingToTheKernel(t *testing.T) {
	client := scrapeOnce(t)
	raw, err := client.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the reset", func() bool {
		closed := false
		if err := raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			closed = err == nil && info.State == unix.BPF_TCP_CLOSE
		}); err != nil {
			t.Fatal(err)
		}
		return closed
	})
}

func TestTheHealthPortClosesAConnectionAfterTheWholeAnswer(t *testing.T) {
	client := scrapeOnce(t)
	answer, err := io.ReadAll(client)
	if n := strings.Count(string(answer), "x"); err != nil || n < longScrape {
		t.Errorf("got %d bytes of the answer, %v; want %d", n, err, longScrape)
	}
}
