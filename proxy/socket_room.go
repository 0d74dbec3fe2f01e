package proxy

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// roomEvery is how many bytes are written to a client before its socket is asked whether there is room for more. A write
// to a client that reads nothing blocks, and holds the buffers of both sides until it ends (S-12.8). A write that begins
// only when there is room rarely blocks.
const roomEvery = 16 << 10

// isFull reports whether the client has left so much unread that the next write may have to wait. It asks the socket only
// after roomEvery bytes, and returns false in between.
func (c *clientTLS) isFull() bool {
	if c.unasked < roomEvery {
		return false
	}
	c.unasked = 0
	return !hasRoom(uintptr(c.fd))
}

// awaitRoom waits until the socket has room. For the sweeper it is a write in progress.
func (s *socket) awaitRoom() error {
	s.writing.Store(true)
	s.blocked.Store(true)
	if s.writeWaits != nil {
		s.writeWaits()
	}
	err := s.raw.Write(hasRoom)
	s.blocked.Store(false)
	s.writing.Store(false)
	return err
}

// hasRoom reports whether the kernel would take more bytes: for TCP, whether at least a third of the send buffer is free. An
// error of the socket counts as room, because a write returns it. The kernel wakes the poller for later room only if this call
// found none.
func hasRoom(fd uintptr) bool {
	set := unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
	var now unix.Timespec
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&set)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if errno != syscall.EINTR {
			return n != 0 || errno != 0
		}
	}
}

// awaitBytes waits, without room for them, until bytes have arrived, or the end of the connection.
func (s *socket) awaitBytes() error {
	return s.raw.Read(func(fd uintptr) bool {
		waiting, err := waits(int(fd))
		return waiting || err != nil
	})
}
