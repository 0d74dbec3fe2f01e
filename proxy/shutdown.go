package proxy

import (
	"context"
	"time"

	"reverse-proxy/proxy/eventlog"
)

// shutdownSpare is the most that a shutdown takes in addition to the wait for requests, such as writing out a log on a slow
// disk.
const shutdownSpare = 10 * time.Second

// cutTime bounds the time that a shutdown waits after it has cut exchanges, until they have ended and are logged. That
// takes milliseconds unless something is stuck.
const cutTime = 5 * time.Second

// shutdown ends the daemon in the order of S-11.1: it makes responses the last on their connections, stops accepting, closes
// idle connections, waits for requests in flight, cuts the rest and waits for their log lines, ends the background tasks,
// removes the admin socket, and writes out the log.
func (d *Daemon) shutdown() {
	d.health.drain() // 503 from now on, so that a balancer leaves (S-9.2)
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
	d.shared.holds.Close() // requests that wait for the end of a pause are answered now
	drained := d.shared.conns.drain(ctx)
	cut := d.pipeline.inFlight.Load()
	d.shared.conns.close()
	d.shared.conns.awaitEnd(cutTime) // they log their requests, and the sweeper is still there to end what is stuck
	d.stopBackgroundTasks()
	d.shared.responders.close() // no attempt needs an answer any more
	d.admin.close()
	d.health.close()
	status := "complete"
	if !drained {
		status = "cut"
	}
	log.Log(eventlog.LevelInfo, "SHUTDOWN", eventlog.Str("phase", "done"), eventlog.Str("status", status), eventlog.Int("requests_cut", int(cut)))
	d.shared.close()
}
