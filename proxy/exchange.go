package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
)

// exchange is one request on its way through the stages, with all that they find out about it. One goroutine works on
// it from the head of the request to the last byte of the response; a second one may send the request's body.
type exchange struct {
	// request is what the client sent; the header stages change its fields.
	request *Request
	// client is where the answer goes.
	client clientWriter
	// log is where it is told what went wrong on the way.
	log *eventlog.Logger
	// dates is where the text of a Date comes from.
	dates *dateText
	// config is the dynamic configuration that this request is served by to its end (S-3.1).
	config *DynamicConfig
	// listener is the index of the listener that took the request.
	listener int
	// body is the request's body behind the limit; its source is nil without a body.
	body requestBody
	// host is the lower-cased host without port; "" when the request named none, or none that is valid.
	host string
	// route is where the request goes; nil before routing, and where the proxy answers by itself.
	route *route
	// status is the status of the final response that was sent, for the log; 0 before that.
	status int
	// abort reports whether the response was begun and could not be completed: the adapter cuts the connection or stream,
	// so that a truncated body never ends cleanly (S-6.10).
	abort bool
	// start is when the head of the request was complete.
	start time.Time
	exchangeCounts
	// watch is the deadline of whatever the exchange waits for; over HTTP/1.1 it is the connection's.
	watch *deadline.Watch
	// goOn ends the wait for 100 (Continue).
	goOn chan struct{}
	// seen is what has been seen of the exchange with the upstream that decides about the connection's next use.
	seen seenUse
	// pin is where a connection is kept that nobody but the client's own connection may use; nil over HTTP/2.
	pin *upstreamPin
	// turn is what the exchange's goroutine holds up to where it may wait for an upstream or the client.
	turn turn
	// pump is the second goroutine, where there is one.
	pump bodyPump
	// out is the buffer in which the request is sent; nil while it is not. composed reports whether it holds all of the request,
	// gathered whether it holds bytes of the body, which cannot be read again.
	out                *[]byte
	composed, gathered bool
	// response is what was read of a response whose connection was given back; nil before that and after it was released.
	response *upstreamResponse

	// mu guards what a cancellation needs.
	mu sync.Mutex
	// cause is why the exchange was cancelled; nil while it was not.
	cause error
	// upstream is the connection in use; nil outside of one.
	upstream *upstreamConn
	// stopDial ends the dial that is under way; nil outside of one. opening is the connection that is dialed.
	stopDial context.CancelFunc
	opening  *upstreamConn
	// uses tells this use of the connection from others.
	uses uint64
	// blockedSince is since when, on the sweeper's clock, the exchange waits for its client; 0 while it does not.
	blockedSince atomic.Int64
	// answered reports whether the head of the response was begun.
	answered atomic.Bool

	// interim is held while an interim response is sent, and informing reports whether one is: two goroutines may have one to
	// send, and none may come behind the head of the final one. It is not mu, which nobody may hold who waits for a client.
	interim   sync.Mutex
	informing atomic.Bool
}

// Causes for which an exchange is cancelled.
var (
	errClientGone      = errors.New("the client went away")
	errClientIdle      = errors.New("the client sent no byte of its body within body_idle_timeout_secs")
	errBodyIdle        = errors.New("no byte of a body moved within body_idle_timeout_secs")
	errUpstreamTimeout = errors.New("no response within upstream_request_timeout_secs")
)

// clockOf returns the key of the clock that has cancelled an exchange, or "" for any other cause (S-8.7).
func clockOf(cause error) string {
	switch cause {
	case errBodyIdle, errClientIdle:
		return "body_idle_timeout_secs"
	case errUpstreamTimeout:
		return "upstream_request_timeout_secs"
	}
	return ""
}

