package proxy

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/systemd"
)

// healthPort is the health endpoint's socket and server (S-9). Without a configured port it does nothing.
type healthPort struct {
	listener net.Listener
	server   *http.Server
	draining atomic.Bool
	log      *eventlog.Logger
}

// bindHealth binds the health port on 127.0.0.1 (step 4), or takes the socket that systemd has passed for it. The port
// answers from step 8 on, like every port (S-4.3).
func bindHealth(cfg *config.Config, sockets systemd.Sockets, shared *sharedState) (*healthPort, error) {
	h := &healthPort{log: shared.log}
	if cfg.HealthCheckPort == 0 {
		return h, nil
	}
	ln, err := listen(sockets, "health_check_port", "127.0.0.1", cfg.HealthCheckPort)
	if err != nil {
		return nil, err
	}
	h.listener = &healthListener{Listener: newBackoffListener(ln, ln.Addr().String(), shared.log)}
	h.server = newHealthServer(nil)
	h.server.ReadHeaderTimeout = cfg.HeaderTimeout // S-12.4
	return h, nil
}

// serve starts answering; the handler answers scrapes.
func (h *healthPort) serve(metrics http.Handler) {
	if h.listener == nil {
		return
	}
	h.server.Handler = newHealthHandler(h.draining.Load, metrics)
	go func() {
		if err := h.server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
			h.log.Log(eventlog.LevelError, "ACCEPT_ERROR", eventlog.Str("listener", h.listener.Addr().String()), eventlog.Err(err))
		}
	}()
}

// drain makes the endpoint report that this process is leaving.
func (h *healthPort) drain() { h.draining.Store(true) }

// close ends the endpoint.
func (h *healthPort) close() {
	if h.listener == nil {
		return
	}
	_ = h.server.Close() // a second close has nothing to report
	_ = h.listener.Close()
}
