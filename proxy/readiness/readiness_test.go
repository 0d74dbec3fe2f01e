package readiness

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// readyOnce is a Waiter that reports its call.
type readyOnce chan struct{}

func (r readyOnce) Ready() { close(r) } // a second call panics

// startPoller returns a Poller that runs until the test ends.
func startPoller(t *testing.T) *Poller {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); tasks.Wait() })
	return w
}

// pair returns a socket and the other end of its connection.
func pair(t *testing.T) (socket int, conn, other net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if other, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	if conn, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { socket = int(fd) }); err != nil {
		t.Fatal(err)
	}
	return socket, conn, other
}

func await(t *testing.T, r readyOnce) {
	t.Helper()
	select {
	case <-r:
	case <-time.After(10 * time.Second):
		t.Fatal("Ready was not called within 10 s")
	}
}

func TestAWaiterIsCalledOnceWhenItsSocketCanBeRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(other net.Conn)
	}{
		{"bytes have come", func(other net.Conn) { _, _ = other.Write([]byte("a")) }},
		{"the peer has closed", func(other net.Conn) { _ = other.Close() }},
		{"the peer has closed its half", func(other net.Conn) { _ = other.(*net.TCPConn).CloseWrite() }},
		{"the peer has reset the connection", func(other net.Conn) { _ = other.(*net.TCPConn).SetLinger(0); _ = other.Close() }},
	} {
		for _, before := range []bool{true, false} {
			t.Run(tt.name+map[bool]string{true: " before", false: " later"}[before], func(t *testing.T) {
				w := startPoller(t)
				socket, _, other := pair(t)
				if before {
					tt.do(other)
				}
				ready := make(readyOnce)
				if err := w.Add(socket, ready); err != nil {
					t.Fatal(err)
				}
				if !before {
					if n := w.Len(); n != 1 {
						t.Errorf("%d sockets are waited for, want 1", n)
					}
					tt.do(other)
				}
				await(t, ready)
				_, _ = other.Write([]byte("more"))
				if n := w.Len(); n != 0 {
					t.Errorf("%d sockets are still waited for", n)
				}
				again := make(readyOnce)
				if err := w.Add(socket, again); err != nil {
					t.Fatal(err)
				}
				await(t, again)
			})
		}
	}
}

func TestARemovedWaiterIsNotCalled(t *testing.T) {
	w := startPoller(t)
	socket, _, other := pair(t)
	removed := make(readyOnce)
	if err := w.Add(socket, removed); err != nil {
		t.Fatal(err)
	}
	w.Remove(socket)
	w.Remove(socket)
	if _, err := other.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	second, _, end := pair(t)
	ready := make(readyOnce)
	if err := w.Add(second, ready); err != nil {
		t.Fatal(err)
	}
	_ = end.Close()
	await(t, ready) // what is ready earlier is called earlier
	select {
	case <-removed:
		t.Error("a waiter was called after it was removed")
	default:
	}
}

func TestASocketCannotBeAddedTwiceOrAfterTheEnd(t *testing.T) {
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() { w.Run(ctx) })
	socket, _, _ := pair(t)
	if err := w.Add(socket, make(readyOnce)); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(socket, make(readyOnce)); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("got %v for a second waiter, want EEXIST", err)
	}
	cancel()
	tasks.Wait()
	if err := w.Add(socket, make(readyOnce)); err == nil {
		t.Error("a socket was added after the end")
	}
	w.Remove(socket)
}

func TestManySocketsOfWhichManyAreReadyAtOnce(t *testing.T) {
	w := startPoller(t)
	const sockets = 400 // more than Run takes at a time
	var all []readyOnce
	var others []net.Conn
	for range sockets {
		socket, _, other := pair(t)
		ready := make(readyOnce)
		if err := w.Add(socket, ready); err != nil {
			t.Fatal(err)
		}
		all, others = append(all, ready), append(others, other)
	}
	for _, other := range others {
		if _, err := other.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	for _, ready := range all {
		await(t, ready)
	}
	if n := w.Len(); n != 0 {
		t.Errorf("%d sockets are still waited for", n)
	}
}
