//go:build linux

package epoll

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns two connected non-blocking sockets.
func pair(t *testing.T) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func poller(t *testing.T) *Poller {
	t.Helper()
	p, err := New(4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// wait polls until an event is reported or 5 s are over; one wait is not enough, because a signal ends it early.
func wait(t *testing.T, p *Poller) []unix.EpollEvent {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		events, err := p.Wait(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) > 0 {
			return events
		}
	}
	t.Fatal("nothing was reported")
	return nil
}

func TestEventsAreReported(t *testing.T) {
	p := poller(t)
	a, b := pair(t)
	if err := p.Add(a, Readable); err != nil {
		t.Fatal(err)
	}
	if events, err := p.Wait(0); err != nil || len(events) != 0 {
		t.Fatalf("before anything was sent: got %v, %v, want no event", events, err)
	}
	if n, err := Write(b, []byte("hello")); err != nil || n != 5 {
		t.Fatalf("got %d, %v, want 5", n, err)
	}
	if events := wait(t, p); len(events) != 1 || int(events[0].Fd) != a || events[0].Events&unix.EPOLLIN == 0 {
		t.Errorf("got %v, want one of descriptor %d", events, a)
	}
	if err := p.Modify(a, Writable); err != nil {
		t.Fatal(err)
	}
	if events := wait(t, p); events[0].Events != Writable {
		t.Errorf("got %v, want that it is writable only", events)
	}
}

func TestReadAndWriteDoNotBlock(t *testing.T) {
	a, b := pair(t)
	buf := make([]byte, 64<<10)
	if n, err := Read(a, buf); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("with nothing there: got %d, %v, want EAGAIN", n, err)
	}
	var err error
	for sent := 0; err == nil && sent < 1<<30; {
		var n int
		n, err = Write(a, buf)
		sent += n
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Errorf("with a full socket: got %v, want EAGAIN", err)
	}
	if err := unix.Shutdown(b, unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	if n, err := Read(a, buf); err != nil || n != 0 {
		t.Errorf("at the end: got %d, %v, want 0 and no error", n, err)
	}
	if _, err := Write(a, buf); !errors.Is(err, unix.EPIPE) {
		t.Errorf("after the end: got %v, want EPIPE and no signal", err)
	}
}

func TestAwait(t *testing.T) {
	a, _ := pair(t)
	if err := Await(a, unix.POLLOUT, time.Minute); err != nil {
		t.Errorf("for room that is there: got %v, want none", err)
	}
	if err := Await(a, unix.POLLIN, time.Millisecond); !errors.Is(err, unix.ETIMEDOUT) {
		t.Errorf("for what never comes: got %v, want ETIMEDOUT", err)
	}
}

func TestDescriptorThatIsNoneIsAnError(t *testing.T) {
	p := poller(t)
	if err := p.Add(-1, Readable); err == nil {
		t.Error("add: got no error, want one")
	}
	if err := p.Modify(-1, Readable); err == nil {
		t.Error("modify: got no error, want one")
	}
	none := &Poller{fd: -1, events: make([]unix.EpollEvent, 1)}
	if events, err := none.Wait(0); err == nil {
		t.Errorf("wait: got %v, want an error", events)
	}
}