// reset makes the exchange ready for the next request.
func (x *exchange) reset(r *Request, client clientWriter, w *deadline.Watch, listener int) {
	x.request, x.client, x.watch, x.listener = r, client, w, listener
	x.config, x.route, x.host = nil, nil, ""
	x.body.reset()
	x.status, x.abort = 0, false
	x.exchangeCounts = exchangeCounts{}
	x.cause, x.upstream, x.stopDial, x.opening = nil, nil, nil, nil
	x.blockedSince.Store(0)
	x.pump.taken = false
	x.answered.Store(false)
	if r.Continue {
		x.goOn = make(chan struct{}, 1)
	}
}

// cancel ends what the exchange waits for; the first cause counts.
func (x *exchange) cancel(cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cancelLocked(cause)
}

// cancelLocked is cancel for a caller that holds mu.
func (x *exchange) cancelLocked(cause error) {
	if x.cause == nil {
		x.cause = cause
	}
	if x.stopDial != nil {
		x.stopDial()
	}
	if x.upstream != nil {
		x.upstream.interrupt()
	}
}

// cancelled returns why the exchange was cancelled, or nil.
func (x *exchange) cancelled() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// use makes the connection the one that a cancellation interrupts. It returns false when there was one already.
func (x *exchange) use(conn *upstreamConn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.upstream = conn
	if conn != nil {
		x.uses = conn.uses
	}
	return x.cause == nil
}

// opens makes the connection the one that is being dialed.
func (x *exchange) opens(conn *upstreamConn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.opening, x.uses = conn, conn.uses
}

// dialing makes stop what a cancellation calls. It returns false when there was one already.
func (x *exchange) dialing(stop context.CancelFunc) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stopDial = stop
	return x.cause == nil
}

// dialed forgets what dialing was given.
func (x *exchange) dialed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stopDial, x.opening = nil, nil
}

// Look notices a client that left while the exchange waits for its upstream (S-6.10).
func (x *exchange) Look(p deadline.Phase) {
	if (p == deadline.PhaseUpstream || p == deadline.PhaseBody) && x.body.isEnded() && x.client.Gone() {
		x.cancel(errClientGone)
		x.client.Interrupt(true)
	}
}

// Extend gives a client more time that is slow to read but reads.
func (x *exchange) Extend(p deadline.Phase) time.Duration {
	if (p == deadline.PhaseBody || p == deadline.PhaseTunnel) && x.answered.Load() && x.client.Moving() {
		return x.body.idle
	}
	return 0
}

// Expire ends the exchange because of a clock.
func (x *exchange) Expire(p deadline.Phase) {
	switch {
	case p == deadline.PhaseUpstream:
		x.cancel(errUpstreamTimeout)
	case x.body.reading.Load():
		x.cancel(errClientIdle)
	default:
		x.cancel(errBodyIdle)
	}
	x.client.Interrupt(x.answered.Load() || x.informing.Load())
}

// Overdue implements watched. A request over HTTP/2 waits for nothing that expire does not interrupt; its connection has a
// watch of its own.
func (x *exchange) Overdue() {}

// beginAnswer says that the response goes out from now on. It returns false when a deadline has passed before: writes are
// not interrupted by that any more, and could wait for ever.
func (x *exchange) beginAnswer() bool {
	x.interim.Lock()
	defer x.interim.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answered.Store(true)
	return x.watch.Set(deadline.PhaseBody, x.body.idle)
}

// answer is a response that the proxy gives by itself instead of forwarding.
type answer struct {
	status int
	fields Fields
	// body and contentType stand in place of the status text and its type where they are not "".
	body, contentType string
	// closing ends the connection after the answer (HTTP/1), or resets the stream (HTTP/2).
	closing bool
	// abort tells to send nothing and cut the connection: there is nobody left to answer.
	abort bool
}

// answerStatus makes the answer of a status without further fields.
func answerStatus(status int) *answer { return &answer{status: status} }

// stage is one step of a request's way: it returns an answer to end the exchange with, or nil to let it go on.
type stage struct {
	name string
	run  func(x *exchange) *answer
}
