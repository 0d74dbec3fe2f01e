package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http2"
)

const (
	// checksAtOnce bounds the number of concurrent checks, each of which needs a descriptor. Others wait for their
	// turn, and the wait is not part of their time.
	checksAtOnce = config.ChecksAtOnce
	// firstCheckWithin is the time within which a new upstream is checked. The checks of one reload are spread over it.
	firstCheckWithin = 100 * time.Millisecond
	// checkUserAgent is the User-Agent of checks.
	checkUserAgent = "reverse-proxy health check"
)

// upstreamCheck says how one upstream is checked.
type upstreamCheck struct {
	to     upstreamTarget
	host   string
	health config.Health
}

// upstreamChecks checks upstreams, each on its own goroutine, and records the results in their states (S-18.3).
type upstreamChecks struct {
	// turns has room for the checks in progress.
	turns chan struct{}
	// ctx ends at close.
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup

	// mu guards running.
	mu      sync.Mutex
	running map[*balance.State]*runningCheck
}

// runningCheck is the goroutine that checks one upstream.
type runningCheck struct {
	// check is the check that the goroutine makes. A reload that keeps the state replaces it.
	check atomic.Pointer[upstreamCheck]
	stop  context.CancelFunc
}

func newUpstreamChecks() *upstreamChecks {
	ctx, stop := context.WithCancel(context.Background())
	return &upstreamChecks{turns: make(chan struct{}, checksAtOnce), ctx: ctx, stop: stop, running: map[*balance.State]*runningCheck{}}
}

// keep ends the checks that are no longer wanted, and begins those that are new.
func (u *upstreamChecks) keep(wanted map[*balance.State]upstreamCheck) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for state, running := range u.running {
		if _, ok := wanted[state]; !ok {
			running.stop()
			delete(u.running, state)
		}
	}
	if u.ctx.Err() != nil {
		return
	}
	for state, check := range wanted {
		running := u.running[state]
		if running == nil {
			ctx, stop := context.WithCancel(u.ctx)
			running = &runningCheck{stop: stop}
			u.running[state] = running
			running.check.Store(&check)
			u.tasks.Go(func() { u.run(ctx, state, running) })
			continue
		}
		running.check.Store(&check)
	}
}

// close ends all checks.
func (u *upstreamChecks) close() {
	u.mu.Lock()
	u.stop()
	clear(u.running)
	u.mu.Unlock()
	u.tasks.Wait()
}

// run checks one upstream until the context ends.
func (u *upstreamChecks) run(ctx context.Context, state *balance.State, running *runningCheck) {
	defer running.stop()
	wait := time.NewTimer(rand.N(firstCheckWithin))
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		select {
		case u.turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		check := running.check.Load()
		began := time.Now()
		err := check.run(ctx)
		<-u.turns
		if ctx.Err() != nil {
			return // a check that was cancelled says nothing about the upstream
		}
		state.Checked(err)
		interval := check.health.Interval
		jitter := rand.N(interval/5) - interval/10 // checks that begin together drift apart
		wait.Reset(max(interval+jitter-time.Since(began), interval/10))
	}
}

// run makes one check over its own connection. It returns why the upstream is not healthy, or nil.
func (c *upstreamCheck) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.health.Timeout, errCheckTimeout)
	defer cancel()
	status, err := c.ask(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case status != c.health.ExpectStatus:
		return fmt.Errorf("the check got the status %d, and expects %d", status, c.health.ExpectStatus)
	}
	return nil
}

// errCheckTimeout is the error of a check that received no answer in time.
var errCheckTimeout = fmt.Errorf("no answer to the check within health.timeout_secs: %w", context.DeadlineExceeded)

// ask sends the request of a check, and returns the status of the response.
func (c *upstreamCheck) ask(ctx context.Context) (status int, err error) {
	conn := &upstreamConn{lookahead: &c.to.pool.all.lookahead}
	if err := c.to.dial(ctx, conn, nil, h2client.Body{}, false); err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // an error would concern no request
	if conn.shared {
		return c.askShared(ctx, conn)
	}
	stop := context.AfterFunc(ctx, conn.interrupt)
	defer stop()
	// Applications that redirect plain requests to https would otherwise answer with the redirect.
	request := "GET " + c.health.Path + " HTTP/1.1\r\nHost: " + c.host + "\r\nUser-Agent: " + checkUserAgent +
		"\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil {
		return 0, err
	}
	conn.begin()
	defer func() { conn.detach().release() }()
	for status < 200 {
		if err := conn.readHead(); err != nil {
			return 0, err
		}
		status = conn.head.Status
	}
	return status, nil
}

// askShared is ask over HTTP/2, on a stream of a connection that requests use too.
func (c *upstreamCheck) askShared(ctx context.Context, conn *upstreamConn) (status int, err error) {
	stream, interrupted := conn.stream, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		stream.Interrupt()
	})
	defer func() {
		if !stop() {
			<-interrupted // afterwards the stream may be used for another request
		}
		stream.Close()
	}()
	if err := stream.Begin(checkHead{c}, true, false); err != nil {
		return 0, err
	}
	for status < 200 {
		head, err := stream.ReadHead()
		if err != nil {
			return 0, err
		}
		status = head.Status
	}
	return status, nil
}

// checkHead is the head of a check over HTTP/2.
type checkHead struct{ check *upstreamCheck }

// Bytes implements h2client.Head.
func (h checkHead) Bytes() int { return 512 + len(h.check.health.Path) + len(h.check.host) }

// AppendHead implements h2client.Head.
func (h checkHead) AppendHead(e *http2.HeadEncoder, dst []byte) []byte {
	dst = e.AppendRequest(dst, "GET", h.check.to.config.UpstreamScheme, h.check.host)
	dst = e.AppendPath(dst, h.check.health.Path, "")
	dst = e.AppendField(dst, "user-agent", checkUserAgent)
	return e.AppendField(dst, "x-forwarded-proto", "https")
}
