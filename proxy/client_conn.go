package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/http1"
)

// clientConn is one connection of a client to an HTTPS listener. One goroutine serves it, from the handshake to its end.
// While it waits for a request it holds neither buffers nor an exchange, so that idle connections are cheap.
type clientConn struct {
	server *siteServer
	tls    *tls.Conn
	tcp    *net.TCPConn
	// fd is the socket, for looks that net.Conn does not offer; valid until close.
	fd         int
	client     netip.Addr
	clientText string
	// watch is the deadline of what the connection waits for.
	watch watch
	// work is what a request in flight needs; nil while the connection is idle.
	work *http1Work
	// one is where the first byte of a request is awaited.
	one [1]byte
	// unsent is what the kernel had not sent at the last look.
	unsent int
	// mu guards work for other goroutines.
	mu sync.Mutex
	// http2 is set when the connection has agreed on HTTP/2.
	http2 atomic.Pointer[h2Conn]
}

// http1Work is what one HTTP/1 request in flight needs, from a pool: the buffers, the parsed head and the exchange.
type http1Work struct {
	conn *clientConn
	// in holds what was read; in[start:end] is not consumed yet. Strings of the head in use point before start.
	in         []byte
	start, end int
	// out holds what is to be sent.
	out []byte

	head     http1.Request
	request  Request
	exchange exchange
	body     http1Body
	// trailerNames is the list behind request.TrailerNames, kept for its memory.
	trailerNames []string

	// chunked tells that the response's body is sent in chunks; bodyless that none is sent.
	chunked, bodyless bool
	// closeAfter tells that the connection ends with this response.
	closeAfter bool
}

// readBufferBytes is the size of the buffer in which heads are read; longer ones get a larger one.
const readBufferBytes = 16 << 10

var workPool = sync.Pool{New: func() any {
	return &http1Work{in: make([]byte, readBufferBytes), out: make([]byte, 0, outBufferBytes+1<<10)}
}}

// takeWork gives the connection what a request needs.
func (c *clientConn) takeWork() *http1Work {
	w := workPool.Get().(*http1Work)
	w.conn, w.start, w.end = c, 0, 0
	w.out = w.out[:0]
	c.mu.Lock()
	c.work = w
	c.mu.Unlock()
	return w
}

// giveWork puts it back.
func (c *clientConn) giveWork() {
	w := c.work
	c.mu.Lock()
	c.work = nil
	c.mu.Unlock()
	w.conn = nil
	if len(w.in) == readBufferBytes && cap(w.out) <= 2*outBufferBytes {
		workPool.Put(w)
	}
}

// newClientConn prepares a connection that was accepted.
func newClientConn(s *siteServer, tcp *net.TCPConn) (*clientConn, error) {
	fd, err := descriptorOf(tcp)
	if err != nil {
		return nil, err
	}
	c := &clientConn{server: s, tcp: tcp, fd: fd, tls: tls.Server(tcp, s.tls)}
	if address, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
		c.client = address.AddrPort().Addr().Unmap()
	}
	c.clientText = c.client.WithZone("").String()
	c.watch.owner = c
	return c, nil
}

// serve runs the connection to its end.
func (c *clientConn) serve() {
	c.watch.set(phaseHandshake, c.server.headerTimeout)
	if err := c.tls.Handshake(); err != nil {
		c.server.handshakeFailed(c, err)
		return
	}
	switch c.tls.ConnectionState().NegotiatedProtocol {
	case "h2":
		c.server.serveHTTP2(c)
	case "", "http/1.1":
		c.serveHTTP1()
	}
}

// serveHTTP1 answers one request after the other.
func (c *clientConn) serveHTTP1() {
	timeout := c.server.headerTimeout // the first head is awaited as the handshake was
	for c.awaitRequest(timeout) {
		timeout = c.server.idleTimeout
		w := c.takeWork()
		w.in[0], w.end = c.one[0], 1
		more := w.serveRequests()
		c.giveWork()
		if !more {
			return
		}
	}
}

// awaitRequest waits for the first byte of the next request, without a buffer. It returns false when the connection has
// ended, or has been idle for too long.
func (c *clientConn) awaitRequest(timeout time.Duration) bool {
	if c.server.draining() || !c.watch.set(phaseIdle, timeout) {
		return false
	}
	c.server.registry.becameIdle()
	if c.server.draining() { // it may have begun before the connection was seen to be idle
		return false
	}
	n, err := c.tls.Read(c.one[:])
	return n == 1 && err == nil && c.watch.set(phaseHead, c.server.headerTimeout)
}

// close ends the connection.
func (c *clientConn) close() {
	c.server.registry.remove(c)
	_ = c.tls.Close() // sends close_notify if it can; there is nobody to tell if not
}

// look implements watched.
func (c *clientConn) look(p phase) {
	if p == phaseIdle {
		if h := c.http2.Load(); h != nil {
			h.cool()
		}
	}
	if p != phaseUpstream && p != phaseBody {
		return
	}
	c.mu.Lock() // the exchange stays this connection's meanwhile
	defer c.mu.Unlock()
	if c.work != nil {
		c.work.exchange.look(p)
	}
}

// extend implements watched.
func (c *clientConn) extend(p phase) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work == nil {
		return 0
	}
	return c.work.exchange.extend(p)
}

// expire implements watched: it ends what the connection waits for.
func (c *clientConn) expire(p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work != nil && (p == phaseUpstream || p == phaseBody) {
		c.work.exchange.expire(p)
		return
	}
	c.interrupt()
}

// interrupt makes whatever the connection's goroutine waits for return with an error. Over HTTP/2 it only reads: what is
// being written goes on, as a record that breaks off would leave nothing that the client can be told.
func (c *clientConn) interrupt() {
	if c.http2.Load() != nil {
		_ = c.tcp.SetReadDeadline(pastDeadline) // fails only where the connection is gone already
		return
	}
	_ = c.tcp.SetDeadline(pastDeadline)
}

// hungUp reports whether the client has closed the connection, or its sending half, which for a request that was sent
// whole is how a client leaves (nginx takes it so too).
func (c *clientConn) hungUp() bool {
	fds := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

// moving reports whether the kernel has sent some of what was written since the last call.
func (c *clientConn) moving() bool {
	unsent, err := unix.IoctlGetInt(c.fd, unix.SIOCOUTQ)
	if err != nil {
		return false
	}
	moved := unsent != c.unsent
	c.unsent = unsent
	return moved
}

// lingerClose closes the sending half and reads what still comes for a while: closing a connection on which bytes arrive
// resets it, and the client could lose the answer (RFC 9112, section 9.6).
func (c *clientConn) lingerClose() {
	_ = c.tcp.SetReadDeadline(time.Time{}) // an interrupted read of the body may have set it
	c.watch.reset()
	if !c.watch.set(phaseLinger, lingerTime) || c.tls.CloseWrite() != nil {
		return
	}
	_ = c.tcp.CloseWrite()
	rest := longBuffers.Get().(*[]byte)
	defer longBuffers.Put(rest)
	for {
		if _, err := syscallRead(c.tcp, *rest); err != nil {
			return
		}
	}
}

// lingerTime is how long the rest of a body that nobody wants is read and thrown away after the answer.
const lingerTime = 2 * time.Second

// syscallRead reads the bytes as they are on the wire; nobody decrypts what is thrown away.
func syscallRead(conn *net.TCPConn, p []byte) (int, error) {
	n, err := conn.Read(p)
	if n == 0 && err == nil {
		err = syscall.EPIPE
	}
	return n, err
}
