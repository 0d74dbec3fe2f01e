//go:build linux

package load

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/bench/internal/epoll"
)

// client is a connection in the loop.
type client interface {
	// fd is its descriptor.
	fd() int
	// start sends the first requests.
	start() error
	// readable reads what arrived, sends what follows from it, and returns the number of answers now complete.
	readable(buf []byte) (int, error)
	// settled reports whether the connection does what it will do in the window.
	settled() bool
	// close closes it.
	close()
}

// loop drives the connections of a window on one thread.
type loop struct {
	job     Job
	poller  *epoll.Poller
	clients map[int32]client
	buf     []byte
	// requests counts the answers of the window.
	requests int
	pace     *pace
}

// runLoop opens the connections, warms up and measures.
func runLoop(job Job) (Result, error) {
	poller, err := epoll.New(512)
	if err != nil {
		return Result{}, err
	}
	l := &loop{job: job, poller: poller, clients: map[int32]client{}, buf: make([]byte, 64<<10)}
	defer l.close()
	if err := l.open(); err != nil {
		return Result{}, err
	}
	return l.measure()
}

func (l *loop) close() {
	for _, c := range l.clients {
		c.close()
	}
	_ = l.poller.Close()
}

func (l *loop) open() error {
	if l.job.Rate > 0 {
		l.pace = newPace(l.job.Rate)
		// Sleeps end up to 50 µs late by default.
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("prctl: timer slack: %w", err)
		}
	}
	connect := l.connector()
	for range l.job.Connections {
		c, err := connect()
		if err != nil {
			return err
		}
		l.clients[int32(c.fd())] = c
		if err := l.poller.Add(c.fd(), epoll.Readable); err != nil {
			return err
		}
	}
	if l.pace != nil {
		l.pace.begin(time.Now())
	}
	for _, c := range l.clients {
		if err := c.start(); err != nil {
			return err
		}
	}
	return nil
}

// connector returns the function that opens a connection for the job.
func (l *loop) connector() func() (client, error) {
	switch l.job.Kind {
	case H2:
		return func() (client, error) { return newH2(l.job) }
	case Tunnel:
		return func() (client, error) { return newTunnel(l.job) }
	case Events:
		return func() (client, error) { return newEvents(l.job) }
	}
	request := h1Request(l.job)
	return func() (client, error) { return newH1(l.job, request, l.pace) }
}

// measure runs the loop through warm-up and window.
func (l *loop) measure() (Result, error) {
	if err := l.warmUp(); err != nil {
		return Result{}, err
	}
	l.requests = 0
	if l.pace != nil {
		l.pace.latencies = l.pace.latencies[:0]
	}
	w, err := begin(l.job)
	if err != nil {
		return Result{}, err
	}
	if err := l.runUntil(w.before.at.Add(l.job.Window)); err != nil {
		_, _ = w.endCount()
		return Result{}, err
	}
	r, err := w.end(l.requests)
	if err != nil {
		return Result{}, err
	}
	if l.pace != nil {
		r.Latencies = percentiles(l.pace.latencies)
	}
	return r, nil
}

// warmUp drives the connections for the time of the warm-up, and until each has got something.
func (l *loop) warmUp() error {
	edge := time.Now().Add(l.job.Warmup)
	if err := l.runUntil(edge); err != nil {
		return err
	}
	for _, c := range l.clients {
		for limit := edge.Add(patience); !c.settled(); {
			now := time.Now()
			if now.After(limit) {
				return fmt.Errorf("%s: a connection got nothing in %s", l.job.Addr, patience)
			}
			if err := l.runUntil(now.Add(50 * time.Millisecond)); err != nil {
				return err
			}
		}
	}
	return nil
}

// runUntil drives the connections until the time is over.
func (l *loop) runUntil(end time.Time) error {
	for {
		now := time.Now()
		if !now.Before(end) {
			return nil
		}
		timeout := min(end.Sub(now), 50*time.Millisecond)
		if l.pace != nil {
			wait, err := l.pace.send(now)
			if err != nil {
				return err
			}
			timeout = min(timeout, wait)
		}
		events, err := l.poller.Wait(timeout)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			runtime.Gosched() // Wait blocks its thread without telling the scheduler
		}
		for _, event := range events {
			n, err := l.clients[event.Fd].readable(l.buf)
			if err != nil {
				return fmt.Errorf("%s: %w", l.job.Addr, err)
			}
			l.requests += n
		}
	}
}
