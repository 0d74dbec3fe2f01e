package proxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/limit"
)

// Daemon is the running proxy: what Start brought up and Run keeps until a signal ends it.
type Daemon struct {
	// config is the configuration of the start: its static keys hold until a restart.
	config   *config.Config
	options  Options
	started  time.Time
	dynamic  *atomic.Pointer[DynamicConfig]
	shared   *sharedState
	pipeline *pipeline
	notify   *notifier
	health   *healthPort
	admin    *adminPort
	// listeners are those of config, in its order.
	listeners listeners
	// sandbox is what the process has given up; set in step 9.
	sandbox SandboxStatus

	// reloading serialises reloads (S-3.3) and guards the fields below it.
	reloading sync.Mutex
	// reported holds the drift of static keys that was reported, so that it is reported once (S-3.4).
	reported map[string]string
	// last is the last reload's result; nil before the first. history holds those before it too.
	last    atomic.Pointer[ReloadStatus]
	history reloadHistory
	// drift is what of the static keys differed at the last reload that was accepted; nil before the first.
	drift atomic.Pointer[[]config.Drift]

	// reloadRequests takes SIGHUPs: while one waits for its turn, further ones are the same request.
	reloadRequests chan struct{}
	// stop is closed by the first SIGTERM or SIGINT, hurry by the second.
	stop, hurry chan struct{}
	// background ends the background tasks, and tasks waits for them.
	background context.CancelFunc
	tasks      sync.WaitGroup
}

func newDaemon(cfg *config.Config, opts Options, dynamic *atomic.Pointer[DynamicConfig], shared *sharedState, notify *notifier,
	health *healthPort, admin *adminPort, listeners listeners, pipeline *pipeline) *Daemon {
	return &Daemon{
		config: cfg, options: opts, started: now(), dynamic: dynamic, shared: shared, pipeline: pipeline,
		notify: notify, health: health, admin: admin, listeners: listeners,
		sandbox:        SandboxStatus{State: config.SandboxOff},
		reported:       map[string]string{},
		reloadRequests: make(chan struct{}, 1),
		stop:           make(chan struct{}),
		hurry:          make(chan struct{}),
		background:     func() {},
	}
}

// now is the wall clock, in UTC, as all that is shown to an operator has it.
func now() time.Time { return time.Now().UTC() }

// startBackgroundTasks starts what runs beside the requests (step 9): certificate renewal and watch, the limiter's eviction,
// the reloads that signals ask for, the admin socket, and systemd's watchdog. It fails when systemd asks for a watchdog in
// words that are none.
func (d *Daemon) startBackgroundTasks() error {
	watchdog, err := watchdogInterval()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.background = cancel
	for _, l := range d.listeners {
		d.tasks.Go(func() { l.source.Run(ctx) })
	}
	d.tasks.Go(func() { d.shared.limiter.Run(ctx, func() limit.Config { return d.dynamic.Load().RateLimit }) })
	d.tasks.Go(func() { cert.NewWatch(d.shared.log, d.listeners.certificates).Run(ctx) })
	d.tasks.Go(func() { d.reloadOnRequest(ctx) })
	d.tasks.Go(func() {
		d.admin.serve(ctx, adminHandlers{
			Reload: func(context.Context) ReloadResult { return d.Reload() },
			Diff:   d.Diff,
			Status: d.Status,
			Reopen: d.ReopenLog,

			ConfigPath: d.config.Path,
		})
	})
	if watchdog > 0 {
		d.tasks.Go(func() { d.notify.runWatchdog(ctx, watchdog, d.alive) })
	}
	return nil
}

// alive returns true when it has seen what every connection needs at work: the account of the connections and the
// limiter can be taken hold of, and the sweeper has gone round since. It returns false when the context ends.
func (d *Daemon) alive(ctx context.Context) bool {
	d.shared.conns.count()
	d.shared.limiter.Tracked()
	return d.shared.conns.sweeper.AwaitSweep(ctx)
}

// stopBackgroundTasks ends them and waits until they have.
func (d *Daemon) stopBackgroundTasks() {
	d.background()
	d.tasks.Wait()
}

// Run serves until a signal asks it to stop, or a listener fails for good, and shuts down in order (S-11.1). It returns
// nil after a graceful shutdown. signals is where the process's signals arrive.
func (d *Daemon) Run(signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go d.handleSignals(ctx, signals)
	failed := d.firstFailure(ctx)
	select {
	case <-d.stop:
		d.shutdown()
		return nil
	case err := <-failed:
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

// statusText is what `systemctl status` shows while the daemon serves.
func (d *Daemon) statusText() string {
	return fmt.Sprintf("serving %d sites on %d listeners", d.dynamic.Load().Sites, len(d.listeners))
}

// errShuttingDown refuses a reload that comes too late.
var errShuttingDown = errors.New("the daemon is shutting down")
