package unixdial

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listen listens on a socket with a queue of the given length.
func listen(t *testing.T, path string, queue int) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, queue); err != nil {
		t.Fatal(err)
	}
	return fd
}

// fill connects to a socket until its queue is full.
func fill(t *testing.T, path string) {
	t.Helper()
	for {
		conn, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

func TestAFullQueueIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	fd := listen(t, path, 0)
	fill(t, path)
	dialed := make(chan error, 1)
	go func() {
		conn, err := Dial(t.Context(), path)
		if err == nil {
			_ = conn.Close()
		}
		dialed <- err
	}()
	select {
	case err := <-dialed:
		t.Fatalf("got %v while the queue was full, want it waited for", err)
	case <-time.After(20 * firstPause): // it has met the full queue by now; if not, the test passes all the same
	}
	accepted, _, err := syscall.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(accepted)
	if err := <-dialed; err != nil {
		t.Errorf("got %v, want a connection once there is room", err)
	}
}

func TestTheWaitForAFullQueueEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	listen(t, path, 0)
	fill(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestAnErrorSaysWhatIsAtThePath(t *testing.T) {
	dir := t.TempDir()
	file, stale := filepath.Join(dir, "file"), filepath.Join(dir, "stale.sock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: stale}); err != nil {
		t.Fatal(err)
	}
	_ = syscall.Close(fd)
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "no such file or directory",
		file:                          "it is a file and not a socket",
		dir:                           "it is a directory and not a socket",
		stale:                         "no program listens on the socket",
	} {
		if _, err := Dial(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

func TestAReplacedSocketHasAnotherID(t *testing.T) {
	dir := t.TempDir()
	path, next := filepath.Join(dir, "app.sock"), filepath.Join(dir, "next.sock")
	listen(t, path, 1)
	listen(t, next, 1)
	before := IDOf(path)
	if before == (ID{}) || IDOf(path) != before {
		t.Fatalf("got the IDs %v and %v, want one", before, IDOf(path))
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	if IDOf(path) == before {
		t.Error("got the same ID, want another one")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := IDOf(path); got != (ID{}) {
		t.Errorf("got %v for no file, want the zero ID", got)
	}
}
