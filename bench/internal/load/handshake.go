//go:build linux

package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// runConnections opens one connection after the other for each of as many goroutines as the job has connections, and has
// use do what each of them is for. A handshake waits more than once, so the runtime's poller is simpler here, and it takes
// little of the core.
func runConnections(job Job, use func(conn net.Conn, buf []byte) error) (Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), job.Warmup+job.Window+patience)
	defer cancel()
	var (
		count   atomic.Int64
		stop    atomic.Bool
		workers sync.WaitGroup
		failed  = make(chan error, job.Connections)
	)
	for range job.Connections {
		workers.Go(func() {
			buf := make([]byte, 32<<10)
			for !stop.Load() {
				if err := dialAndUse(ctx, job, use, buf); err != nil {
					failed <- err
					return
				}
				count.Add(1)
			}
		})
	}
	result, err := watch(job, &count, failed)
	stop.Store(true)
	if err != nil {
		cancel()
	}
	workers.Wait()
	return result, err
}

// watch measures what the counter counts in the window.
func watch(job Job, count *atomic.Int64, failed <-chan error) (Result, error) {
	if err := pass(job.Warmup, failed); err != nil {
		return Result{}, err
	}
	w, err := begin(job)
	if err != nil {
		return Result{}, err
	}
	first := count.Load()
	if err := pass(job.Window, failed); err != nil {
		_, _ = w.endCount()
		return Result{}, err
	}
	return w.end(int(count.Load() - first))
}

// pass waits for d, unless an error comes first.
func pass(d time.Duration, failed <-chan error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-failed:
		return err
	case <-timer.C:
		return nil
	}
}

// dialAndUse opens a TCP connection, uses it and closes it.
func dialAndUse(ctx context.Context, job Job, use func(net.Conn, []byte) error, buf []byte) error {
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", job.Addr.String())
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := plain.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if err := use(plain, buf); err != nil {
		return fmt.Errorf("%s: %w", job.Addr, err)
	}
	return nil
}

// once performs the handshake, sends a request, reads the answer and closes.
func once(plain net.Conn, job Job, request, buf []byte) error {
	conn := tls.Client(plain, tlsConfig(job.ServerName, "http/1.1"))
	if err := exchange(conn, job, request, buf); err != nil {
		return err
	}
	return conn.Close()
}

// exchange sends a request and reads its answer, blocking for both.
func exchange(conn io.ReadWriter, job Job, request, buf []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var a answer
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if complete, err := a.feed(buf[:n], job.AnswerBytes); complete || err != nil {
			return err
		}
	}
}
