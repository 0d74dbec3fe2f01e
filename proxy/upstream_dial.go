package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// dialUpstream connects to the site's upstream, and completes the TLS handshake, both within the connect timeout
// together (S-6.9). The certificate is verified against the system's roots with the upstream's name (S-6.8).
// Waiting for a slot, where all connections are in use, counts as connecting. Cancelling the exchange ends it.
func dialUpstream(x *exchange, all *upstreams) (upstream *upstreamConn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), x.site.ConnectTimeout)
	defer cancel()
	// It is the context that ends the dial. The watch takes over from the deadline of the request's head, and makes the
	// sweeper look for a client that leaves meanwhile.
	if !x.watch.set(phaseUpstream, x.site.ConnectTimeout+time.Second) {
		return nil, os.ErrDeadlineExceeded
	}
	if !x.dialing(cancel) {
		return nil, context.Canceled
	}
	defer x.dialed()
	if err := all.slots.acquire(ctx, all.makeRoom); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			all.slots.release()
		}
	}()
	conn, address, err := all.pool(x.site).connect(ctx, x.site.Upstream)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.New("the upstream's connection is not TCP"), conn.Close())
	}
	raw, err := newSocket(tcp)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	conn = raw
	if x.site.UpstreamScheme == "https" {
		host, _, err := net.SplitHostPort(x.site.Upstream)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		secure := tls.Client(raw, &tls.Config{
			RootCAs: x.site.roots, ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		conn = secure
	}
	upstream, err = newUpstreamConn(conn, raw, all.slots)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	upstream.address = address
	return upstream, nil
}

// connect connects to the upstream, and returns at which address of its name; the zero one where it has no name.
func (p *upstreamPool) connect(ctx context.Context, upstream string) (net.Conn, netip.Addr, error) {
	if p.name == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", upstream)
		return conn, netip.Addr{}, err
	}
	_, port := splitUpstream(upstream)
	return p.name.connect(ctx, uint16(port), dialTCP)
}
