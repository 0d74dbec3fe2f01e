// Package systemdtest receives, in tests, what a daemon reports to its service manager. It knows nothing of package systemd,
// so that the package's own tests can use it.
package systemdtest

import (
	"net"
	"os"
	"testing"
	"time"
)

// Listen listens as a service manager does and returns the socket. It is closed when the test ends.
func Listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Next returns the next datagram, or "" if none arrives within that time.
func Next(t *testing.T, conn *net.UnixConn, within time.Duration) string {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil && !os.IsTimeout(err) {
		t.Fatal(err)
	}
	return string(buf[:n])
}
