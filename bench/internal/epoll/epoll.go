//go:build linux

// Package epoll is the event loop under the benchmark's load generator and origin: one thread, one epoll instance, and
// system calls that bypass the Go scheduler. It costs about half of what goroutines on the runtime's poller cost, so
// that the measured proxy's core is the bottleneck.
package epoll

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The events that a descriptor can be watched for. EPOLLERR and EPOLLHUP are always reported.
const (
	// Readable means that a read does not block; the end of the peer's stream counts.
	Readable = unix.EPOLLIN | unix.EPOLLRDHUP
	// Writable means that a write does not block.
	Writable = unix.EPOLLOUT
)

// Poller is an epoll instance, for use by one goroutine.
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

// Close closes the instance.
func (p *Poller) Close() error { return unix.Close(p.fd) }

// Add starts to watch fd, level-triggered.
func (p *Poller) Add(fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: add %d: %w", fd, err)
	}
	return nil
}

// Modify changes the events for which fd is watched.
func (p *Poller) Modify(fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: modify %d: %w", fd, err)
	}
	return nil
}

// Wait waits for events, to the nanosecond; it returns none after the timeout or a signal. The slice is valid until the
// next call. Wait blocks its thread, so no other goroutine may depend on that thread.
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

// Read reads from a non-blocking descriptor: it returns 0 bytes and no error at the end of the stream, and unix.EAGAIN
// if there is no data yet. p must not be empty.
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

// Write writes as much to a non-blocking socket as fits, or fails with unix.EAGAIN. It never raises SIGPIPE. p must not
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

// Await blocks until fd is readable (unix.POLLIN) or writable (unix.POLLOUT). After the timeout the error is
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
