package proxy

import (
	"io"
	"log"
	"net/http"
	"time"
)

const (
	// healthPath is the one path that the health port answers.
	healthPath = "/health"
	// healthTimeout bounds the arrival of a request and the sending of its answer.
	healthTimeout = 10 * time.Second
	// healthIdleTimeout closes a checker's connection that asks no more.
	healthIdleTimeout = 60 * time.Second
	// healthMaxHeaderBytes bounds a request head; net/http adds 4096 bytes to it.
	healthMaxHeaderBytes = 4 << 10
)

// newHealthHandler answers the health port (section 9): GET or HEAD of /health gets 200 and nothing more, 503 while
// draining returns true, so that a balancer leaves (S-9.2), /metrics goes to the handler of scrapes, also while draining,
// and everything else gets 404. It says that this process serves, and never asks an upstream.
func newHealthHandler(draining func() bool, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !read {
			// What is left of a body is not read as a request (S-6.13).
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

// newHealthServer makes the server of the health port for its handler, only for HTTP/1.1, with bounds on the number of
// connections, on what one can cost, and on how long each part of it may take. The caller serves a listener on 127.0.0.1 with it and closes it.
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
		// net/http would write faults of its clients to stderr, in a layout that is not the log's.
		ErrorLog: log.New(io.Discard, "", 0),
	}
}
