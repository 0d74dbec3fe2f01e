package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/share"
)

// Sizes of the buffers that bytes of upstreams are read into.
const (
	// upstreamBufferBytes holds a usual response whole.
	upstreamBufferBytes = 16 << 10
	// longBodyBufferBytes is what the body of a long response is read with: few system calls a megabyte.
	longBodyBufferBytes = 128 << 10
	// longBodyBytes is the length above which the larger buffer pays.
	longBodyBytes = 64 << 10
)

// upstreamConn is one connection to an upstream. One exchange at a time owns it, or a pool does.
type upstreamConn struct {
	net.Conn
	// fd is the socket, for looks that net.Conn does not offer; valid until Close.
	fd int
	// socket is what Conn reads and writes; with plain it is Conn. A socket under TLS may hold bytes that are none of a
	// response.
	socket *socket
	plain  bool
	// address is which of the addresses of the upstream's name it leads to; the zero one where that has no name.
	address netip.Addr
	// longs bounds the long buffers of responses.
	longs *longBodies
	// pinned reports whether only one client's connection may use it.
	pinned bool
	// reused reports whether the connection has served a request before.
	reused bool
	// idleSince is when it was put into its pool.
	idleSince time.Time

	// What follows is guarded by the pool's mu while the connection is in use. holder is the exchange that uses it, client
	// what that one's client holds, and since when it began, on the sweeper's clock.
	holder *exchange
	client *share.Client
	since  int64
	// uses counts the exchanges that have used it. ending reports whether this one was ended for others.
	uses   uint64
	ending bool
	// at is its place among those in use.
	at int

	// cut makes Close end TLS without close_notify: what the upstream was sent is not whole.
	cut bool
	// delivers makes Close leave what is unsent to the kernel.
	delivers bool

	// upstreamResponse is the response that is being read; nil while the connection is idle.
	*upstreamResponse
	// received reports whether a byte has come since the request was begun.
	received bool
	// one is room for a byte that nobody expects.
	one [1]byte
}

var longBuffers = sync.Pool{New: func() any { b := make([]byte, longBodyBufferBytes); return &b }}

// newUpstreamConn wraps a connection over the socket.
func newUpstreamConn(conn net.Conn, raw *socket) (*upstreamConn, error) {
	u := &upstreamConn{}
	return u, u.over(conn, raw)
}

// over makes it a connection over the socket, which conn is itself where it does not speak TLS.
func (u *upstreamConn) over(conn net.Conn, raw *socket) error {
	fd, err := descriptorOf(raw.TCPConn)
	if err != nil {
		return err
	}
	u.Conn, u.plain, u.socket, u.fd = conn, conn == net.Conn(raw), raw, fd
	return nil
}

// begin makes the connection ready to read the response to a request.
func (u *upstreamConn) begin() {
	u.received = false
	if u.upstreamResponse == nil {
		u.upstreamResponse = upstreamResponses.Get().(*upstreamResponse)
		u.upstreamResponse.conn = u
	}
}

// detach takes the response off the connection, which knows nothing of it from then on.
func (u *upstreamConn) detach() *upstreamResponse {
	r := u.upstreamResponse
	u.upstreamResponse = nil
	if r != nil {
		r.conn = nil
	}
	return r
}

// Close closes the connection, if it was ever opened. What the kernel has still to send is thrown away, or it would keep
// that for minutes for an upstream that reads nothing (S-12.9); only the end of a tunnel is delivered.
func (u *upstreamConn) Close() error {
	switch {
	case u.Conn == nil:
		return nil
	case !u.delivers && u.hasUnsent():
		_ = u.socket.SetLinger(0) // fails only where the connection is gone already
		return u.socket.Close()   // a close_notify could only wait behind the rest
	case u.cut:
		return u.socket.Close()
	}
	return u.Conn.Close()
}

// hasUnsent reports whether the upstream has not acknowledged all that was sent to it.
func (u *upstreamConn) hasUnsent() bool {
	if u.socket == nil {
		return false
	}
	unsent, err := unix.IoctlGetInt(u.fd, unix.SIOCOUTQ)
	return err == nil && unsent > 0
}

// descriptorOf returns a connection's socket, valid until it is closed.
func descriptorOf(conn *net.TCPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(descriptor uintptr) { fd = int(descriptor) })
	return fd, err
}

// send writes a request, or its beginning, and returns what is left of it to be written by somebody who can wait: an
// upstream may answer, and has to be heard, before it reads all of a long request.
func (u *upstreamConn) send(p []byte) (rest []byte, err error) {
	switch {
	case len(p) <= outBufferBytes+1<<10: // the socket of an idle connection holds as much
		_, err := u.Write(p)
		return nil, err
	case !u.plain:
		return p, nil
	}
	return u.socket.TryWrite(p)
}

// fit reports whether an idle connection can carry a request: the upstream has neither closed it nor sent a byte that
// nobody asked for, which would be taken for the answer to the next request.
func (u *upstreamConn) fit() bool {
	waiting, err := waits(u.fd)
	// Over TLS too: session tickets come before the first answer and were read with it, and what waits now is the
	// close_notify of an upstream that has closed, or worse.
	return err == nil && !waiting
}

// Read reads from the upstream. It returns io.EOF only for an end that the upstream meant (S-6.16).
func (u *upstreamConn) Read(p []byte) (int, error) { return u.meant(u.Conn.Read(p)) }

// readLent is Read into room that is lent, over a connection without TLS.
func (u *upstreamConn) readLent(from roomLender) (int, error) {
	return u.meant(u.socket.ReadLent(from))
}

// meant finds out whether the upstream meant the end that a read has met.
func (u *upstreamConn) meant(n int, err error) (int, error) {
	if err == io.EOF && u.socket != nil {
		err = u.socket.endError(!u.plain)
	}
	return n, err
}

// CloseWrite closes the sending half, over TLS with close_notify.
func (u *upstreamConn) CloseWrite() error {
	half, ok := u.Conn.(halfCloser)
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// readAhead reports whether TLS has read more than the response, and keeps it where a look at the socket does not show it:
// another record, which would be taken for the answer to the next request, or the end of the connection.
func (u *upstreamConn) readAhead() bool {
	if u.plain {
		return false
	}
	u.socket.tryRead = true
	n, err := u.Conn.Read(u.one[:])
	u.socket.tryRead = false
	return n > 0 || err != errNotReady
}
