package proxy

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/systemd"
	"reverse-proxy/proxy/wording"
)

// listener is one `[[listeners]]` entry in the running daemon: its sockets, its certificates and its two servers.
type listener struct {
	index  int
	config config.Listener
	// https and redirect are the bound sockets, one for each address; redirect is empty if http_port is 0. They are bound in
	// step 6 and accept connections from step 8 on, in ACME mode from step 7.
	https, redirect []net.Listener
	// source provides the certificates; set in step 7.
	source cert.Source
	// sites and redirects serve the sockets after startServing.
	sites, redirects *siteServer
	// gate holds back all connections except the CA's validations until step 8.
	gate *gate
	// failed receives the error of a server that ended by itself, which is never expected.
	failed chan error
}

// bindListener binds both ports on every address of one entry (step 6), or takes the sockets that systemd has passed
// for them. It binds all of them or none. The error names the port's key and address.
func bindListener(index int, cfg config.Listener, sockets systemd.Sockets, patience time.Duration) (bound *listener, err error) {
	l := &listener{index: index, config: cfg, gate: newGate(patience), failed: make(chan error, 2*len(cfg.BindAddrs))}
	key := config.IndexKey("listeners", index)
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, addr := range cfg.BindAddrs {
		socket, err := listen(sockets, config.ChildKey(key, "https_port"), addr, cfg.HTTPSPort)
		if err != nil {
			return nil, err
		}
		l.https = append(l.https, socket)
		if cfg.HTTPPort == 0 {
			continue
		}
		if socket, err = listen(sockets, config.ChildKey(key, "http_port"), addr, cfg.HTTPPort); err != nil {
			return nil, err
		}
		l.redirect = append(l.redirect, socket)
	}
	return l, nil
}

// bind opens a listening TCP socket. SO_REUSEPORT stays off: with it, a second instance could silently bind an address
// that is in use.
func bind(key, addr string, port int) (net.Listener, error) {
	address := net.JoinHostPort(addr, strconv.Itoa(port))
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, config.KeyError{Key: key, Problem: fmt.Sprintf("%s: %v; %s", address, wording.Cause(err), bindAdvice(err))}
	}
	return ln, nil
}

// address returns the listener's name in the log and in `status`: its first address and its HTTPS port.
func (l *listener) address() string { return l.config.Address() }

// hasRedirect reports whether the listener has a redirect port.
func (l *listener) hasRedirect() bool { return len(l.redirect) > 0 }

// status describes the listener for an operator.
func (l *listener) status() admin.ListenerStatus {
	status := admin.ListenerStatus{HTTPS: l.address(), TLSMode: l.config.TLS.Mode}
	if l.hasRedirect() {
		status.HTTP = l.redirect[0].Addr().String()
	}
	if len(l.https) == 1 {
		return status
	}
	for i, address := range l.config.Addresses() {
		at := admin.ListenerAddress{HTTPS: address}
		if l.hasRedirect() {
			at.HTTP = l.redirect[i].Addr().String()
		}
		status.Addresses = append(status.Addresses, at)
	}
	return status
}

// startServing starts the servers of both ports. Each serves the sockets of all addresses. startServing is called once:
// in step 8 or, in ACME mode, before provisioning in step 7. Before step 8, the gate decides what the servers may
// answer.
func (l *listener) startServing(cfg *config.Config, p *pipeline, shared *sharedState) {
	clients := func() *config.Clients { return &p.dynamic.Load().sites[l.index].clients }
	l.sites = &siteServer{
		listener: l.index, address: l.address(), port: strconv.Itoa(l.config.HTTPSPort), handler: p, pipeline: p, registry: shared.conns, log: shared.log,
		clients: clients, proxyProtocol: l.config.ProxyProtocol, tls: listenerTLSConfig(l.source, l.gate, shared.log), gate: l.gate,
		headerTimeout: cfg.HeaderTimeout, idleTimeout: cfg.ConnectionIdleTimeout,
	}
	shared.store.bindTickets(l.config.HTTPSPort, l.sites.tls)
	demandClientCerts(l.sites.tls, l.source, l.gate, func(name string) *clientDemand { return p.dynamic.Load().sites[l.index].demandOf(name) })
	for _, socket := range l.https {
		l.serve(l.sites, socket)
	}
	if !l.hasRedirect() {
		return
	}
	l.redirects = &siteServer{
		listener: l.index, address: l.redirect[0].Addr().String(), clients: clients, proxyProtocol: l.config.ProxyProtocol, registry: shared.conns, log: shared.log,
		handler:       newRedirector(l.config.HTTPSPort, l.source, l.gate, shared.log, cfg.BodyIdleTimeout),
		headerTimeout: cfg.HeaderTimeout, idleTimeout: cfg.ConnectionIdleTimeout,
	}
	for _, socket := range l.redirect {
		l.serve(l.redirects, socket)
	}
}

// serve accepts connections in a loop.
func (l *listener) serve(s *siteServer, socket net.Listener) {
	ended := s.registry.accepts()
	address := socket.Addr().String()
	backoff := newBackoffListener(socket, address, s.log)
	go func() {
		defer ended()
		if err := s.serve(backoff); err != nil && !errors.Is(err, net.ErrClosed) {
			l.failed <- fmt.Errorf("%s: accepting connections: %w", address, err)
		}
	}()
}

// close closes the sockets when a startup is undone, and at the end of a shutdown.
func (l *listener) close() {
	for _, socket := range slices.Concat(l.https, l.redirect) {
		_ = socket.Close() // an already closed socket is fine
	}
}
