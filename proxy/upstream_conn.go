package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/share"
	"reverse-proxy/proxy/unixdial"
)

// These are the sizes of the buffers for bytes from upstreams.
const (
	// upstreamBufferBytes holds a whole typical response.
	upstreamBufferBytes = 16 << 10
	// longBodyBufferBytes is the size of the buffer for the body of a long response. It is large to save system calls.
	longBodyBufferBytes = 128 << 10
	// longBodyBytes is the body length above which the larger buffer pays off.
	longBodyBytes = 64 << 10
)

// leadsTo is where a connection leads.
type leadsTo struct {
	// address is the address of the upstream's name, or the zero Addr if the upstream has no name.
	address netip.Addr
	// file is the upstream's Unix socket, or zero if it has none.
	file unixdial.ID
}

// upstreamConn is one connection to an upstream. It is owned by one call or by a pool.
type upstreamConn struct {
	net.Conn
	// fd is the socket, for queries that net.Conn does not offer. It is valid until Close.
	fd int
	// socket is the socket below Conn; without TLS it is Conn itself. A socket under TLS may hold bytes that belong to
	// no response.
	socket *socket
	// upstreamResponse is the response that is being read. It is nil while the connection is idle.
	*upstreamResponse
	plain bool
	// shared reports whether the upstream's connections are shared. If so, fd, socket, plain and leadsTo are not set, and
	// stream is the stream of the call that uses the connection, or nil.
	shared bool
	// pinned reports whether only one client's connection may use this connection.
	pinned bool
	// reused reports whether the connection has served a request before.
	reused bool
	// received reports whether a byte has arrived since the request began.
	received bool
	// one is room for an unexpected byte.
	one [1]byte
	// cut makes Close end TLS without close_notify, because the upstream did not receive the whole message.
	cut bool
	// inOrder makes Close end TCP in order instead of with a reset. The kernel then still delivers what is unsent.
	inOrder bool
	stream  *h2client.Stream
	// lookahead bounds what is read before the clients take it.
	lookahead *lookahead
	// headWaiter is the response's head, while it waits for a place among large heads.
	headWaiter atomic.Pointer[headWaiter]
	// idleSince is when the connection was put into its pool.
	idleSince time.Time

	// The pool's mu guards the following fields while the connection is in use. holder is the call that uses it, client
	// the account of the call's client, and since when the use began, on the sweeper's clock.
	holder *upstreamCall
	client *share.Client
	since  int64
	// uses counts the calls that have used the connection. ending reports whether the present use was ended for the
	// benefit of others.
	uses   uint64
	ending bool
	// at is the connection's index among those in use.
	at int

	leadsTo
}

var longBuffers = sync.Pool{New: func() any { b := make([]byte, longBodyBufferBytes); return &b }}

// newUpstreamConn wraps a connection over the socket.
func newUpstreamConn(conn net.Conn, raw *socket) (*upstreamConn, error) {
	u := &upstreamConn{}
	return u, u.over(conn, raw)
}

// over sets up u over the socket. Without TLS, conn is the socket itself.
func (u *upstreamConn) over(conn net.Conn, raw *socket) error {
	fd, err := descriptorOf(raw.streamConn)
	if err != nil {
		return err
	}
	u.Conn, u.plain, u.socket, u.fd = conn, conn == net.Conn(raw), raw, fd
	return nil
}

// begin prepares the connection for reading the response to a request.
func (u *upstreamConn) begin() {
	u.received = false
	if u.socket != nil {
		u.socket.restart()
	}
	if u.upstreamResponse == nil {
		u.upstreamResponse = upstreamResponses.Get().(*upstreamResponse)
		u.upstreamResponse.conn = u
	}
	u.upstreamResponse.stream = u.stream
}

// detach removes the response from the connection and returns it.
func (u *upstreamConn) detach() *upstreamResponse {
	r := u.upstreamResponse
	u.upstreamResponse = nil
	if r != nil {
		r.conn = nil
	}
	return r
}

