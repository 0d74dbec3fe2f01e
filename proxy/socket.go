package proxy

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// streamConn is what a socket needs of a *net.TCPConn or a *net.UnixConn.
type streamConn interface {
	net.Conn
	syscall.Conn
	CloseRead() error
	CloseWrite() error
}

// socket is a TCP connection, or one over a Unix socket, for the data path. A read or write is one system call that
// does not block and that bypasses the scheduler. The scheduler would hand the processor to another thread whenever a
// call takes a few microseconds longer. A call that wakes an idle core does. At a low load the handovers were a fifth
// of the cost of a request. If there is nothing to read, or no room to write, the goroutine waits as with any net.Conn.
//
// One goroutine reads and one writes at a time, as for crypto/tls.
type socket struct {
	// The fields that each call uses come first: with hundreds of connections in use, each further cache line is a miss.

	raw syscall.RawConn
	// readOnce and writeMost are created once, because a closure per call would be an allocation. Their arguments and
	// results are in the fields read and write.
	readOnce, writeMost func(fd uintptr) bool
	// waits, if not nil, is called before a read, and before a write waits for room. The goroutine that does both sets it.
	waits func()
	// received, if not nil, is called when bytes have arrived. The reading goroutine sets it.
	received func()
	// written counts the bytes that the kernel has taken, and writing reports whether a write is in progress, for the
	// sweeper.
	written atomic.Uint64
	writing atomic.Bool
	// tryRead makes Read return errNotReady instead of waiting. The reading goroutine sets it around its read.
	tryRead bool
	// ended reports whether a read has met the end of the connection; it belongs to the reading goroutine.
	ended bool
	// restsBefore reports whether the goroutine that writes rests before it writes, where it holds fewer buffers.
	restsBefore bool
	// readerRests reports whether the goroutine that reads rests by itself, between its reads, where it holds no buffer. It
	// belongs to that goroutine.
	readerRests bool
	// readWaited reports whether a read has found nothing at first since it was last reset. It belongs to the reading
	// goroutine.
	readWaited bool
	read       readCall
	write      writeCall
	// waited reports whether a write has had to wait for room since waited was last reset. blocked reports whether one is
	// waiting now.
	waited, blocked atomic.Bool
	// writeWaits, if not nil, is called once blocked has been set. It is set before the first write.
	writeWaits func()
	// broken reports whether a system call has returned the error that broke the connection. The kernel reports it only
	// once; later reads look like an orderly end.
	broken atomic.Bool
	// readPace and writePace are those of the goroutines that read and write.
	readPace, writePace pace

	// gathering holds writes back, to be sent together.
	gathering gathering
	streamConn
	// source is the address that RemoteAddr returns, if a header of the PROXY protocol has named one.
	source netip.AddrPort
	// demand is what the handshake asked of the client's certificate; nil for nothing. The goroutine of the handshake sets it.
	demand *clientDemand
}

// pastDeadline makes blocked calls return.
var pastDeadline = time.Unix(1, 0)

// halfCloser is a connection whose sending half can be closed separately.
type halfCloser interface{ CloseWrite() error }

// readCall is one read.
type readCall struct {
	p []byte
	// lender, if not nil, lends p.
	lender roomLender
	n      int
	errno  syscall.Errno
	// waited reports whether there was nothing to read at first.
	waited bool
}

// roomLender lends the buffer for a read, and takes it back while there is nothing to read.
type roomLender interface {
	lend() []byte
	takeBack()
}

// writeCall is one write.
type writeCall struct {
	// rest is the part that is not written yet.
	rest []byte
	// try makes it end instead of waiting.
	try   bool
	errno syscall.Errno
	// waited reports whether there was no room at first.
	waited bool
}

// newSocket takes over a connection on which no read or write is half done.
func newSocket(conn streamConn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{streamConn: conn, raw: raw}
	s.readOnce, s.writeMost = s.doRead, s.doWrite
	return s, nil
}

// restIn makes the goroutines that read and write rest in the queue.
func (s *socket) restIn(queue *busyQueue) { s.readPace.queue, s.writePace.queue = queue, queue }

// restart makes the goroutines that use the socket from now on count their steps anew.
func (s *socket) restart() {
	s.readPace.restart()
	s.writePace.restart()
}

// restartWrites makes the writes count anew if a read has waited since the last call: others have run meanwhile. It is for
// a goroutine that both reads and writes.
func (s *socket) restartWrites() {
	if s.readWaited {
		s.readWaited = false
		s.writePace.restart()
	}
}

