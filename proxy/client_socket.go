package proxy

import (
	"io"
	"net"
	"syscall"
)

// clientSocket is a client's TCP connection as crypto/tls reads it. With try set a read takes what is there and does not
// wait for more: the bytes of a body that have come already go upstream in one piece.
type clientSocket struct {
	*net.TCPConn
	// try is set by the goroutine that reads, around its read.
	try bool

	// What one read without waiting needs; made for the first one, as most connections never have any.
	raw      syscall.RawConn
	readOnce func(fd uintptr) bool
	p        []byte
	n        int
	err      error
}

// errNotReady is what a read returns that was not to wait, where there is nothing. It is temporary, by which crypto/tls
// knows that a record may be read on from where it was.
var errNotReady net.Error = notReady{}

type notReady struct{}

func (notReady) Error() string   { return "nothing has come yet" }
func (notReady) Timeout() bool   { return false }
func (notReady) Temporary() bool { return true }

// Read implements net.Conn.
func (s *clientSocket) Read(p []byte) (int, error) {
	if !s.try {
		return s.TCPConn.Read(p)
	}
	if s.raw == nil {
		raw, err := s.SyscallConn()
		if err != nil {
			return 0, err
		}
		s.raw, s.readOnce = raw, s.readAvailable
	}
	s.p = p
	err := s.raw.Read(s.readOnce)
	s.p = nil
	switch {
	case err != nil: // closed, or interrupted by a deadline
		return 0, err
	case s.err == syscall.EAGAIN:
		return 0, errNotReady
	case s.err != nil:
		return 0, s.err
	case s.n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// readAvailable reads once; it tells syscall.RawConn not to wait whatever comes of it.
func (s *clientSocket) readAvailable(fd uintptr) bool {
	for {
		s.n, s.err = syscall.Read(int(fd), s.p)
		if s.err != syscall.EINTR {
			return true
		}
	}
}
