package proxy

import (
	"context"
	"errors"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// adminPort is the daemon's admin socket: none if it is disabled, or held by another live process.
type adminPort struct {
	socket *admin.Socket
	log    *eventlog.Logger
}

// bindAdmin binds the admin socket (step 5). If a live process holds the socket, startup continues without one
// (S-4.4); every other failure ends it.
func bindAdmin(cfg *config.Config, log *eventlog.Logger) (*adminPort, error) {
	if cfg.AdminSocketPath == "" {
		return &adminPort{}, nil
	}
	socket, err := admin.Bind(cfg.AdminSocketPath)
	if errors.Is(err, admin.ErrLive) {
		log.Log(eventlog.LevelWarn, "ADMIN_SOCKET_IN_USE", eventlog.Str("path", cfg.AdminSocketPath), eventlog.Err(err))
		return &adminPort{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &adminPort{socket: socket, log: log}, nil
}

// serve answers commands until the context ends.
func (a *adminPort) serve(ctx context.Context, handlers admin.Handlers) {
	if a.socket == nil {
		return
	}
	if err := a.socket.Serve(ctx, newBackoffListener(a.socket.Listener(), "admin", a.log), a.log, handlers); err != nil {
		a.log.Log(eventlog.LevelError, "ACCEPT_ERROR", eventlog.Str("listener", "admin"), eventlog.Err(err))
	}
}

// close closes the socket and removes its path.
func (a *adminPort) close() {
	if a.socket != nil {
		_ = a.socket.Close() // a path that cannot be removed is found stale and removed at the next start
	}
}
