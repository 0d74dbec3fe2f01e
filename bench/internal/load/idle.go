//go:build linux

package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"reverse-proxy/bench/internal/procstat"
)

// rehearsal is how many connections are made and closed before the memory is read for the first time, so that what the
// proxy sets up once does not count as growth.
const rehearsal = 64

// runIdle opens the connections, each with one request answered, and reads the growth of the proxy's memory when they
// have been idle for the window.
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
		c.raw.blocking = false
		if _, err := c.tls.Read(buf); !isAgain(err) {
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

// idleConn is a connection that waits.
type idleConn struct {
	raw *rawConn
	tls *tls.Conn
}

// openIdle opens n connections and sends one request on each. With an error come those that were opened before.
func openIdle(job Job, n int, request, buf []byte) ([]idleConn, error) {
	var conns []idleConn
	config := tlsConfig(job.ServerName, "http/1.1")
	for range n {
		raw, conn, err := dialTLS(job.Addr, config)
		if err != nil {
			return conns, err
		}
		conns = append(conns, idleConn{raw, conn})
		if err := exchange(conn, job, request, buf); err != nil {
			return conns, fmt.Errorf("%s: connection %d: %w", job.Addr, len(conns), err)
		}
	}
	return conns, nil
}

// closeAll closes the connections and hands the error on.
func closeAll(conns []idleConn, err error) error {
	errs := []error{err}
	for _, c := range conns {
		errs = append(errs, c.raw.Close())
	}
	return errors.Join(errs...)
}
