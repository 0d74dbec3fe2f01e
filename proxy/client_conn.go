package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/readiness"
)

// clientConn is a client's connection to a port of a listener, over TLS or, on a redirect port, in the clear. One
// goroutine serves it, from the handshake to its end. While it waits for a request it holds neither buffers nor an
// exchange, so that idle connections are cheap.
type clientConn struct {
	connEntry
	server *siteServer
	// stream carries requests and responses. It points to secure if there is TLS, and is the socket if there is none.
	stream net.Conn
	// tls is the TLS connection; nil on a redirect port. secure wraps it.
	tls    *tls.Conn
	secure clientTLS
	tcp    *net.TCPConn
	socket *socket
	// fd is the socket's descriptor, for queries that net.Conn does not offer; valid until close.
	fd int
	// peerAddr is the address of the peer. The peer may be a proxy that carries the requests of many clients
	// (Request.Client). If a header of the PROXY protocol names a source, peerAddr is that source. peerText is the same
	// address as text. socketAddr is the address of the socket's peer, whatever a header names.
	peerAddr   netip.Addr
	peerText   string
	socketAddr netip.Addr
	// addrs are the addresses at both ends, with their ports.
	addrs connAddrs
	// turn is held by the connection's goroutine while it computes a handshake or parses frames.
	turn turn
	// timer is the deadline of the phase that the connection is in.
	timer deadline.Timer
	// work is the state of a request in flight. It is nil while the connection is idle.
	work *http1Work
	// pin holds the upstream connection that belongs to this connection.
	pin upstreamPin
	// idle is the wait for the next request.
	idle readiness.Wait
	// one receives the first byte of a request.
	one [1]byte
	// aborted reports whether the last response was not sent completely.
	aborted bool
	// revived reports whether the connection was ended as idle while a request was arriving. The connection then ends
	// after that request.
	revived bool
	// progress records how much the client has taken. stuck is when a write began to wait without progress, or 0. Only
	// the sweeper uses them.
	progress clientProgress
	stuck    int64
	// patience is how long a write may wait without progress, if a request on this connection was for a route with a
	// longer time than the global one.
	patience atomic.Int64
	// late is the phase whose deadline passed last. forced reports whether the connection was ended by force.
	late   atomic.Int64
	forced atomic.Bool
	// flushed is signalled when close need not wait for the kernel any longer.
	flushed chan struct{}
	// mu guards work, the assignment of its exchange to a request (for other goroutines), and the fields below.
	mu sync.Mutex
	// wasCut reports whether the connection was ended without regard to requests in flight.
	wasCut bool
	// identity is the client's identity if the handshake was for a site that requires certificates, else nil.
	identity *clientIdentity
	// serving reports whether the handshake is complete.
	serving atomic.Bool
	// http2 is set when the connection has agreed on HTTP/2.
	http2 atomic.Pointer[h2Conn]
	// heard is when the last bytes of the handshake arrived, on the sweeper's clock.
	heard atomic.Int64
	// letGo ends the wait of a handshake at the gate. It is nil at other times.
	letGo atomic.Pointer[context.CancelFunc]
}

// http1Work is the state of an HTTP/1 request in flight, from a pool: the buffers, the parsed head and the exchange.
type http1Work struct {
	conn *clientConn
	// in holds bytes that were read; in[start:end] is not consumed yet. The strings of the current head point into the
	// part before start.
	in         []byte
	start, end int
	// out holds bytes to be sent. It is nil while there are none, so that a slow response or client costs no buffer
	// (S-12.8). outBuffer is the pooled buffer that out uses.
	out       []byte
	outBuffer *[]byte

	head     http1.Request
	request  Request
	exchange exchange
	body     http1Body
	// trailerNames backs request.TrailerNames. It is kept so that the next request can reuse its memory.
	trailerNames []string

	// chunked reports whether the response body is sent in chunks. bodyless reports whether no body is sent.
	chunked, bodyless bool
	// closeAfter reports whether the connection ends with this response.
	closeAfter bool
}

// readBufferBytes is the size of the buffer for heads. A longer head gets a larger one.
const readBufferBytes = 16 << 10

var workPool = sync.Pool{New: func() any {
	return &http1Work{in: make([]byte, readBufferBytes)}
}}

// takeWork takes the state for a request from the pool.
func (c *clientConn) takeWork() *http1Work {
	w := workPool.Get().(*http1Work)
	w.conn, w.start, w.end = c, 0, 0
	c.mu.Lock()
	c.work = w
	c.mu.Unlock()
	return w
}

// giveWork returns the state to the pool.
func (c *clientConn) giveWork() {
	w := c.work
	c.mu.Lock()
	c.work = nil
	c.mu.Unlock()
	w.conn = nil
	w.giveOut()
	w.body.start, w.body.end = 0, 0 // the rest of a body must never reach the next connection
	w.body.release()
	if len(w.in) == readBufferBytes {
		workPool.Put(w)
	}
}

// newClientConn prepares an accepted connection.
func newClientConn(s *siteServer, tcp *net.TCPConn) (*clientConn, error) {
	fd, err := descriptorOf(tcp)
	if err != nil {
		return nil, err
	}
	socket, err := newSocket(tcp)
	if err != nil {
		return nil, err
	}
	socket.restIn(s.registry.busy)
	c := &clientConn{server: s, stream: socket, tcp: tcp, socket: socket, fd: fd, flushed: make(chan struct{}, 1)}
	c.heard.Store(s.registry.sweeper.Clock.Load())
	if !s.redirects() {
		c.tls = tls.Server(socket, s.tls)
		socket.restsBefore = true
		c.secure = clientTLS{Conn: c.tls, socket: socket, fd: fd, all: &s.registry.gatherings}
		c.stream = &c.secure
		socket.received = func() {
			c.heard.Store(s.registry.sweeper.Clock.Load())
			c.turn.take(c.account)
		}
		socket.waits = c.turn.give
	}
	c.addrs = connAddrs{addrPortOf(tcp.RemoteAddr()), addrPortOf(tcp.LocalAddr())}
	c.setPeer(c.addrs.source.Addr())
	c.socketAddr = c.peerAddr
	c.timer.Owner = c
	c.idle.Init(s.registry.poller, c, tcp, fd)
	return c, nil
}