// Close closes the connection, if it was ever opened, so that the kernel keeps nothing of it (resetAtClose). Only the end of
// a tunnel is still delivered, and an idle connection ends in order.
func (u *upstreamConn) Close() error {
	switch {
	case u.Conn == nil:
		return nil
	case u.inOrder && u.socket != nil:
		_ = u.socket.SetLinger(-1) // fails only if the connection is already gone
	case u.cut, u.hasUnsent(): // a close_notify would only have to wait after the unsent bytes
		return u.socket.Close()
	}
	return u.Conn.Close()
}

// hasUnsent reports whether the upstream has not yet acknowledged everything that was sent.
func (u *upstreamConn) hasUnsent() bool {
	if u.socket == nil {
		return false
	}
	unsent, err := unix.IoctlGetInt(u.fd, unix.SIOCOUTQ)
	return err == nil && unsent > 0
}

// descriptorOf returns the descriptor of a connection, which is valid until the connection is closed.
func descriptorOf(conn syscall.Conn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(descriptor uintptr) { fd = int(descriptor) })
	return fd, err
}

// send writes a request or its beginning, and returns the rest for a goroutine that can wait. An upstream may answer
// before it reads all of a long request, and the answer must be read. The error is an errUnsent if nothing was written.
func (u *upstreamConn) send(p []byte) (rest []byte, err error) {
	switch {
	case len(p) <= outBufferBytes+1<<10: // the socket of an idle connection holds that much
		n, err := u.Write(p)
		return nil, unsentIf(n, err)
	case !u.plain:
		return p, nil
	}
	rest, err = u.socket.TryWrite(p)
	return rest, unsentIf(len(p)-len(rest), err)
}

// fit reports whether an idle connection can carry a request. The upstream must not have closed it or sent an
// unexpected byte, which would be taken for the response to the next request.
func (u *upstreamConn) fit() bool {
	if u.shared {
		return true // its stream will be on a connection that is
	}
	waiting, err := waits(u.fd)
	// This holds over TLS too: session tickets come before the first response and were read with it. If anything is
	// waiting now, it is at best the close_notify of an upstream that has closed.
	return err == nil && !waiting
}

// Read reads from the upstream. It returns io.EOF only for an end that the upstream intended (S-6.16).
func (u *upstreamConn) Read(p []byte) (int, error) { return u.meant(u.Conn.Read(p)) }

// readLent is Read into a lent buffer, over a connection without TLS. The buffer is given back before a rest, because hundreds
// of fast responses may rest at the same time (S-12.8).
func (u *upstreamConn) readLent(from roomLender) (int, error) {
	if u.socket.readPace.mustRest() {
		from.takeBack()
		u.socket.readPace.rest()
	}
	return u.meant(u.socket.ReadLent(from))
}

// meant turns the end of the stream into an error unless the upstream intended it.
func (u *upstreamConn) meant(n int, err error) (int, error) {
	if err == io.EOF && u.socket != nil {
		err = u.socket.endError(!u.plain)
	}
	return n, err
}

// interrupt makes blocked reads and writes return, and ends the wait of a large head for a place.
func (u *upstreamConn) interrupt() {
	if w := u.headWaiter.Load(); w != nil {
		w.leave(headInterrupted)
	}
	if u.stream != nil {
		u.stream.Interrupt()
		return
	}
	_ = u.Conn.SetDeadline(pastDeadline)
}

// CloseWrite closes the sending half. Over TLS it sends close_notify.
func (u *upstreamConn) CloseWrite() error {
	half, ok := u.Conn.(halfCloser)
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// readAhead reports whether TLS has read beyond the response and holds data that a check of the socket does not show.
// That data is another record, which would be taken for the response to the next request, or the end of the connection.
func (u *upstreamConn) readAhead() bool {
	if u.plain || u.shared {
		return false
	}
	u.socket.tryRead = true
	n, err := u.Conn.Read(u.one[:])
	u.socket.tryRead = false
	return n > 0 || err != errNotReady
}
