package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/limit"
)

// siteServer serves the connections of one port of a listener: HTTP/1 and HTTP/2 over TLS, or HTTP/1 in the clear on the
// redirect port.
type siteServer struct {
	listener int
	address  string
	// port is the listener's port, for fields that name it.
	port string
	// handler answers requests over HTTP/1, and pipeline those over HTTP/2.
	handler  requestHandler
	pipeline *pipeline
	// clients returns how clients behind trusted proxies are found at present; nil if no proxy is trusted.
	clients func() *config.Clients
	// proxyProtocol reports whether each connection begins with a header of the PROXY protocol.
	proxyProtocol bool
	// tls is nil on a redirect port. Handshakes wait at the gate.
	tls           *tls.Config
	gate          *gate
	registry      *connRegistry
	log           *eventlog.Logger
	headerTimeout time.Duration
	idleTimeout   time.Duration
	isDraining    atomic.Bool
	conns         sync.WaitGroup
}

// requestHandler answers requests over HTTP/1.
type requestHandler interface {
	// handle answers a request. It returns once the last byte of the response was given to the client's side; x.abort then
	// reports whether the connection has to be cut.
	handle(x *exchange)
	// refuse answers what is not a valid request; reason is for the log.
	refuse(x *exchange, a *answer, reason string)
}

// redirects reports whether the server belongs to a redirect port.
func (s *siteServer) redirects() bool { return s.tls == nil }

// bodyIdle returns how long a body may make no progress.
func (s *siteServer) bodyIdle() time.Duration {
	if s.pipeline != nil {
		return s.pipeline.bodyIdle
	}
	if r, ok := s.handler.(*redirector); ok {
		return r.bodyIdle
	}
	return s.idleTimeout
}

// trusts reports whether an address is that of a trusted proxy (S-15.1).
func (s *siteServer) trusts(addr netip.Addr) bool {
	return s.clients != nil && s.clients().Trusted.Contains(addr)
}

// draining reports whether connections have to end with the request in flight.
func (s *siteServer) draining() bool { return s.isDraining.Load() }

// serve accepts connections until the listener is closed, which is not an error.
func (s *siteServer) serve(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return errors.Join(errors.New("the listener is not a TCP listener"), conn.Close())
		}
		peer := peerOf(tcp)
		t, acceptOn := s.registry.admitPeer(limit.NewKey(peer), s.trusts(peer))
		if !acceptOn {
			switch t.wait() {
			case refused: // at once: other connections may wait after it
				s.refuse(tcp, t)
				continue
			case ended:
				_ = tcp.Close() // it could not be served, and has received nothing
				return nil
			}
		}
		s.conns.Go(func() { s.serveConn(tcp, t) })
	}
}

// serveConn serves an accepted connection once there is room for it.
func (s *siteServer) serveConn(tcp *net.TCPConn, t *ticket) {
	switch t.wait() {
	case refused:
		s.refuse(tcp, t)
		return
	case ended:
		_ = tcp.Close() // it could not be served, and has received nothing
		return
	}
	c, err := newClientConn(s, tcp)
	if err != nil || !s.registry.add(c, t) {
		s.registry.release(t)
		_ = tcp.Close() // as above
		return
	}
	defer contain(s.log, c.peerText, c.close)
	if !c.handshake() {
		c.close()
		return
	}
	// It has its own goroutine, whose stack is not as large as a handshake makes it.
	s.conns.Go(func() { c.run(false) })
}

// refuse resets a connection for which there is no room because its client holds its share of all connections. A reset
// leaves nothing in the kernel.
func (s *siteServer) refuse(tcp *net.TCPConn, t *ticket) {
	client := peerOf(tcp)
	_ = tcp.SetLinger(0) // fails only if the connection is already gone
	_ = tcp.Close()
	s.logRefused(client, t.held)
}

// logRefused logs a connection for which there is no room because its client holds its share.
func (s *siteServer) logRefused(client netip.Addr, held int) {
	s.log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "share", Host: shareHolder(client)}, "CONNECTION_REFUSED",
		eventlog.Addr("client_ip", client), eventlog.Str("limit", "max_connections_per_client"), eventlog.Int("held", held), eventlog.Int("share", s.registry.share))
}

// logCut returns a function that logs connections that are cut because their clients hold more than their share.
func logCut(log *eventlog.Logger, share int) func(client netip.Addr, held int) {
	return func(client netip.Addr, held int) {
		log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "over share", Host: shareHolder(client)}, "CONNECTION_CUT",
			eventlog.Addr("client_ip", client), eventlog.Str("limit", "max_connections_per_client"), eventlog.Int("held", held), eventlog.Int("share", share))
	}
}

// shareHolder names the client to which a share belongs: an IPv4 address, or the /64 of an IPv6 one.
func shareHolder(client netip.Addr) string {
	if !client.Is6() {
		return client.String()
	}
	prefix, err := client.WithZone("").Prefix(64)
	if err != nil {
		return client.String()
	}
	return prefix.String()
}

// peerOf returns the address of a connection's client, IPv4-mapped addresses unmapped.
func peerOf(tcp *net.TCPConn) netip.Addr {
	return addrPortOf(tcp.RemoteAddr()).Addr()
}

// addrPortOf returns the address and the port of an end of a TCP connection, with IPv4-mapped addresses unmapped.
func addrPortOf(addr net.Addr) netip.AddrPort {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	}
	return netip.AddrPort{}
}

// These are the reasons for refusing a connection that must begin with a header of the PROXY protocol.
var (
	errNotTrusted = errors.New("the peer is not in trusted_proxies")
	errProxyLate  = errors.New("no whole header came within header_timeout_secs")
)

// refuseProxy counts and logs a connection that does not begin with a header of the PROXY protocol from a trusted proxy.
func (s *siteServer) refuseProxy(peer netip.Addr, err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("the connection ended before a whole header")
	}
	s.registry.proxyRefused.Add(1)
	s.log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "proxy", Host: shareHolder(peer), Upstream: s.address, Cause: err.Error()}, "PROXY_REFUSED",
		eventlog.Addr("peer_ip", peer), eventlog.Str("listener", s.address), eventlog.Err(err))
}

// handshakeFailed logs an incomplete handshake, at debug level because any scanner causes some.
func (s *siteServer) handshakeFailed(c *clientConn, err error) {
	if demand := c.socket.demand; demand != nil {
		if problem := clientCertProblem(err); problem != "" {
			logRefusedClientCert(s.log, c.tls.RemoteAddr(), demand.host, problem)
			return
		}
	}
	if errors.Is(err, io.EOF) || !s.log.Enabled(eventlog.LevelDebug) {
		return
	}
	s.log.Log(eventlog.LevelDebug, "CONNECTION_ERROR", eventlog.Str("listener", s.address), eventlog.Str("client_ip", c.peerText), eventlog.Err(err))
}

// countHandshake counts a handshake that has ended.
func (s *siteServer) countHandshake(c *clientConn, err error) {
	result := handshakeDone
	switch {
	case err == nil:
	case c.timer.Phase() == deadline.PhaseExpired:
		result = handshakeLate
	case errors.Is(err, io.EOF):
		result = handshakeClosed
	default:
		result = handshakeFailed
	}
	s.pipeline.metrics.process.handshake(result, c.tls.ConnectionState().Version)
}

// shutdown makes connections end with their request in flight.
func (s *siteServer) shutdown() { s.isDraining.Store(true) }
