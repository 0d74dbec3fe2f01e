package proxy

import (
	"context"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/share"
)

// upstreamCall is one request to one upstream, from the wait for a connection to the last byte of the response. It
// knows nothing of the exchange that it is made for. The owner of a call fills the first group of fields and calls
// roundTrip. It then reads the response from the returned connection, which giveBack or release ends.
//
// One goroutine makes the call. The pump may send the body at the same time, and any goroutine may cancel the call.
type upstreamCall struct {
	// owner is what the call is made for.
	owner callOwner
	// to is where the request goes.
	to upstreamTarget
	// request is the head to send, and body what follows it.
	request *Request
	body    *requestBody
	// timer is the deadline of the call's current phase. Its owner cancels the call when the deadline passes.
	timer *deadline.Timer
	// client is the account that the call's connections count for, or nil.
	client *share.Client
	// pin holds an upstream connection that only the client's own connection may use. It is nil if there is nothing to
	// hold one.
	pin *upstreamPin
	// log receives the panics of the pump.
	log *eventlog.Logger
	// start is when the owner began, shortly before the call. It counts as the time of sending if a connection is ready.
	start time.Time

	// triesLeft is how many other upstreams may be tried if this one fails. They share the remaining time for
	// connecting. The owner sets it before each round trip.
	triesLeft int
	// failedTime is the duration of failed attempts to connect, at all upstreams that were tried. It counts against the
	// connect timeout, as connectTime does, but not in the metrics.
	failedTime time.Duration
	// connectTime is how long connecting took, TLS included, at all upstreams that were tried. It is 0 if a connection
	// already existed. responseTime is the time from the sending of the request to the arrival of the response's head,
	// or 0 without one.
	connectTime, responseTime time.Duration
	// waited is how long the call waited for an answer on connections that then failed. onKept reports whether the last
	// of them had served a request before.
	waited time.Duration
	onKept bool
	// headWaited is how long large heads have waited for a place: those of responses to the call, and that of the answer of a
	// forward_auth service for the same request.
	headWaited time.Duration
	// goOn ends the wait for 100 (Continue).
	goOn chan struct{}
	// seen records events of the call that decide whether the connection may be used again.
	seen seenUse
	// pump is the second goroutine, if there is one.
	pump bodyPump
	// out is the buffer from which the request is sent. It is nil at other times. composed reports whether it holds the
	// whole request. gathered reports whether it holds bytes of the body, which cannot be read again.
	out                *[]byte
	composed, gathered bool
	// trailers are the trailers of the request for an HTTP/2 stream, once trailersReady is set.
	trailers      Fields
	trailersReady bool
	// response holds the part that was read of a response whose connection was given back. It is nil before that, and
	// after its release.
	response *upstreamResponse

	// mu guards the fields that a cancellation needs.
	mu sync.Mutex
	// cause is why the call was cancelled, or nil.
	cause error
	// conn is the connection in use, or nil.
	conn *upstreamConn
	// stopDial ends the dial in progress, or is nil if there is none. opening is the connection that is being dialed.
	stopDial context.CancelFunc
	opening  *upstreamConn
	// uses distinguishes this use of the connection from others.
	uses uint64

	// blockedSince is when, on the sweeper's clock, the call began to wait for its client. It is 0 while the call does
	// not wait.
	blockedSince atomic.Int64
	// progress tracks whether the client takes bytes during such a wait.
	progress callProgress
	// delivering reports whether the owner has begun to take the response.
	delivering atomic.Bool
}

// callOwner is what an upstream call needs from its owner. An exchange is one.
type callOwner interface {
	// inform receives an interim response.
	inform(status int, reason string, fields Fields)
	// stopBody makes a blocked read of the body that the call sends return with an error.
	stopBody()
	// stop makes the owner end every wait other than for the call, which was cancelled. It must not block.
	stop()
	// placed is called once the call has a connection, waits in the queue for one, or was refused a place in the queue.
	placed()
	// acknowledged returns how many bytes the client has taken so far. ok is false if that is unknown, or not needed because
	// the owner calls blocks whenever the client takes some.
	acknowledged() (n uint64, ok bool)
}

