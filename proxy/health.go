package proxy

import (
	"io"
	"log"
	"net/http"
	"time"
)

const (
	// healthPath is the path of health checks on the health port.
	healthPath = "/health"
	// healthTimeout bounds the arrival of a request and the sending of its response.
	healthTimeout = 10 * time.Second
	// healthIdleTimeout closes an idle connection of a checker.
	healthIdleTimeout = 60 * time.Second
	// healthMaxHeaderBytes bounds a request head; net/http adds 4096 bytes to it.
	healthMaxHeaderBytes = 4 << 10
)

// newHealthHandler answers the health port (section 9). GET or HEAD of /health gets an empty 200, or 503 once draining
// returns true, so that a load balancer stops sending requests (S-9.2). /metrics goes to the handler of scrapes, also
// while draining, and everything else gets 404. The answer says that this process serves; it never involves an
// upstream.
func newHealthHandler(draining func() bool, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !read {
			// The rest of a body must not be read as a request (S-6.13).
			w.Header().Set("Connection", "close")
		}
		switch path := r.URL.EscapedPath(); {
		case read && path == metricsPath:
			metrics.ServeHTTP(w, r)
		case !read || path != healthPath:
			writeHealthError(w, http.StatusNotFound)
		case draining():
			w.Header().Set("Connection", "close")
			writeHealthError(w, http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusOK)
		}
	})
}

// writeHealthError answers with a status and its text.
func writeHealthError(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, http.StatusText(status))
}

// newHealthServer returns the server of the health port for its handler. The server speaks only HTTP/1.1. It bounds the
// number of connections, the cost of each, and how long each part of a connection may take. The caller lets it serve a
// healthListener on 127.0.0.1, and closes it.
func newHealthServer(handler http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            healthTimeout,
		ReadTimeout:                  healthTimeout,
		WriteTimeout:                 healthTimeout,
		IdleTimeout:                  healthIdleTimeout,
		MaxHeaderBytes:               healthMaxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		Protocols:                    &protocols,
		ConnState:                    new(healthConns).changed,
		// net/http would write client errors to stderr, in another format than the log's.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}
