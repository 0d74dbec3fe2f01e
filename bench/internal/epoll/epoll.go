//go:build linux

// Package epoll is what the load generator and the origin of the benchmark stand on: one thread, one epoll instance,
// and system calls that never tell the Go scheduler. That costs about half of what goroutines on the runtime's poller
// do, and so the proxy under measurement is the one whose core is full.
package epoll

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events that a descriptor can be watched for. EPOLLERR and EPOLLHUP always are.
const (
	// Readable says that a read does not block; the peer's end of stream counts.
	Readable = unix.EPOLLIN | unix.EPOLLRDHUP
	// Writable says that a write does not block.
	Writable = unix.EPOLLOUT
)

// Poller is an epoll instance, for one goroutine.
type Poller struct {
	fd     int
	events []unix.EpollEvent
}

// New makes a Poller that reports up to batch events at once. The error is the kernel's.
func New(batch int) (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &Poller{fd: fd, events: make([]unix.EpollEvent, batch)}, nil
}

// Close gives the instance back.
func (p *Poller) Close() error { return unix.Close(p.fd) }

// Add begins to watch fd, level-triggered.
func (p *Poller) Add(fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: add %d: %w", fd, err)
	}
	return nil
}

// Modify changes what fd is watched for.
func (p *Poller) Modify(fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: modify %d: %w", fd, err)
	}
	return nil
}

// Wait returns the events of at most timeout's waiting, to the nanosecond; none when the time is over or a signal came.
// The slice is valid until the next call. It holds its thread meanwhile, so that nothing else may have to run on it.
func (p *Poller) Wait(timeout time.Duration) ([]unix.EpollEvent, error) {
	limit := unix.NsecToTimespec(max(0, timeout.Nanoseconds()))
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
	switch errno {
	case 0:
		return p.events[:n], nil
	case unix.EINTR:
		return nil, nil
	}
	return nil, fmt.Errorf("epoll_pwait2 (Linux 5.11 or newer is needed): %w", errno)
}

// Read reads from a non-blocking descriptor: 0 bytes and no error at the end of the stream, unix.EAGAIN when there is
// nothing yet. p must not be empty.
func Read(fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Write writes to a non-blocking socket as much as fits, or fails with unix.EAGAIN. It never raises SIGPIPE. p must not
// be empty.
func Write(fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Await blocks until fd is readable (unix.POLLIN) or writable (unix.POLLOUT), at most for timeout: then the error is
// unix.ETIMEDOUT.
func Await(fd int, events int16, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(fds, int(left.Milliseconds())+1)
		if err != nil && err != unix.EINTR {
			return err
		}
		if n > 0 {
			return nil
		}
	}
}
