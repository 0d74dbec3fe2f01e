package proxy

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals delivers the process's signals to the daemon (S-11). A signal that finds its channel full is dropped, so each
// action has a channel of its own: no number of SIGHUPs may hide a SIGTERM.
type Signals struct {
	// Stop delivers SIGTERM and SIGINT. The first begins the shutdown, the second ends its wait.
	Stop <-chan os.Signal
	// Reload delivers SIGHUP, Reopen SIGUSR1. A signal that waits stands for all later ones, because the action looks at the
	// file only when its turn comes.
	Reload, Reopen <-chan os.Signal
}

// notifySignals begins to deliver the process's signals. Nothing ends the delivery before the process ends: a signal that
// arrived during signal.Stop or signal.Ignore would kill the process, and a graceful shutdown would look like a crash.
func notifySignals() Signals {
	stop, reload, reopen := make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	signal.Notify(reload, syscall.SIGHUP)
	signal.Notify(reopen, syscall.SIGUSR1)
	return Signals{Stop: stop, Reload: reload, Reopen: reopen}
}

// handleSignals acts on signals until done is closed. A slow action, such as a reload that waits for a certificate, delays
// neither the signal to stop nor the other action. The shutdown waits for a reload in progress, which then ends early.
func (d *Daemon) handleSignals(signals Signals, done <-chan struct{}) {
	d.tasks.Go(func() { onEach(signals.Reload, d.ended, d.reloadOnSignal) })
	go onEach(signals.Reopen, done, func() { d.ReopenLog() })
	go d.stopOnSignals(signals.Stop, done)
}

// onEach calls act for each signal, one after the other, until done is closed.
func onEach(signals <-chan os.Signal, done <-chan struct{}, act func()) {
	for {
		select {
		case <-signals:
			act()
		case <-done:
			return
		}
	}
}

// reloadOnSignal reloads, unless the shutdown has begun: SIGHUP does nothing then.
func (d *Daemon) reloadOnSignal() {
	select {
	case <-d.stop:
	default:
		d.Reload()
	}
}

// stopOnSignals begins the shutdown at the first signal and ends its wait for requests in flight at the second.
func (d *Daemon) stopOnSignals(signals <-chan os.Signal, done <-chan struct{}) {
	for _, act := range []func(){d.beginStop, func() { close(d.hurry) }} {
		select {
		case <-signals:
			act()
		case <-done:
			return
		}
	}
}
