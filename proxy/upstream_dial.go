package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/unixdial"
)

// errUpstreamHandshake is the error of a TLS handshake that did not end in time.
var errUpstreamHandshake = fmt.Errorf("no end of the TLS handshake within upstream_connect_timeout_secs: %w", context.DeadlineExceeded)

// dial opens a connection to the target within the context. Over HTTP/2 it opens a stream instead, for a request with the
// body. If exclusive is set, that stream is the only one on its connection.
func (t *upstreamTarget) dial(ctx context.Context, upstream *upstreamConn, r *Request, body h2client.Body, exclusive bool) (err error) {
	if set := t.pool.shared; set != nil {
		upstream.shared = true
		if exclusive {
			upstream.stream, err = set.OpenAlone(ctx, t.dialShared)
		} else {
			upstream.stream, err = set.Open(ctx, body, t.dialShared)
		}
		return err
	}
	upstream.file = t.pool.socketFile() // read before connecting: the connection may lead to a newer socket, but not to an older one
	conn, raw, address, err := t.open(ctx, r)
	if err != nil {
		return err
	}
	if err := upstream.over(conn, raw); err != nil {
		_ = conn.Close() // an error from Close would hide the cause
		return err
	}
	upstream.address = address
	return nil
}

// open connects to the target and completes the TLS handshake, both within the context (S-6.9). raw is the socket below
// the connection. address is the address of the upstream's name that was used.
func (t *upstreamTarget) open(ctx context.Context, r *Request) (conn net.Conn, raw *socket, address netip.Addr, err error) {
	apart(func() { conn, raw, address, err = t.openHere(ctx, r) })
	return conn, raw, address, err
}

// openHere is open on the caller's goroutine. If the upstream is told the client of the request, that happens before TLS
// (S-15.4).
func (t *upstreamTarget) openHere(ctx context.Context, r *Request) (conn net.Conn, raw *socket, address netip.Addr, err error) {
	below, address, err := t.pool.connect(ctx, t.address)
	if err != nil {
		return nil, nil, address, err
	}
	defer func() {
		if err != nil {
			_ = below.Close() // an error from Close would hide the cause
		}
	}()
	stream, ok := below.(streamConn)
	if !ok {
		return nil, nil, address, errors.New("the upstream's connection is neither TCP nor over a Unix socket")
	}
	if raw, err = newSocket(stream); err != nil {
		return nil, nil, address, err
	}
	raw.restIn(t.pool.all.busy)
	if t.config.UpstreamProxy.Named() {
		if _, err := raw.Write(proxyHeader(t.config.UpstreamProxy, r)); err != nil {
			return nil, nil, address, err
		}
	}
	if t.config.UpstreamScheme != "https" {
		return raw, raw, address, nil
	}
	if conn, err = t.overTLS(ctx, raw); err != nil {
		return nil, nil, address, err
	}
	return conn, raw, address, nil
}

// overTLS completes a TLS handshake over the socket.
func (t *upstreamTarget) overTLS(ctx context.Context, raw *socket) (net.Conn, error) {
	secure := tls.Client(raw, t.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errUpstreamHandshake
		}
		return nil, err
	}
	if t.pool.shared != nil && secure.ConnectionState().NegotiatedProtocol != "h2" {
		return nil, errNoH2
	}
	return secure, nil
}

// tlsConfig returns how to verify an https upstream, and with which certificate the proxy identifies itself.
func (t *upstreamTarget) tlsConfig() *tls.Config {
	of := t.config.UpstreamTLS
	cfg := &tls.Config{RootCAs: t.roots, ServerName: of.ServerName, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if t.pool.shared != nil {
		cfg.NextProtos = []string{"h2"}
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _ = config.SplitUpstream(t.address)
	}
	if of.Certificate != nil {
		// The CAs that the upstream names do not matter: the operator knows which certificate is meant for it.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return of.Certificate, nil }
	}
	return cfg
}

// connect connects to the upstream, and returns the address of its name that it has used, or the zero Addr if it has no
// name.
func (p *upstreamPool) connect(ctx context.Context, upstream string) (net.Conn, netip.Addr, error) {
	if p.socketPath != "" {
		conn, err := unixdial.Dial(ctx, p.socketPath)
		return conn, netip.Addr{}, err
	}
	if p.name == nil {
		conn, err := dialTCP(ctx, upstream)
		return conn, netip.Addr{}, err
	}
	_, port := config.SplitUpstream(upstream)
	return p.name.connect(ctx, uint16(port), func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		return dialTCP(ctx, to.String())
	})
}

// dialTCP connects to a `host:port`.
func dialTCP(ctx context.Context, address string) (conn net.Conn, err error) {
	conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		resetAtClose(conn.(*net.TCPConn))
	}
	return conn, err
}

// resetAtClose makes Close reset a connection to an upstream. After an end in order the kernel would keep the connection's
// local port in use for a minute, and unsent bytes for longer (S-12.9). There are about 28,000 ports towards each
// upstream, so clients that leave 500 times a second would use up all of them, and the upstream could no longer be reached.
func resetAtClose(conn *net.TCPConn) {
	_ = conn.SetLinger(0) // fails only if the connection is already gone
}

// apart calls f on a goroutine of its own, and waits for its end. It is for steps that need a large stack, at the beginning of
// an exchange that may then wait long for its answer and would keep that stack (S-12.8). A panic is passed on to the caller.
func apart(f func()) {
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
	}()
	if <-done; panicked != nil {
		panic(panicked)
	}
}
