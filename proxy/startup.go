package proxy

import (
	"context"
	"path/filepath"
	"sync/atomic"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/sandbox"
	"reverse-proxy/proxy/systemd"
)

// Start brings the daemon up in the ten steps of the contract (S-4), in this order, and returns it serving. It succeeds
// completely or not at all: if a step fails, it releases everything that earlier steps took, in reverse order, and
// returns a *StartupError that names the step (S-4.2). Cancelling the context ends a start that waits for a CA.
func Start(ctx context.Context, opts Options) (d *Daemon, err error) {
	var undo cleanups
	defer func() {
		if err != nil {
			undo.run()
		}
	}()
	var steps stepLog
	notify := systemd.NewNotifier()

	steps.begin(1, "config")
	path, err := filepath.Abs(opts.ConfigPath) // a reload must find it even if the working directory has changed
	if err != nil {
		return nil, steps.failed(err)
	}
	cfg, err := config.Load(path, opts.AllowWildcardBind)
	if err != nil {
		return nil, steps.failed(err)
	}
	steps.config = cfg
	steps.done()

	steps.begin(2, "dynamic_config")
	firstDynamic, err := buildDynamic(cfg, cfg.Listeners, now())
	if err != nil {
		return nil, steps.failed(err)
	}
	err = checkExpectations(cfg)
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
	sockets, err := systemd.Inherit(wantedPorts(cfg))
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(sockets.Close)
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
	shared.responders, err = bindResponders(cfg)
	if err != nil {
		return nil, steps.failed(err)
	}
	undo.add(shared.responders.close)
	steps.done()

	steps.begin(7, "load_tls")
	orders := &orders{notify: notify}
	starting := startingDaemon{config: cfg, began: now(), dynamic: firstDynamic, shared: shared, listeners: listeners, orders: orders}
	err = listeners.loadTLS(ctx, cfg, firstDynamic, pipeline, shared, orders, func() { admin.answer(starting.handlers()) })
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

	d = newDaemon(cfg, opts, dynamic, shared, notify, health, admin, listeners, orders, pipeline)

	steps.begin(9, "background_tasks")
	if opts.Confine { // from here on nothing outside the table can be opened or bound
		d.sandbox = sandbox.Confine(cfg)
		d.sandbox.Log(shared.log)
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
