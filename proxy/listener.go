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
	// httpsServer and redirectServer serve the sockets once startServing was called.
	httpsServer, redirectServer *http.Server
	// gate holds back all but the CA's validations until step 8.
	gate *gate
	// failed receives the error of a server that ended by itself, which is never expected.
	failed chan error
}

// bindListener binds both ports of one entry (step 6). The error names the key of the port and its address.
func bindListener(index int, config ListenerConfig, patience time.Duration) (*listener, error) {
	l := &listener{index: index, config: config, gate: newGate(patience), failed: make(chan error, 2)}
	var err error
	if l.https, err = bind(fmt.Sprintf("listeners[%d].https_port", index), config.BindAddr, config.HTTPSPort); err != nil {
		return nil, err
	}
	if config.HTTPPort == 0 {
		return l, nil
	}
	if l.redirect, err = bind(fmt.Sprintf("listeners[%d].http_port", index), config.BindAddr, config.HTTPPort); err != nil {
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
func (l *listener) startServing(cfg *Config, site http.Handler, logger *Logger, conns *connTracker) {
	l.httpsServer = newServer(cfg, l.gate.handler(site), conns)
	l.httpsServer.TLSConfig = listenerTLSConfig(l.source, l.gate, logger)
	l.httpsServer.ErrorLog = log.New(serverErrors{logger, l.address()}, "", 0)
	go l.serve(func() error {
		return l.httpsServer.ServeTLS(newBackoffListener(l.https, l.address(), logger), "", "")
	})
	if l.redirect == nil {
		return
	}
	l.redirectServer = newServer(cfg, l.redirectHandler(), conns)
	l.redirectServer.ErrorLog = log.New(serverErrors{logger, l.redirect.Addr().String()}, "", 0)
	go l.serve(func() error {
		return l.redirectServer.Serve(newBackoffListener(l.redirect, l.redirect.Addr().String(), logger))
	})
}

func (l *listener) serve(run func() error) {
	if err := run(); !errors.Is(err, http.ErrServerClosed) {
		l.failed <- fmt.Errorf("%s: accepting connections: %w", l.address(), err)
	}
}

// servers returns the servers that were started.
func (l *listener) servers() []*http.Server {
	var servers []*http.Server
	for _, server := range []*http.Server{l.httpsServer, l.redirectServer} {
		if server != nil {
			servers = append(servers, server)
		}
	}
	return servers
}

// close closes the sockets and cuts all connections; for the unwinding of a startup, and the end of a shutdown.
func (l *listener) close() {
	for _, server := range l.servers() {
		_ = server.Close() // closing what is closed already is the aim
	}
	_ = l.https.Close()
	if l.redirect != nil {
		_ = l.redirect.Close()
	}
}

// shutdown stops accepting at once, closes idle connections and waits for requests in flight until the context ends
// (S-11.1).
func (l *listener) shutdown(ctx context.Context) error {
	results := make(chan error, 2)
	servers := l.servers()
	for _, server := range servers {
		go func() { results <- server.Shutdown(ctx) }()
	}
	var errs []error
	for range servers {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// maxHeadBytes bounds a request head (S-6, Errors: 431). net/http allows 4096 bytes above what it is told.
const maxHeadBytes = 64<<10 - 4096

// newServer makes a server with the limits that hold on every port open to clients (S-12).
func newServer(cfg *Config, handler http.Handler, conns *connTracker) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: cfg.HeaderTimeout, // also bounds the TLS handshake
		IdleTimeout:       cfg.ConnectionIdleTimeout,
		MaxHeaderBytes:    maxHeadBytes,
		ConnState:         conns.changed,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 250},
		// OPTIONS * is a request like others to a proxy; net/http would answer it by itself.
		DisableGeneralOptionsHandler: true,
	}
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
