package proxy

import (
	"context"
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

// clientConn is one connection of a client to a port of a listener, over TLS or, on a redirect port, in the clear. One
// goroutine serves it, from the handshake to its end. While it waits for a request it holds neither buffers nor an exchange,
// so that idle connections are cheap.
type clientConn struct {
	connEntry
	server *siteServer
	// stream is what requests are read from and answers written to: tls, or the socket where there is no TLS.
	stream net.Conn
	// tls is nil on a redirect port.
	tls    *tls.Conn
	tcp    *net.TCPConn
	socket *socket
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
	// aborted tells that the last response was not sent whole.
	aborted bool
	// unsent is what the kernel had not sent at the last look.
	unsent int
	// mu guards work and which request its exchange is for, for other goroutines, and what follows.
	mu sync.Mutex
	// drained says that a drain has ended the connection as idle, wasCut that it was ended with whatever was in flight.
	drained, wasCut bool
	// serving tells that the handshake is complete.
	serving atomic.Bool
	// http2 is set when the connection has agreed on HTTP/2.
	http2 atomic.Pointer[h2Conn]
	// heard is when the last bytes of the handshake came, on the sweeper's clock.
	heard atomic.Int64
	// letGo ends the wait of a handshake at the gate; nil outside of one.
	letGo atomic.Pointer[context.CancelFunc]
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
	w.body.start, w.body.end = 0, 0 // what is left of a body must never reach the next connection
	w.body.release()
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
	socket, err := newSocket(tcp)
	if err != nil {
		return nil, err
	}
	c := &clientConn{server: s, stream: socket, tcp: tcp, socket: socket, fd: fd}
	if !s.redirects() {
		c.tls = tls.Server(socket, s.tls)
		c.stream = c.tls
		c.heard.Store(s.registry.sweeper.clock.Load())
		socket.received = func() { c.heard.Store(s.registry.sweeper.clock.Load()) }
	}
	c.client = peerOf(tcp)
	c.clientText = c.client.WithZone("").String()
	c.watch.owner = c
	return c, nil
}

// handshake completes the TLS handshake, where there is one, and reports whether the connection can be served.
func (c *clientConn) handshake() bool {
	if c.tls == nil {
		c.serving.Store(true)
		return true
	}
	if !c.watch.set(phaseHandshake, c.server.headerTimeout) {
		return false
	}
	ctx := context.Background()
	if !c.server.gate.isOpen() {
		var letGo context.CancelFunc
		ctx, letGo = context.WithCancel(ctx)
		defer letGo()
		c.letGo.Store(&letGo)
		defer c.letGo.Store(nil)
	}
	err := c.tls.HandshakeContext(ctx)
	c.socket.received = nil
	c.server.countHandshake(c, err)
	if err != nil {
		c.server.handshakeFailed(c, err)
		c.refusePlainHTTP(err)
		return false
	}
	c.serving.Store(true)
	return true
}

// serve runs the connection from its handshake to its end.
func (c *clientConn) serve() {
	if c.tls == nil {
		c.serveHTTP1()
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
	for first := true; c.awaitRequest(first); first = false {
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
// ended, or has been idle for too long. The first request is awaited as the handshake was.
func (c *clientConn) awaitRequest(first bool) bool {
	waiting, timeout := phaseIdle, c.server.idleTimeout
	if first {
		waiting, timeout = phaseFirst, c.server.headerTimeout
	}
	if !c.watch.set(waiting, timeout) {
		return false
	}
	c.server.registry.becameIdle()
	if c.server.draining() { // it may have begun before the connection was seen to be idle
		c.drain()
	}
	n, err := c.stream.Read(c.one[:])
	return n == 1 && err == nil && (c.watch.set(phaseHead, c.server.headerTimeout) || c.revive())
}

// close ends the connection. After a response that was cut off there is no close_notify, so that a body which ends with
// the connection does not seem to be whole (S-6.10). Where a client was cut because it does not take what it was sent, the
// kernel throws that away too, or it would hold it for minutes.
func (c *clientConn) close() {
	if unsent, err := unix.IoctlGetInt(c.fd, unix.SIOCOUTQNSD); err == nil && unsent > 0 && c.watch.phase() == phaseExpired {
		_ = c.tcp.SetLinger(0) // fails only where the connection is gone already
		c.aborted = true
	}
	c.server.registry.remove(c)
	if c.aborted {
		_ = c.tcp.Close()
		return
	}
	_ = c.stream.Close() // sends close_notify if it can; there is nobody to tell if not
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
	c.mu.Lock() // the exchange stays the same meanwhile
	defer c.mu.Unlock()
	if c.work != nil && c.watch.phase() == p {
		c.work.exchange.look(p)
	}
}

// extend implements watched.
func (c *clientConn) extend(p phase) time.Duration {
	if p == phaseFirst && c.hasReceived() {
		return 2 * sweepInterval // the request is there, and about to be read
	}
	if p != phaseBody && p != phaseTunnel {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work == nil || c.watch.phase() != p {
		return 0
	}
	return c.work.exchange.extend(p)
}

// expire implements watched: it ends what the connection waits for.
func (c *clientConn) expire(p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch.phase() != phaseExpired {
		return // it was forgotten since, and this may be another request already
	}
	if c.work != nil && (p == phaseUpstream || p == phaseBody || p == phaseTunnel) {
		c.work.exchange.expire(p)
		return
	}
	c.interrupt()
}

// interrupt makes whatever the connection's goroutine waits for return with an error. Over HTTP/2 it only reads: what is
// being written goes on, as a record that breaks off would leave nothing that the client can be told.
func (c *clientConn) interrupt() {
	if letGo := c.letGo.Load(); letGo != nil {
		(*letGo)()
	}
	if c.http2.Load() != nil {
		_ = c.tcp.SetReadDeadline(pastDeadline) // fails only where the connection is gone already
		return
	}
	_ = c.tcp.SetDeadline(pastDeadline)
}

// hungUp reports whether the client has closed the connection, or its sending half, which for a request that was sent
// whole is how a client leaves (nginx takes it so too).
func (c *clientConn) hungUp() bool { return hungUp(c.fd) }

// hungUp reports whether the peer of a socket has closed it, or its sending half.
func hungUp(fd int) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
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
	if !c.beginLinger() || c.tls != nil && c.tls.CloseWrite() != nil {
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

// beginLinger starts the clock of lingerClose. It returns false when the connection was cut.
func (c *clientConn) beginLinger() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wasCut {
		return false
	}
	_ = c.tcp.SetReadDeadline(time.Time{}) // an interrupted read of the body may have set it
	c.watch.reset()
	return c.watch.set(phaseLinger, lingerTime)
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