// setPeer sets the address of the peer.
func (c *clientConn) setPeer(addr netip.Addr) {
	c.peerAddr = addr
	c.peerText = addr.WithZone("").String()
}

// takeProxyHeader reads the header of the PROXY protocol. From then on, the connection counts for the source that the
// header names (S-15.3). takeProxyHeader reports whether the connection continues.
func (c *clientConn) takeProxyHeader() bool {
	s := c.server
	if !s.trusts(c.socketAddr) {
		s.refuseProxy(c.socketAddr, errNotTrusted)
		return false
	}
	if !c.timer.Set(deadline.PhaseHandshake, s.headerTimeout) {
		return false
	}
	header, err := c.socket.readProxyHeader()
	if err != nil {
		if c.timer.Phase() == deadline.PhaseExpired {
			err = errProxyLate
		}
		s.refuseProxy(c.socketAddr, err)
		return false
	}
	if !header.Source.IsValid() {
		return true
	}
	c.addrs, c.socket.source = connAddrs{header.Source, header.Destination}, header.Source
	c.setPeer(header.Source.Addr())
	held, ok := s.registry.comesFrom(c, limit.NewKey(c.peerAddr), s.trusts(c.peerAddr))
	if !ok {
		s.logRefused(c.peerAddr, held)
	}
	return ok
}

// handshake reads the header of the PROXY protocol if the listener requires one, and completes the TLS handshake if the port
// has TLS. It reports whether the connection can be served.
func (c *clientConn) handshake() bool {
	if c.server.proxyProtocol && !c.takeProxyHeader() {
		return false
	}
	if c.tls == nil {
		c.serving.Store(true)
		return true
	}
	if !c.timer.Set(deadline.PhaseHandshake, c.server.headerTimeout) {
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
	defer c.turn.give() // also after a panic
	err := c.tls.HandshakeContext(ctx)
	c.socket.received, c.socket.waits = nil, nil
	c.turn.give()
	if demand := c.socket.demand; demand != nil && err == nil {
		c.identity = demand.identify(c.tls.ConnectionState())
	}
	c.server.countHandshake(c, err)
	if err != nil {
		c.server.handshakeFailed(c, err)
		c.refusePlainHTTP(err)
		return false
	}
	c.serving.Store(true)
	return true
}

// run serves the connection until it ends, and then closes it, or until it becomes dormant. resumed reports whether the
// connection was dormant.
func (c *clientConn) run(resumed bool) {
	dormant := false
	defer func() {
		if !dormant {
			c.close()
		}
	}()
	defer contain(c.server.log, c.peerText, func() { c.cut(errShuttingDown) })
	dormant = c.serve(resumed)
}

// serve answers requests. It reports whether the connection has become dormant; otherwise it has ended and must be closed.
func (c *clientConn) serve(resumed bool) (dormant bool) {
	if h := c.http2.Load(); h != nil {
		return h.serve(true)
	}
	if c.tls != nil {
		switch c.tls.ConnectionState().NegotiatedProtocol {
		case "h2":
			return c.server.serveHTTP2(c)
		case "", "http/1.1":
		default:
			return false
		}
	}
	return c.serveHTTP1(resumed)
}

// serveHTTP1 answers one request after another. It reports whether the connection has become dormant.
func (c *clientConn) serveHTTP1(resumed bool) (dormant bool) {
	defer func() {
		if !dormant {
			c.pin.release()
		}
	}()
	if !resumed && !c.beginWait(deadline.PhaseFirst, c.server.headerTimeout) {
		return false
	}
	for {
		n, err := c.idle.Read(c.stream, c.one[:])
		if err == readiness.ErrDormant {
			return true
		}
		if n == 0 || err != nil || !c.timer.Set(deadline.PhaseHead, c.server.headerTimeout) && !c.reviveHTTP1() {
			return false
		}
		c.socket.restartWrites()
		w := c.takeWork()
		w.in[0], w.end = c.one[0], 1
		more := w.serveRequests()
		c.giveWork()
		if !more || !c.beginWait(deadline.PhaseIdle, c.server.idleTimeout) {
			return false
		}
	}
}

// beginWait begins the wait for the next request, during which the connection holds neither buffers nor an exchange. It
// returns false if the connection must end. The wait for the first request has the same timeout as the handshake.
func (c *clientConn) beginWait(p deadline.Phase, timeout time.Duration) bool {
	if !c.timer.Set(p, timeout) {
		return false
	}
	c.server.registry.becameIdle()
	if c.server.draining() { // the drain may have begun before the connection was known to be idle
		c.drain()
	}
	return true
}

// dormantAfter is how long a connection waits for a request before it becomes dormant. The stack of its goroutine is a
// quarter of what an idle connection costs; starting another goroutine costs a few microseconds.
const dormantAfter = time.Second

// hungUp reports whether the client has closed the connection or its sending half. A client that closes its sending
// half after a complete request counts as gone, as it does in nginx.
func (c *clientConn) hungUp() bool { return hungUp(c.fd) }
