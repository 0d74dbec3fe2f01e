package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// adminPort is the daemon's admin socket. It has no socket if the admin socket is disabled, or held by another live
// process.
type adminPort struct {
	socket *admin.Socket
	log    *eventlog.Logger
	// handlers carry out the commands: those of a daemon that is still starting, and later those of the running one.
	handlers atomic.Pointer[admin.Handlers]
	// cancel stops the goroutine that serves the socket; nil before the first call of answer. serving waits for that
	// goroutine.
	cancel  context.CancelFunc
	serving sync.WaitGroup
}

// bindAdmin binds the admin socket (step 5). If a live process holds the socket, startup continues without an admin
// socket (S-4.4). Every other failure ends the startup.
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

// answer answers commands with the handlers from now on. The first call starts to accept connections.
func (a *adminPort) answer(handlers admin.Handlers) {
	a.handlers.Store(&handlers)
	if a.socket == nil || a.cancel != nil {
		return
	}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	a.serving.Go(func() {
		if err := a.socket.Serve(ctx, newBackoffListener(a.socket.Listener(), "admin", a.log), a.log, func() admin.Handlers { return *a.handlers.Load() }); err != nil {
			a.log.Log(eventlog.LevelError, "ACCEPT_ERROR", eventlog.Str("listener", "admin"), eventlog.Err(err))
		}
	})
}

// close ends the commands under way, closes the socket and removes its path.
func (a *adminPort) close() {
	if a.socket == nil {
		return
	}
	if a.cancel != nil {
		a.cancel()
		a.serving.Wait()
	}
	_ = a.socket.Close() // a path that cannot be removed is found stale and removed at the next start
}
