//go:build linux

package load

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/bench/internal/epoll"
	"reverse-proxy/bench/internal/procstat"
)

// rehearsal is how many connections are opened and closed before the first reading of the memory, so that the proxy's
// one-time allocations do not count as growth.
const rehearsal = 64

// runIdle opens the connections, gets one answer on each, and reads the growth of the proxy's memory after they have
// been idle for the window.
func runIdle(job Job) (Result, error) {
	request, buf := h1Request(job), make([]byte, 32<<10)
	if err := closeAll(openIdle(job, rehearsal, request, buf)); err != nil {
		return Result{}, err
	}
	time.Sleep(job.Warmup)
	before, err := procstat.RSS(job.Pids)
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	conns, err := openIdle(job, job.Connections, request, buf)
	if err != nil {
		return Result{}, closeAll(conns, err)
	}
	time.Sleep(job.Window)
	after, err := procstat.RSS(job.Pids)
	if err != nil {
		return Result{}, closeAll(conns, err)
	}
	for i, c := range conns {
		if err := c.alive(buf); err != nil {
			return Result{}, closeAll(conns, fmt.Errorf("%s: idle connection %d of %d ended: %w",
				job.Addr, i+1, len(conns), err))
		}
	}
	return Result{
		Requests:           job.Connections,
		Seconds:            time.Since(start).Seconds(),
		BytesPerConnection: float64(after-before) / float64(job.Connections),
	}, closeAll(conns, nil)
}

// idleConn is an idle connection.
type idleConn struct {
	raw *rawConn
	// alive reads anything that has arrived without a request, and returns an error if the connection has ended.
	alive func(buf []byte) error
}

// openIdle opens n connections and sends one request on each. On an error it also returns those opened before.
func openIdle(job Job, n int, request, buf []byte) ([]idleConn, error) {
	var conns []idleConn
	for range n {
		c, err := openOneIdle(job, request, buf)
		if c.raw != nil {
			conns = append(conns, c)
		}
		if err != nil {
			return conns, fmt.Errorf("%s: connection %d: %w", job.Addr, len(conns), err)
		}
	}
	return conns, nil
}

// openOneIdle opens a connection and sends one request on it.
func openOneIdle(job Job, request, buf []byte) (idleConn, error) {
	if job.Streams > 0 {
		return openIdleH2(job, buf)
	}
	raw, conn, err := dialTLS(job.Addr, tlsConfig(job.ServerName, "http/1.1"))
	if err != nil {
		return idleConn{}, err
	}
	alive := func(buf []byte) error {
		raw.blocking = false
		if _, err := conn.Read(buf); !isAgain(err) {
			return cmp.Or(err, errors.New("it has got something that it did not ask for"))
		}
		return nil
	}
	return idleConn{raw, alive}, exchange(conn, job, request, buf)
}

// openIdleH2 does the same over HTTP/2, with as many requests at once as the job has streams.
func openIdleH2(job Job, buf []byte) (idleConn, error) {
	c, err := newH2(job)
	if err != nil {
		return idleConn{}, err
	}
	c.once = true
	conn := idleConn{c.raw, func(buf []byte) error { _, err := c.readable(buf); return err }}
	if err := c.start(); err != nil {
		return conn, err
	}
	for missing := job.Streams; missing > 0; {
		if err := epoll.Await(c.raw.fd, unix.POLLIN, patience); err != nil {
			return conn, err
		}
		complete, err := c.readable(buf)
		if err != nil {
			return conn, err
		}
		missing -= complete
	}
	return conn, nil
}

// closeAll closes the connections and returns err.
func closeAll(conns []idleConn, err error) error {
	errs := []error{err}
	for _, c := range conns {
		errs = append(errs, c.raw.Close())
	}
	return errors.Join(errs...)
}
