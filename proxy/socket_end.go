package proxy

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// These are the errors of a connection whose end does not prove that the data before it is complete.
var (
	errNoCloseNotify = errors.New("the TLS connection ended without close_notify")
	errBrokenOff     = errors.New("the connection was reset")
)

// endError returns io.EOF if the peer meant the end that a read has met, and an error if the connection broke off: anyone
// on the path can end a TCP connection, and a crashing peer ends it too. secure reports whether TLS over the socket read
// the end.
//
// crypto/tls returns io.EOF both for close_notify and for an end of the connection between two records. It never reads the
// socket again after close_notify, so if the socket has met its own end, there was no close_notify.
func (s *socket) endError(secure bool) error {
	switch {
	case secure && s.ended:
		return errNoCloseNotify
	case secure, s.closedByPeer():
		return io.EOF
	}
	// The connection was reset, or it ended in order and was then reset, or it is over a Unix socket. Only the error of
	// a system call distinguishes these cases, and a write in progress may have received it. An empty write waits for
	// that write, which can no longer block.
	_ = s.raw.Write(func(uintptr) bool { return true })
	if s.broken.Load() {
		return errBrokenOff
	}
	return io.EOF
}

// closedByPeer reports whether the peer has closed its half in order while ours is open.
func (s *socket) closedByPeer() bool {
	closed := false
	_ = s.raw.Control(func(fd uintptr) { // fails only if the connection is closed
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		closed = err == nil && info.State == unix.BPF_TCP_CLOSE_WAIT
	})
	return closed
}

// hungUp reports whether the peer of a socket has closed it or its sending half.
func hungUp(fd int) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
