package proxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// listener is one `[[listeners]]` entry while the daemon runs: its sockets, its certificates and its two servers.
type listener struct {
	index  int
	config ListenerConfig
	// https and redirect are the bound sockets; redirect is nil when http_port is 0. They are bound in step 6 and
	// accept from step 8 on, in ACME mode from step 7.
	https, redirect net.Listener
	// source is where the certificates come from; set in step 7.
	source CertSource
	// sites and redirectServer serve the sockets once startServing was called.
	sites          *siteServer
	redirectServer *http.Server
	// gate holds back all but the CA's validations until step 8.
	gate *gate
	// failed receives the error of a server that ended by itself, which is never expected.
	failed chan error
}

// bindListener binds both ports of one entry (step 6), or takes the sockets that were passed for them. The error names the
// key of the port and its address.
func bindListener(index int, config ListenerConfig, sockets inheritedSockets, patience time.Duration) (*listener, error) {
	l := &listener{index: index, config: config, gate: newGate(patience), failed: make(chan error, 2)}
	var err error
	if l.https, err = sockets.listen(fmt.Sprintf("listeners[%d].https_port", index), config.BindAddr, config.HTTPSPort); err != nil {
		return nil, err
	}
	if config.HTTPPort == 0 {
		return l, nil
	}
	if l.redirect, err = sockets.listen(fmt.Sprintf("listeners[%d].http_port", index), config.BindAddr, config.HTTPPort); err != nil {
		return nil, errors.Join(err, l.https.Close())
	}
	return l, nil
}

// bind opens a listening TCP socket. SO_REUSEPORT stays off: it would turn an address that is in use into a silent
// second instance.
func bind(key, addr string, port int) (net.Listener, error) {
	address := net.JoinHostPort(addr, strconv.Itoa(port))
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %s; %s", key, address, upstreamCause(err), bindAdvice(err))
	}
	return ln, nil
}

// bindAdvice tells what to do about an address that cannot be bound.
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

// address names the listener in the log and in `status`.
func (l *listener) address() string { return l.config.address() }

// startServing starts the servers of both sockets. It is called once, in step 8, or before provisioning in step 7 in
// ACME mode; what they may answer before step 8 is decided by the gate.
func (l *listener) startServing(cfg *Config, p *pipeline, shared *sharedState) {
	sites := &siteServer{
		listener: l.index, address: l.address(), port: strconv.Itoa(l.config.HTTPSPort), pipeline: p, registry: shared.conns, log: shared.log,
		tls:           listenerTLSConfig(l.source, l.gate, shared.log),
		headerTimeout: cfg.HeaderTimeout, idleTimeout: cfg.ConnectionIdleTimeout,
	}
	l.sites = sites
	https := newBackoffListener(l.https, l.address(), shared.log)
	l.serve(shared.conns, func() error { return sites.serve(https) })
	if l.redirect == nil {
		return
	}
	l.redirectServer = newRedirectServer(cfg, l.redirectHandler(), shared, l.redirect.Addr().String())
	l.serve(shared.conns, func() error {
		return l.redirectServer.Serve(admittedListener{newBackoffListener(l.redirect, l.redirect.Addr().String(), shared.log), shared.conns})
	})
}

// serve runs a loop that accepts connections.
func (l *listener) serve(registry *connRegistry, run func() error) {
	ended := registry.accepts()
	go func() {
		defer ended()
		if err := run(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			l.failed <- fmt.Errorf("%s: accepting connections: %w", l.address(), err)
		}
	}()
}

// close closes the sockets and cuts the connections of the redirect port, the registry those of the sites; for the unwinding of a startup, and the end of a shutdown.
func (l *listener) close() {
	l.stopAccepting()
	if l.redirectServer != nil {
		_ = l.redirectServer.Close() // what is closed already is what is wanted
	}
}

// stopAccepting closes the sockets.
func (l *listener) stopAccepting() {
	_ = l.https.Close()
	if l.redirect != nil {
		_ = l.redirect.Close()
	}
}

// drain closes the sockets and lets the connections of the redirect port end. It does not wait.
func (l *listener) drain(ctx context.Context) {
	l.stopAccepting()
	if l.redirectServer != nil {
		go drainRedirects(ctx, l.redirectServer) // its connections are counted where those of the sites are
	}
}

// redirectDrainInterval is the time between two looks for idle connections of a redirect port that drains.
const redirectDrainInterval = 250 * time.Millisecond

// drainRedirects closes the idle connections of a redirect port, and new ones that have been silent for five seconds,
// until the context ends, and makes every answer the last one of its connection. Server.Shutdown would do the same, but
// closes a connection without an answer when its first request comes after the call.
func drainRedirects(ctx context.Context, server *http.Server) {
	ticker := time.NewTicker(redirectDrainInterval)
	defer ticker.Stop()
	for {
		server.SetKeepAlivesEnabled(false) // which also closes what is idle
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// maxHeadBytes bounds a request head (S-6, Errors: 431). net/http allows 4096 bytes above what it is told.
const maxHeadBytes = 64<<10 - 4096

// newRedirectServer makes the server of a redirect port, with the limits that hold on every port open to clients (S-12).
func newRedirectServer(cfg *Config, handler http.Handler, shared *sharedState, address string) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.ConnectionIdleTimeout,
		MaxHeaderBytes:    maxHeadBytes,
		ConnState:         shared.conns.plainState,
		ErrorLog:          quietErrors(shared.log, address),
		// OPTIONS * is a request like others to a proxy; net/http would answer it by itself.
		DisableGeneralOptionsHandler: true,
	}
}

// quietErrors is a logger for a library's server, whose complaints about clients are for debugging.
func quietErrors(logger *Logger, address string) *log.Logger {
	return log.New(serverErrors{logger, address}, "", 0)
}

// serverErrors is where net/http's server reports what it cannot tell a handler: failed handshakes above all, which any
// scanner causes, and so at debug.
type serverErrors struct {
	log     *Logger
	address string
}

func (w serverErrors) Write(line []byte) (int, error) {
	w.log.Log(LevelDebug, "CONNECTION_ERROR", Str("listener", w.address), Str("error", trimNewline(line)))
	return len(line), nil
}

func trimNewline(line []byte) string {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	return string(line)
}
