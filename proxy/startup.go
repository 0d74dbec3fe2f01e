package proxy

import (
	"context"
	"io"
	"path/filepath"
	"sync/atomic"

	"reverse-proxy/proxy/config"
)

// Options are what the command line says about how to start.
type Options struct {
	// ConfigPath is the configuration file; also every reload reads it (S-2.31).
	ConfigPath string
	// AllowWildcardBind is the flag, OR-ed with the file's key at startup and at every reload (S-1.3).
	AllowWildcardBind bool
	// Confine lets the configuration's sandbox have its way. It is for a process that does nothing else: the restrictions
	// hold for all of it, and for good.
	Confine bool
	// Stdout is where the log goes besides its file.
	Stdout io.Writer
}

// Start brings the daemon up in the ten steps of the contract (S-4), in this order, and returns it serving. It works
// whole or not at all: a failing step returns a *StartupError that names it, after everything that earlier steps took
// was released in reverse order (S-4.2). Cancelling the context ends a start that waits for a CA.
func Start(ctx context.Context, opts Options) (d *Daemon, err error) {
	var undo cleanups
	defer func() {
		if err != nil {
			undo.run()
		}
	}()
	var steps stepLog
	notify := newNotifier()

	steps.begin(1, "config")
	path, err := filepath.Abs(opts.ConfigPath) // a reload must find it wherever the process is by then
	if err != nil {
		return nil, steps.failed(err)
	}
	cfg, err := config.Load(path, opts.AllowWildcardBind)
	if err != nil {
		return nil, steps.failed(err)
	}
	steps.done()

	steps.begin(2, "dynamic_config")
	firstDynamic, err := buildDynamic(cfg, cfg.Listeners, now())
	if err != nil {
		return nil, steps.failed(err)
	}
	dynamic := new(atomic.Pointer[DynamicConfig])
	dynamic.Store(firstDynamic)
	steps.done()

	steps.begin(3, "shared_state")
	shared, err := newSharedState(cfg, opts.Stdout)
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(shared.close)
	steps.attach(shared.log)
	pipeline := newPipeline(dynamic, shared, cfg.BodyIdleTimeout)
	steps.done()

	steps.begin(4, "health_port")
	sockets, err := inheritSockets(cfg)
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(sockets.close)
	health, err := bindHealth(cfg, sockets, shared)
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(health.close)
	steps.done()

	steps.begin(5, "admin_socket")
	admin, err := bindAdmin(cfg, shared.log)
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(admin.close)
	steps.done()

	steps.begin(6, "bind_listeners")
	listeners, err := bindListeners(cfg, sockets)
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(listeners.close)
	steps.done()

	steps.begin(7, "load_tls")
	err = listeners.loadTLS(ctx, cfg, firstDynamic, pipeline, shared, notify)
	if err != nil {
		return nil, steps.failed(err)
	}
	steps.done()

	steps.begin(8, "serve")
	err = listeners.serve(cfg, pipeline, shared)
	if err != nil {
		return nil, steps.failed(err)
	}
	health.serve(newMetricsHandler(scrape{
		dynamic: dynamic, shared: shared, pipeline: pipeline, listeners: listeners, draining: health.draining.Load,
	}))
	steps.done()

	d = newDaemon(cfg, opts, dynamic, shared, notify, health, admin, listeners, pipeline)

	steps.begin(9, "background_tasks")
	if opts.Confine { // from here on nothing is opened or bound that is not in the table
		d.sandbox = confine(cfg, sandboxTable(cfg))
		d.sandbox.log(shared.log)
	}
	err = d.startBackgroundTasks()
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(d.stopBackgroundTasks)
	steps.done()

	steps.begin(10, "ready")
	err = notify.Ready(d.statusText())
	if err != nil {
		return nil, steps.failed(err)
	}
	steps.done()
	return d, nil
}
