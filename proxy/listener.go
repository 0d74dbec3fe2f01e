package proxy

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/systemd"
	"reverse-proxy/proxy/wording"
)

// listener is one `[[listeners]]` entry in the running daemon: its sockets, its certificates and its two servers.
type listener struct {
	index  int
	config config.Listener
	// https and redirect are the bound sockets; redirect is nil if http_port is 0. They are bound in step 6 and accept
	// connections from step 8 on, in ACME mode from step 7.
	https, redirect net.Listener
	// source provides the certificates; set in step 7.
	source cert.Source
	// sites and redirects serve the sockets after startServing.
	sites, redirects *siteServer
	// gate holds back all connections except the CA's validations until step 8.
	gate *gate
	// failed receives the error of a server that ended by itself, which is never expected.
	failed chan error
}

// bindListener binds both ports of one entry (step 6), or takes the sockets that were passed for them. The error names the
// port's key and address.
func bindListener(index int, config config.Listener, sockets systemd.Sockets, patience time.Duration) (*listener, error) {
	l := &listener{index: index, config: config, gate: newGate(patience), failed: make(chan error, 2)}
	var err error
	if l.https, err = listen(sockets, fmt.Sprintf("listeners[%d].https_port", index), config.BindAddr, config.HTTPSPort); err != nil {
		return nil, err
	}
	if config.HTTPPort == 0 {
		return l, nil
	}
	if l.redirect, err = listen(sockets, fmt.Sprintf("listeners[%d].http_port", index), config.BindAddr, config.HTTPPort); err != nil {
		return nil, errors.Join(err, l.https.Close())
	}
	return l, nil
}

// bind opens a listening TCP socket. SO_REUSEPORT stays off: with it, an address in use would silently give a second
// instance.
func bind(key, addr string, port int) (net.Listener, error) {
	address := net.JoinHostPort(addr, strconv.Itoa(port))
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %v; %s", key, address, wording.Cause(err), bindAdvice(err))
	}
	return ln, nil
}

// bindAdvice says what to do about an address that cannot be bound.
func bindAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop the other program or choose another port"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no interface of this machine has that address"
	}
	return "check the address and the port"
}

// address returns the listener's name in the log and in `status`.
func (l *listener) address() string { return l.config.Address() }

// startServing starts the servers of both sockets. It is called once, in step 8, or before provisioning in step 7 in ACME
// mode; the gate decides what they may answer before step 8.
func (l *listener) startServing(cfg *config.Config, p *pipeline, shared *sharedState) {
	l.sites = &siteServer{
		listener: l.index, address: l.address(), port: strconv.Itoa(l.config.HTTPSPort), handler: p, pipeline: p, registry: shared.conns, log: shared.log,
		tls: listenerTLSConfig(l.source, l.gate, shared.log), gate: l.gate,
		headerTimeout: cfg.HeaderTimeout, idleTimeout: cfg.ConnectionIdleTimeout,
	}
	l.serve(l.sites, l.https)
	if l.redirect == nil {
		return
	}
	l.redirects = &siteServer{
		listener: l.index, address: l.redirect.Addr().String(), registry: shared.conns, log: shared.log,
		handler:       newRedirector(l.config.HTTPSPort, l.source, l.gate, shared.log, cfg.BodyIdleTimeout),
		headerTimeout: cfg.HeaderTimeout, idleTimeout: cfg.ConnectionIdleTimeout,
	}
	l.serve(l.redirects, l.redirect)
}

// serve accepts connections in a loop.
func (l *listener) serve(s *siteServer, socket net.Listener) {
	ended := s.registry.accepts()
	backoff := newBackoffListener(socket, s.address, s.log)
	go func() {
		defer ended()
		if err := s.serve(backoff); err != nil && !errors.Is(err, net.ErrClosed) {
			l.failed <- fmt.Errorf("%s: accepting connections: %w", l.address(), err)
		}
	}()
}

// close closes the sockets when a startup is undone, and at the end of a shutdown.
func (l *listener) close() {
	_ = l.https.Close() // an already closed socket is fine
	if l.redirect != nil {
		_ = l.redirect.Close()
	}
}
