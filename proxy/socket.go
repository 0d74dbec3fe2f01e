package proxy

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// socket is a TCP connection of which the data path reads and to which it writes. A read or write is one system call that
// does not wait, of which the scheduler is not told: it would hand the processor on to another thread when the call takes
// a few microseconds longer, as one that wakes an idle core does, and at a low load that was a fifth of what a request
// costs. Where there is nothing to read, or no room to write, the goroutine waits as with any net.Conn.
//
// One goroutine reads and one writes at a time, as for crypto/tls.
type socket struct {
	*net.TCPConn
	raw syscall.RawConn
	// received, if it is not nil, is called when bytes have come. The goroutine that reads sets it.
	received func()
	// waits, if it is not nil, is called before a read, and before a write waits for room. The goroutine that does both sets it.
	waits func()
	// tryRead makes Read return errNotReady in place of waiting. The goroutine that reads sets it around its read.
	tryRead bool
	// ended reports whether a read has met the end of the connection; it belongs to the goroutine that reads.
	ended bool
	// broken reports whether a system call has returned the error that broke the connection. The kernel reports it once;
	// what is read afterwards looks like an orderly end.
	broken atomic.Bool
	// waited reports whether a write has had to wait for room since it was reset.
	waited atomic.Bool

	// writing says that a write is under way, for the sweeper.
	writing atomic.Bool

	// What the reader and the writer hand to their functions, which are made once: a closure a call is an allocation.
	readOnce, writeMost func(fd uintptr) bool
	read                readCall
	write               writeCall
}

// readCall is one read.
type readCall struct {
	p []byte
	// lender lends p where it is not nil.
	lender roomLender
	n      int
	errno  syscall.Errno
}

// roomLender lends the room for a read, and takes it back while there is nothing to read.
type roomLender interface {
	lend() []byte
	takeBack()
}

// writeCall is one write.
type writeCall struct {
	// rest is what is not written yet.
	rest []byte
	// try makes it end where it would have to wait.
	try   bool
	errno syscall.Errno
}

// newSocket takes a connection over; what it holds must have been neither read nor written by halves.
func newSocket(conn *net.TCPConn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{TCPConn: conn, raw: raw}
	s.readOnce, s.writeMost = s.doRead, s.doWrite
	return s, nil
}

// errNotReady is what a read returns that was not to wait, where there is nothing. It is temporary, by which crypto/tls
// knows that a record may be read on from where it was.
var errNotReady net.Error = notReady{}

type notReady struct{}

func (notReady) Error() string   { return "nothing has come yet" }
func (notReady) Timeout() bool   { return false }
func (notReady) Temporary() bool { return true }

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return s.readCall(p, nil)
}

// ReadLent is Read into room that is lent: a wait may be long, and needs none (S-12.8).
func (s *socket) ReadLent(from roomLender) (int, error) { return s.readCall(nil, from) }

func (s *socket) readCall(p []byte, from roomLender) (int, error) {
	if s.waits != nil {
		s.waits()
	}
	s.read.p, s.read.lender = p, from
	err := s.raw.Read(s.readOnce)
	s.read.p, s.read.lender = nil, nil
	switch {
	case err != nil: // closed, or interrupted by a deadline
		return 0, err
	case s.read.errno == syscall.EAGAIN:
		return 0, errNotReady
	case s.read.errno != 0:
		return 0, s.failed("read", s.read.errno)
	case s.read.n == 0:
		s.ended = true
		return 0, io.EOF
	}
	if s.received != nil {
		s.received()
	}
	return s.read.n, nil
}

// doRead reads once. It returns false to be called again when there is something to read.
func (s *socket) doRead(fd uintptr) bool {
	c := &s.read
	if c.lender != nil {
		c.p = c.lender.lend()
	}
	for {
		n, errno := readSocket(fd, c.p)
		switch errno {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			c.errno = errno
			if c.lender != nil {
				c.lender.takeBack()
			}
			return s.tryRead
		}
		c.n, c.errno = n, errno
		if errno != 0 {
			s.broken.Store(true)
		}
		return true
	}
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	rest, err := s.writeCall(p, false)
	return len(p) - len(rest), err
}

// TryWrite writes what the kernel has room for and returns the rest.
func (s *socket) TryWrite(p []byte) (rest []byte, err error) { return s.writeCall(p, true) }

func (s *socket) writeCall(p []byte, try bool) (rest []byte, err error) {
	s.write = writeCall{rest: p, try: try}
	s.writing.Store(true)
	err = s.raw.Write(s.writeMost)
	s.writing.Store(false)
	rest = s.write.rest
	s.write.rest = nil
	if err == nil && s.write.errno != 0 {
		err = s.failed("write", s.write.errno)
	}
	return rest, err
}

// doWrite writes until all is written or there is no more room. It returns false to be called again when there is.
func (s *socket) doWrite(fd uintptr) bool {
	c := &s.write
	for len(c.rest) > 0 {
		n, errno := writeSocket(fd, c.rest)
		switch errno {
		case 0:
			c.rest = c.rest[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			s.waited.Store(true)
			if s.waits != nil && !c.try {
				s.waits()
			}
			return c.try
		default:
			if errno != syscall.EPIPE { // which is what comes after the error, or after an orderly end
				s.broken.Store(true)
			}
			c.errno = errno
			return true
		}
	}
	return true
}

// failed is the error of a system call as net.TCPConn has it.
func (s *socket) failed(call string, errno syscall.Errno) error {
	return &net.OpError{Op: call, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError(call, errno)}
}

// waits reports whether bytes wait at a socket to be read, without taking them; false with io.EOF or another error where
// none will come.
func waits(fd int) (bool, error) {
	var one [1]byte
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&one[0])), 1,
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false, nil
		case errno != 0:
			return false, errno
		case n == 0:
			return false, io.EOF
		default:
			return true, nil
		}
	}
}
