package proxy

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/sandbox"
	"reverse-proxy/proxy/systemd"
)

// Daemon is the running proxy: Start creates it, and Run keeps it going until a signal ends it.
type Daemon struct {
	// config is the configuration of the start. Its static keys hold until a restart.
	config   *config.Config
	options  Options
	started  time.Time
	dynamic  *atomic.Pointer[DynamicConfig]
	shared   *sharedState
	pipeline *pipeline
	notify   *systemd.Notifier
	health   *healthPort
	admin    *adminPort
	// listeners are the listeners of config, in its order.
	listeners listeners
	// orders are the orders for certificates that a start or a reload waits for.
	orders *orders
	// sandbox is what the process has given up; set in step 9.
	sandbox sandbox.Status

	// reloading serialises reloads (S-3.3) and guards the fields below it.
	reloading sync.Mutex
	// reported holds the changes of static keys (drift) that were already reported, so that each is reported only once
	// (S-3.4).
	reported map[string]string
	// last is the last reload's result; nil before the first. history also holds earlier ones.
	last    atomic.Pointer[admin.ReloadStatus]
	history reloadHistory
	// drift holds the static keys that differed at the last accepted reload; nil before the first.
	drift atomic.Pointer[[]config.Drift]

	// stop is closed by the first SIGTERM or SIGINT, or when a listener has failed. hurry is closed by the second signal.
	stop, hurry chan struct{}
	// beginStop closes stop, and does nothing the second time.
	beginStop func()
	// background ends the background tasks. ended is closed when they have to end, and tasks waits for them.
	background context.CancelFunc
	ended      <-chan struct{}
	tasks      sync.WaitGroup
}

func newDaemon(cfg *config.Config, opts Options, dynamic *atomic.Pointer[DynamicConfig], shared *sharedState, notify *systemd.Notifier,
	health *healthPort, admin *adminPort, listeners listeners, orders *orders, pipeline *pipeline) *Daemon {
	stop := make(chan struct{})
	return &Daemon{
		config: cfg, options: opts, started: now(), dynamic: dynamic, shared: shared, pipeline: pipeline,
		notify: notify, health: health, admin: admin, listeners: listeners, orders: orders,
		sandbox:    sandbox.Status{State: config.SandboxOff},
		reported:   map[string]string{},
		stop:       stop,
		beginStop:  sync.OnceFunc(func() { close(stop) }),
		hurry:      make(chan struct{}),
		background: func() {},
	}
}

// startBackgroundTasks starts the tasks that run in parallel with the requests (step 9): certificate renewal and expiry
// warnings, the limiter's eviction, the admin socket, and systemd's watchdog. It fails if systemd's watchdog settings are
// invalid.
func (d *Daemon) startBackgroundTasks() error {
	watchdog, err := systemd.WatchdogInterval()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.background, d.ended = cancel, ctx.Done()
	for _, l := range d.listeners {
		d.tasks.Go(func() { l.source.Run(ctx) })
	}
	d.tasks.Go(func() { d.shared.limits.limiter.Run(ctx, func() limit.Config { return d.dynamic.Load().RateLimit }) })
	d.tasks.Go(func() { cert.NewWarner(d.shared.log, d.certificates).Run(ctx) })
	d.admin.answer(admin.Handlers{
		Reload:      func(context.Context) admin.ReloadResult { return d.Reload() },
		Diff:        d.Diff,
		Status:      d.Status,
		Reopen:      d.ReopenLog,
		Maintenance: d.Maintenance,
		Pause:       d.Pause,
		Resume:      d.Resume,
		Drain:       d.Drain,
		Undrain:     d.Undrain,
		Explain:     d.Explain,
		ConfigPath:  d.config.Path,
	})
	d.tasks.Go(func() {
		<-ctx.Done()
		d.admin.close()
	})
	if watchdog > 0 {
		d.tasks.Go(func() { d.notify.RunWatchdog(ctx, watchdog, d.alive) })
	}
	return nil
}

// alive checks the parts on which all connections depend. It returns true once it has taken the locks of the connection
// registry and of the limiter, and the sweeper has begun another sweep. It returns false if the context ends first.
func (d *Daemon) alive(ctx context.Context) bool {
	d.shared.conns.count()
	d.shared.limits.limiter.Tracked()
	return d.shared.conns.sweeper.AwaitSweep(ctx)
}

// stopBackgroundTasks stops the background tasks and waits until they have ended.
func (d *Daemon) stopBackgroundTasks() {
	d.background()
	d.tasks.Wait()
}

// Run serves until a signal asks it to stop, or a listener fails for good, and then shuts down in order (S-11.1). It returns
// nil after a graceful shutdown.
func (d *Daemon) Run(signals Signals) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.handleSignals(signals, ctx.Done())
	failed := d.firstFailure(ctx)
	select {
	case <-d.stop:
		d.shutdown()
		return nil
	case err := <-failed:
		d.beginStop()
		d.shutdown()
		return err
	}
}

// firstFailure returns a channel that delivers the error of the first listener that ends by itself.
func (d *Daemon) firstFailure(ctx context.Context) <-chan error {
	first := make(chan error, 1)
	for _, l := range d.listeners {
		go func() {
			select {
			case err := <-l.failed:
				select {
				case first <- err:
				default:
				}
			case <-ctx.Done():
			}
		}()
	}
	return first
}

// statusText returns what `systemctl status` shows while the daemon serves.
func (d *Daemon) statusText() string {
	return fmt.Sprintf("serving %d sites on %d listeners", d.dynamic.Load().Sites, len(d.listeners))
}
