package proxy

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// Errors of a connection whose end says nothing about whether what came before it is whole.
var (
	errNoCloseNotify = errors.New("the TLS connection ended without close_notify")
	errBrokenOff     = errors.New("the connection was reset")
)

// endError returns io.EOF where the end that a read has met is one that the peer meant, and an error where the connection
// broke off: anybody on the way can end a TCP connection, and a peer that crashes ends it too. secure reports whether the end
// was read by TLS over the socket.
//
// crypto/tls returns io.EOF both for close_notify and for an end of the connection between two records. It never asks the
// socket again after close_notify, so it was an end without one if the socket has met its own.
func (s *socket) endError(secure bool) error {
	switch {
	case secure && s.ended:
		return errNoCloseNotify
	case secure, s.closedByPeer():
		return io.EOF
	}
	// The connection is gone, by a reset or by an orderly end and a reset after it. Only the error told which, and a write
	// that is under way may have taken it: an empty one waits for that, which cannot block any more.
	_ = s.raw.Write(func(uintptr) bool { return true })
	if s.broken.Load() {
		return errBrokenOff
	}
	return io.EOF
}

// closedByPeer reports whether the peer has closed its half in order while ours is open.
func (s *socket) closedByPeer() bool {
	closed := false
	_ = s.raw.Control(func(fd uintptr) { // fails only where the connection is closed
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		closed = err == nil && info.State == unix.BPF_TCP_CLOSE_WAIT
	})
	return closed
}
