package proxy

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"reverse-proxy/proxy/eventlog"
)

// shutdownSpare is what a shutdown takes at most besides the wait for requests: a log on a slow disk is written out.
const shutdownSpare = 10 * time.Second

// cutTime is how long a shutdown waits at most for the exchanges that it has cut to end and be logged. It takes milliseconds
// unless something is stuck.
const cutTime = 5 * time.Second

// shutdown ends the daemon in the order of S-11.1: make answers the last of their connections, stop accepting, close idle
// connections, wait for requests in flight, cut the rest and wait for their log lines, end the background tasks, remove the
// admin socket, write out the log.
func (d *Daemon) shutdown() {
	signal.Ignore(syscall.SIGHUP) // after signal.Stop its default action would kill the process during the drain
	d.health.drain()              // 503 from now on, so that a balancer leaves (S-9.2)
	d.notify.Stopping("waiting for requests in flight", d.config.ShutdownTimeout+shutdownSpare)
	log := d.shared.log
	log.Log(eventlog.LevelInfo, "SHUTDOWN", eventlog.Str("phase", "drain"), eventlog.Int("requests_in_flight", int(d.pipeline.inFlight.Load())))

	ctx, cancel := context.WithTimeout(context.Background(), d.config.ShutdownTimeout)
	defer cancel()
	go func() {
		select {
		case <-d.hurry:
			cancel()
		case <-ctx.Done():
		}
	}()
	d.listeners.drain()
	drained := d.shared.conns.drain(ctx)
	cut := d.pipeline.inFlight.Load()
	d.shared.conns.close()
	d.shared.conns.awaitEnd(cutTime) // they log their requests, and the sweeper is still there to end what is stuck
	d.stopBackgroundTasks()
	d.admin.close()
	d.health.close()
	status := "complete"
	if !drained {
		status = "cut"
	}
	log.Log(eventlog.LevelInfo, "SHUTDOWN", eventlog.Str("phase", "done"), eventlog.Str("status", status), eventlog.Int("requests_cut", int(cut)))
	d.shared.close()
}
