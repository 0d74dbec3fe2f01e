package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestTheHealthPortHoldsFewConnections holds the maximum number of connections, in the possible ways, and sends a request
// over one more.
func TestTheHealthPortHoldsFewConnections(t *testing.T) {
	addr := startHealth(t, func() bool { return false })
	for name, bytes := range map[string]string{
		"nothing is sent":            "",
		"half a head is sent":        "GET /health HTTP/1.1\r\nHost: x\r\n",
		"a body is late":             "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"a connection is kept alive": "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var held []net.Conn
			for range healthMaxConns {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if _, err := io.WriteString(conn, bytes); err != nil {
					t.Fatal(err)
				}
				held = append(held, conn)
			}
			for range 2 {
				if res, _ := sendRaw(t, addr, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); res.StatusCode != 200 {
					t.Fatalf("got %d, want 200", res.StatusCode)
				}
			}
			_ = held[0].SetReadDeadline(time.Now().Add(5 * time.Second)) // less than healthTimeout
			if _, err := io.Copy(io.Discard, held[0]); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the oldest connection is still open")
			}
		})
	}
}
