package proxy

import (
	"context"
	"os"
	"syscall"
)

// handleSignals acts on the process's signals (S-11): SIGHUP reloads, SIGUSR1 reopens the log, the first SIGTERM or
// SIGINT begins the shutdown and the second ends its wait. It never blocks on what it starts, so that a signal to stop
// takes effect during a slow reload.
func (d *Daemon) handleSignals(ctx context.Context, signals <-chan os.Signal) {
	stopping, hurrying := false, false
	for {
		var received os.Signal
		select {
		case received = <-signals:
		case <-ctx.Done():
			return
		}
		switch received {
		case syscall.SIGHUP:
			select {
			case d.reloadRequests <- struct{}{}:
			default: // one is already waiting, and will read the file when its turn comes
			}
		case syscall.SIGUSR1:
			d.ReopenLog()
		case syscall.SIGTERM, os.Interrupt:
			switch {
			case !stopping:
				stopping = true
				close(d.stop)
			case !hurrying:
				hurrying = true
				close(d.hurry)
			}
		}
	}
}

// reloadOnRequest runs the reloads requested by SIGHUP, one after the other.
func (d *Daemon) reloadOnRequest(ctx context.Context) {
	for {
		select {
		case <-d.reloadRequests:
			d.Reload()
		case <-ctx.Done():
			return
		}
	}
}
