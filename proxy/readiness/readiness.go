// Package readiness waits for bytes on many sockets with one goroutine.
//
// Go's own poller can only wake a goroutine that waits in a read, and a goroutine that waits holds its stack: 4 KiB and
// more, a quarter of what an idle connection costs. The package knows nothing of what the sockets are for.
package readiness

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Waiter is notified when a socket can be read.
type Waiter interface {
	// Ready is called once, on the goroutine of Run, when a read of the socket would return bytes, the end or an error. It
	// must not block.
	Ready()
}

// Poller waits for sockets. Its methods may be called from any goroutine.
type Poller struct {
	// epoll is the kernel's list of the sockets. It is a file that Go's poller can wait for.
	epoll *os.File
	mu    sync.Mutex
	// waiters are the waiters by socket.
	waiters map[int32]Waiter
}

// New returns a Poller. Run does the waiting, and closes the Poller at its end.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os.File would not use the poller
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	return &Poller{epoll: os.NewFile(uintptr(fd), "epoll"), waiters: map[int32]Waiter{}}, nil
}

// Add waits for a socket, which must stay open until Ready was called or Remove has returned.
func (w *Poller) Add(socket int, waiter Waiter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(socket)}
	if err := w.control(unix.EPOLL_CTL_ADD, socket, &event); err != nil {
		return err
	}
	w.waiters[int32(socket)] = waiter
	return nil
}

// Remove stops waiting for a socket. Ready may still be called if Run has already seen that the socket can be read.
func (w *Poller) Remove(socket int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiters[int32(socket)] != nil {
		delete(w.waiters, int32(socket))
		_ = w.control(unix.EPOLL_CTL_DEL, socket, nil) // fails only if Run has ended
	}
}

// Len returns the number of sockets that are waited for.
func (w *Poller) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiters)
}

func (w *Poller) control(op, socket int, event *unix.EpollEvent) error {
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.EpollCtl(int(fd), op, socket, event) })
	return errors.Join(err, os.NewSyscallError("epoll_ctl", failed))
}

// Run calls Ready for sockets that can be read, until the context ends. It must be called only once. After Run has
// returned, Add refuses every socket.
func (w *Poller) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = w.epoll.Close() }) // makes the read below return
	defer stop()
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		return // it is closed
	}
	var events [128]unix.EpollEvent
	for {
		var n int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, failed = unix.EpollWait(int(fd), events[:], 0)
			return n > 0 || failed != nil && failed != unix.EINTR
		})
		if err != nil || failed != nil { // it is closed, and nothing else can be wrong
			return
		}
		for _, event := range events[:n] {
			if waiter := w.take(event.Fd); waiter != nil {
				waiter.Ready()
			}
		}
	}
}

// take removes a socket that can be read, and returns its waiter; nil if nothing waits for it any more.
func (w *Poller) take(socket int32) Waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiter := w.waiters[socket]
	if waiter != nil {
		delete(w.waiters, socket)
		_ = w.control(unix.EPOLL_CTL_DEL, int(socket), nil) // it is open, as Remove was not called
	}
	return waiter
}