// upstreamTarget is where a call goes.
type upstreamTarget struct {
	pool *upstreamPool
	// address is the upstream's `host:port`.
	address string
	// host is the site that the request is for.
	host string
	// config has the upstream's scheme and timeouts.
	config *config.Route
	// stripped is how many bytes at the beginning of the path are not sent.
	stripped int
	// roots verify an https upstream; nil for http.
	roots *x509.CertPool
}

// reset prepares the call for a request, and forgets the previous one.
func (c *upstreamCall) reset(owner callOwner, r *Request, body *requestBody, timer *deadline.Timer) {
	c.owner, c.request, c.body, c.timer, c.client = owner, r, body, timer, nil
	c.failedTime, c.connectTime, c.responseTime, c.waited, c.headWaited, c.triesLeft = 0, 0, 0, 0, 0, 0
	c.mu.Lock() // a late giveWay may still be looking at the call
	c.cause, c.conn, c.stopDial, c.opening = nil, nil, nil, nil
	c.mu.Unlock()
	c.blockedSince.Store(0)
	c.delivering.Store(false)
	c.pump.taken = false
	c.trailers, c.trailersReady = nil, false
	if r.Continue {
		c.goOn = make(chan struct{}, 1)
	}
}

// deliver records that the owner begins to take the response, or no longer wants one, and sets begun. The upstream's time
// to answer ends, and the time for bodies begins. deliver returns false, and sets nothing, if a deadline has already passed.
func (c *upstreamCall) deliver(begun *atomic.Bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivering.Store(true)
	if !c.timer.Set(deadline.PhaseBody, c.body.idle) {
		return false
	}
	begun.Store(true)
	return true
}

// cancel interrupts the call's current wait. Only the first cause is kept.
func (c *upstreamCall) cancel(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelLocked(cause)
}

// cancelLocked is cancel for a caller that holds mu.
func (c *upstreamCall) cancelLocked(cause error) {
	if c.cause == nil {
		c.cause = cause
	}
	if c.stopDial != nil {
		c.stopDial()
	}
	if c.conn != nil {
		c.conn.interrupt()
	}
}

// end cancels the call and stops its owner.
func (c *upstreamCall) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(cause)
}

// expire is end for a deadline that has passed. It does nothing if settle was called first.
func (c *upstreamCall) expire(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer.Phase() == deadline.PhaseExpired {
		c.endLocked(cause)
	}
}

// endLocked is end for a caller that holds mu. It must hold mu for both parts: otherwise the owner's goroutine could see the
// cancellation and begin its error response in between, and stop would interrupt that response.
func (c *upstreamCall) endLocked(cause error) {
	c.cancelLocked(cause)
	c.owner.stop()
}

// settle ends the wait for the upstream, resets the timer, and returns why the call was cancelled, or nil. A deadline that
// passes at the same moment is either that cause or has no effect.
func (c *upstreamCall) settle() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Reset()
	return c.cause
}

// cancelled returns why the call was cancelled, or nil.
func (c *upstreamCall) cancelled() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// giveWay cancels the call if the given use of the connection has not ended and the call is not already cancelled. It
// reports whether it did.
func (c *upstreamCall) giveWay(conn *upstreamConn, count uint64, cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != conn && c.opening != conn || c.uses != count || c.cause != nil {
		return false
	}
	c.endLocked(cause)
	return true
}

// use sets the connection that a cancellation interrupts. It returns false if the call is already cancelled.
func (c *upstreamCall) use(conn *upstreamConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	if conn != nil {
		c.uses = conn.uses
	}
	return c.cause == nil
}

// opens sets the connection that is being dialed.
func (c *upstreamCall) opens(conn *upstreamConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening, c.uses = conn, conn.uses
}

// dialing sets stop as the function that a cancellation calls. It returns false if the call is already cancelled.
func (c *upstreamCall) dialing(stop context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopDial = stop
	return c.cause == nil
}

// dialed forgets the values set by opens and dialing.
func (c *upstreamCall) dialed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopDial, c.opening = nil, nil
}