// errNotReady is returned by a read that must not wait and finds nothing. It is temporary, so crypto/tls can continue
// reading a record from where it was.
var errNotReady net.Error = notReady{}

type notReady struct{}

func (notReady) Error() string   { return "nothing has come yet" }
func (notReady) Timeout() bool   { return false }
func (notReady) Temporary() bool { return true }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr {
	if s.source.IsValid() {
		return net.TCPAddrFromAddrPort(s.source)
	}
	return s.streamConn.RemoteAddr()
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return s.readCall(p, nil)
}

// ReadLent reads into a lent buffer: a wait may be long, and needs no buffer (S-12.8).
func (s *socket) ReadLent(from roomLender) (int, error) { return s.readCall(nil, from) }

func (s *socket) readCall(p []byte, from roomLender) (int, error) {
	if s.waits != nil {
		s.waits()
	}
	if !s.readerRests && s.readPace.mustRest() {
		s.readPace.rest()
	}
	s.read.p, s.read.lender = p, from
	s.read.waited = false
	err := s.raw.Read(s.readOnce)
	s.read.p, s.read.lender = nil, nil
	if s.read.waited {
		s.readWaited = true
	}
	s.readPace.count(s.read.waited)
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
			c.waited = true
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
	if s.gathering.on.Load() {
		if gathered, err := s.gather(p); err != nil {
			return 0, err
		} else if gathered {
			return len(p), nil
		}
	}
	rest, err := s.writeCall(p, false)
	return len(p) - len(rest), err
}

// TryWrite writes as much as the kernel has room for and returns the rest.
func (s *socket) TryWrite(p []byte) (rest []byte, err error) { return s.writeCall(p, true) }

func (s *socket) writeCall(p []byte, try bool) (rest []byte, err error) {
	s.write = writeCall{rest: p, try: try}
	s.writing.Store(true)
	err = s.raw.Write(s.writeMost)
	s.writing.Store(false)
	if s.write.waited {
		s.blocked.Store(false)
	}
	if s.writePace.count(s.write.waited); !s.restsBefore && s.writePace.mustRest() {
		s.writePace.rest()
	}
	rest = s.write.rest
	s.write.rest = nil
	if err == nil && s.write.errno != 0 {
		err = s.failed("write", s.write.errno)
	}
	return rest, err
}

// doWrite writes until everything is written or there is no more room. It returns false to be called again when there is
// room.
func (s *socket) doWrite(fd uintptr) bool {
	c := &s.write
	for len(c.rest) > 0 {
		n, errno := writeSocket(fd, c.rest)
		switch errno {
		case 0:
			c.rest = c.rest[n:]
			s.written.Add(uint64(n))
		case syscall.EINTR:
		case syscall.EAGAIN:
			s.waited.Store(true)
			c.waited = true
			if c.try {
				return true
			}
			s.blocked.Store(true)
			if s.waits != nil {
				s.waits()
			}
			if s.writeWaits != nil {
				s.writeWaits()
			}
			return false
		default:
			if errno != syscall.EPIPE { // EPIPE only follows that error, or an orderly end
				s.broken.Store(true)
			}
			c.errno = errno
			return true
		}
	}
	return true
}

// SetLinger is that of TCP. A Unix socket has no use for it: what was sent is in the peer's queue already.
func (s *socket) SetLinger(seconds int) error {
	if tcp, ok := s.streamConn.(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}

// failed returns the error of a system call in the form that package net uses.
func (s *socket) failed(call string, errno syscall.Errno) error {
	return &net.OpError{Op: call, Net: s.LocalAddr().Network(), Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError(call, errno)}
}

// waits reports whether a socket has bytes to read, without taking them. It returns false with io.EOF or another error if
// none will come.
func waits(fd int) (bool, error) {
	var one [1]byte
	n, errno := peek(fd, one[:])
	switch {
	case errno == syscall.EAGAIN:
		return false, nil
	case errno != 0:
		return false, errno
	case n == 0:
		return false, io.EOF
	}
	return true, nil
}

// peek copies bytes that a socket has to read, at most as many as fit into p, without taking them.
func peek(fd int, p []byte) (n int, errno syscall.Errno) {
	for {
		r, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		if errno != syscall.EINTR {
			return int(r), errno
		}
	}
}
