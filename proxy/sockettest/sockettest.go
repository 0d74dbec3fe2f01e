// Package sockettest makes the paths and files of Unix sockets for tests.
package sockettest

import (
	"net"
	"os"
	"testing"
)

// Dir returns a directory whose path is short enough for Unix sockets, however long the test's name is.
func Dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// MakeStale leaves a socket file at path on which no process listens.
func MakeStale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
}
