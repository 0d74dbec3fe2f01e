package proxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/share"
)

// connect returns a connection to the target: a new one, or one that another call has just given back. If all
// connections are in use, the wait for one counts as connecting (S-6.9). So does the time that connecting to other
// upstreams took. Cancelling the call ends the wait. conn is a shared connection that the call already has but that has
// no stream yet, or nil.
func (c *upstreamCall) connect(conn *upstreamConn) (*upstreamConn, error) {
	conn, err := c.connectInTime(conn)
	if err != nil && conn != nil {
		c.to.pool.drop(conn)
		return nil, err
	}
	return conn, err
}

// connectInTime does the same as connect, but returns the connection that it has got even with an error.
func (c *upstreamCall) connectInTime(conn *upstreamConn) (*upstreamConn, error) {
	began, left := time.Now(), c.to.config.ConnectTimeout-c.connectTime-c.failedTime
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	// The context ends the dial. The timer replaces the deadline of the request's head, and makes the sweeper check
	// meanwhile whether the client has left.
	if !c.timer.Set(deadline.PhaseUpstream, left+time.Second) {
		return conn, os.ErrDeadlineExceeded
	}
	if !c.dialing(cancel) {
		return conn, context.Canceled
	}
	defer c.dialed()
	for pool := c.to.pool; ; {
		if conn == nil {
			var err error
			if conn, err = pool.acquire(ctx, c); err != nil {
				return nil, err
			}
		}
		if conn.Conn == nil {
			return conn, c.open(ctx, conn, began, left)
		}
		if conn.fit() {
			return conn, nil
		}
		pool.drop(conn)
		conn = nil
	}
}

// open dials for a connection that has waited for its slot since began, with the given time left at that moment.
func (c *upstreamCall) open(ctx context.Context, conn *upstreamConn, began time.Time, left time.Duration) error {
	c.opens(conn)
	waited := time.Since(began)
	err := c.dial(ctx, conn, left)
	switch pool := c.to.pool; {
	case err == nil:
		return nil
	case isTimeout(err) && hadTooLittle(left, waited, c.triesLeft):
		return pool.noneFree(pool.all.clientOf(c))
	}
	return errNotConnected{err}
}

// hadTooLittle reports whether an attempt to connect could not show whether the upstream can be reached, because the
// wait for a free connection had used up too much of the time for connecting. Otherwise clients that use up all
// connections could take healthy upstreams out of service. others is how many other upstreams may be tried afterwards.
// They share the time.
func hadTooLittle(most, waited time.Duration, others int) bool {
	return most-waited < most/time.Duration(others+1)/2
}

// dial opens the connection. If other upstreams may be tried, it leaves them their part of the remaining time.
func (c *upstreamCall) dial(ctx context.Context, conn *upstreamConn, left time.Duration) error {
	if c.triesLeft > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left/time.Duration(c.triesLeft+1))
		defer cancel()
	}
	return c.to.dial(ctx, conn, c.request, c.bodyToShare(), c.needsOwnConn())
}

// acquire waits for a slot for one connection, until the context ends. The returned connection counts as in use. It
// must still be opened, unless another call has given it back.
func (p *upstreamPool) acquire(ctx context.Context, c *upstreamCall) (*upstreamConn, error) {
	client, slots := p.all.clientOf(c), p.all.slots
	waiter, refused, limit := slots.Acquire(client, &p.share, time.Now())
	if c != nil {
		c.owner.placed()
	}
	if refused {
		return nil, p.refused(client, limit)
	}
	conn := &upstreamConn{lookahead: &p.all.lookahead}
	if waiter != nil {
		p.all.press()
		p.makeRoom()
		grant, ok := p.wait(ctx, waiter)
		switch {
		case !ok:
			return nil, p.waitFailed(ctx, client)
		case grant.Refused:
			return nil, p.refused(client, grant.Limit)
		}
		if handed, ok := grant.Conn.(*upstreamConn); ok {
			conn = handed
		}
	}
	p.use(conn, c)
	return conn, nil
}

// wait waits for the grant or the end of the context. If both come at the same moment, the grant counts.
func (p *upstreamPool) wait(ctx context.Context, waiter *share.Waiter) (share.Grant, bool) {
	select {
	case grant := <-waiter.Ready:
		return grant, true
	case <-ctx.Done():
	}
	if p.all.slots.Cancel(waiter) {
		return share.Grant{}, false
	}
	return <-waiter.Ready, true
}

// shareError ends a call that has received no connection to its upstream, or has lost its connection for the benefit of
// others (S-12.6).
type shareError struct {
	// limit is the limit that was reached. held is how many connections count against it, and of is its size.
	limit    share.Limit
	held, of int
}

// Error implements the error interface.
func (e *shareError) Error() string {
	switch e.limit {
	case share.OfClient:
		return fmt.Sprintf("others wait for connections to upstreams, and the client uses %d; its share is %d", e.held, e.of)
	case share.OfUpstream:
		return fmt.Sprintf("others wait for connections to upstreams, and %d are to this one; its share is %d", e.held, e.of)
	case share.Reserve:
		return fmt.Sprintf("another upstream has too few connections, and %d are to this one; it gives way above %d", e.held, e.of)
	case share.Stalled:
		return "others wait for connections to upstreams, and the client has held this one up for longest"
	}
	return "too many requests wait for connections to upstreams"
}

// refused returns the error of a request that may not wait, or may wait no longer, because of a share of the queue.
func (p *upstreamPool) refused(client *share.Client, limit share.Limit) error {
	e := &shareError{limit: limit}
	_, e.held, e.of = p.all.slots.Reached(client, &p.share)
	return e
}

// waitFailed returns the error of a request whose wait has ended with the context.
func (p *upstreamPool) waitFailed(ctx context.Context, client *share.Client) error {
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return p.noneFree(client)
}

// noneFree returns the error of a request for which no connection was free in time.
func (p *upstreamPool) noneFree(client *share.Client) error {
	if limit, held, of := p.all.slots.Reached(client, &p.share); p.all.slots.OthersWait(client, &p.share, limit) {
		return &shareError{limit: limit, held: held, of: of}
	}
	return fmt.Errorf("all %d connections to upstreams (max_connections) stayed in use: %w", p.all.slots.Limit(), context.DeadlineExceeded)
}
