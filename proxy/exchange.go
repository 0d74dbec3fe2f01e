package proxy

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http2"
	"reverse-proxy/proxy/limit"
)

// exchange is one request on its way through the stages, with all that they find out about it. One goroutine works on it
// from the head of the request to the last byte of the response; a second one may send the request's body.
//
// It ends in one of these ways:
//
//	stages ──── one of them answers ───────────────────────┐
//	  │                                                    ├──▶ send ── all was written ──────▶ complete
//	forward ─── no response, and a client to be told ──────┘         └─ a write failed ───────▶ cut
//	  │
//	  ├──────── no response, and the client has left (499) ───────────────────────────────────▶ cut
//	  │
//	  ├─ 101 ── tunnel ── both halves were closed ────────────────────────────────────────────▶ complete
//	  │                └─ a side broke off, or nothing moved for too long ────────────────────▶ cut
//	  │
//	  └──────── relay ─── the client was given the whole response ────────────────────────────▶ complete
//	                   └─ a side broke off, or nothing moved for too long ────────────────────▶ cut
//
// A request that is malformed enters at send, through pipeline.refuse. After complete the connection goes on, unless the
// response announced its end. After cut, abort is set, and the adapter closes the connection (HTTP/1.1) or resets the stream
// (HTTP/2). cancel ends nothing by itself: it interrupts what the exchange's goroutine waits for, which then takes one of
// these ways.
type exchange struct {
	// request is what the client sent; the header stages change its fields.
	request *Request
	// client is where the answer goes.
	client clientWriter
	// log receives what went wrong on the way.
	log *eventlog.Logger
	// dates provides the text of Date fields.
	dates *dateText
	// config is the dynamic configuration that serves this request to its end (S-3.1).
	config *DynamicConfig
	// listener is the index of the listener that took the request.
	listener int
	// body is the request's body with the limit applied; its source is nil if there is no body.
	body requestBody
	// host is the lower-cased host without port; "" if the request named none or an invalid one.
	host string
	// decision is what becomes of the request, made before the first stage. The stages read it.
	decision decision
	// site and route are those of the decision once the request is routed; nil before that, and if the decision has none.
	site  *site
	route *route
	// problem is why the proxy has refused the request, for the log; "" for nothing that the status does not say.
	problem string
	// status is the status of the final response that was sent, for the log; 0 before that.
	status int
	// abort reports whether the response was begun and could not be completed: the adapter cuts the connection or stream,
	// so that a truncated body never ends cleanly (S-6.10).
	abort bool
	// passedReset is the result of the function of that name, if the upstream has failed.
	passedReset http2.Code
	// start is when the head of the request was complete.
	start time.Time
	// leaves says when to look whether the client has left.
	leaves leaveWatch
	exchangeCounts
	exchangeAccess
	headerScratch
	// via is what a trusted proxy says of the request.
	via viaProxy
	// timer is the deadline for whatever the exchange waits for; over HTTP/1.1 it is the connection's.
	timer *deadline.Timer
	// turn is held by the exchange's goroutine until it may wait for an upstream or the client.
	turn turn
	// call is the request to the upstream. Whether it is made or not, it holds the cause of a cancellation.
	call upstreamCall
	// gate is the gate that the exchange is through, and pass its place there; nil without one.
	gate *limit.Gate
	pass limit.Pass
	// pick is the choice of the upstream.
	pick balance.Pick
	// answered reports whether the head of the response was begun.
	answered atomic.Bool

	// interim is held while an interim response is sent, and informing reports whether one is: two goroutines may have one
	// to send, and none may come after the head of the final one. It is not the mu of the call, which must not be held while
	// waiting for a client.
	interim   sync.Mutex
	informing atomic.Bool
}

// These are the causes for which an exchange is cancelled.
var (
	errClientGone      = errors.New("the client went away")
	errClientIdle      = errors.New("the client sent no byte of its body within body_idle_timeout_secs")
	errBodyIdle        = errors.New("no byte of a body moved within body_idle_timeout_secs")
	errUpstreamTimeout = errors.New("no response within upstream_request_timeout_secs")
)

// clockOf returns the key of the timeout that has cancelled an exchange, or "" for any other cause (S-8.7).
func clockOf(cause error) string {
	switch cause {
	case errBodyIdle, errClientIdle:
		return "body_idle_timeout_secs"
	case errUpstreamTimeout:
		return "upstream_request_timeout_secs"
	}
	return ""
}

// reset prepares the exchange for the next request.
func (x *exchange) reset(r *Request, client clientWriter, timer *deadline.Timer, listener int) {
	x.request, x.client, x.timer, x.listener = r, client, timer, listener
	x.config, x.site, x.route, x.host, x.problem = nil, nil, nil, "", ""
	x.decision = decision{}
	x.headerScratch.reset()
	if x.via.trusted {
		x.via = viaProxy{}
	}
	x.gate = nil
	x.pick = balance.Pick{}
	x.body.reset()
	x.status, x.abort, x.passedReset = 0, false, http2.NoError
	x.exchangeCounts = exchangeCounts{}
	x.exchangeAccess = exchangeAccess{}
	x.answered.Store(false)
	x.leaves.reset()
	x.call.reset(x, r, &x.body, timer)
	x.call.to.address = "" // the log names an upstream only if the request gets as far as that
	if r.Account != nil {
		x.call.client = &r.Account.upstreams
	}
}

// cancel ends whatever the exchange waits for. The first cause is kept.
func (x *exchange) cancel(cause error) { x.call.cancel(cause) }

// cancelled returns why the exchange was cancelled, or nil.
func (x *exchange) cancelled() error { return x.call.cancelled() }

// await calls wait, whose context ends when the exchange is cancelled, and so also when the client leaves or when most has
// passed. The context has ended already if the exchange was cancelled before, or has run out of time. await returns that
// cause, or nil. The caller must have given its turn back.
func (x *exchange) await(most time.Duration, wait func(ctx context.Context)) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// The timer takes over from the deadline of the request's head, and makes the sweeper look for a client that leaves.
	late := !x.timer.Set(deadline.PhaseUpstream, most)
	if !x.call.dialing(cancel) || late { // a cancellation ends this wait as it ends a dial
		cancel()
	}
	defer x.call.dialed()
	wait(ctx)
	if cause := x.cancelled(); cause != nil {
		return cause
	}
	if late {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Look notices that the client has left while the exchange waits for its upstream (S-6.10).
func (x *exchange) Look(p deadline.Phase) {
	if (p == deadline.PhaseUpstream || p == deadline.PhaseBody) && x.body.isEnded() &&
		x.leaves.due(x.timer.Sweeper.Clock.Load()) && x.client.Gone() {
		x.cancel(errClientGone)
		x.client.Interrupt(true)
	}
}

// Extend gives more time to a client that reads slowly but reads.
func (x *exchange) Extend(p deadline.Phase) time.Duration {
	if (p == deadline.PhaseBody || p == deadline.PhaseTunnel) && x.answered.Load() && x.client.Progressed() {
		return x.body.idle
	}
	return 0
}

// Expire ends the exchange because of a deadline.
func (x *exchange) Expire(p deadline.Phase) {
	switch {
	case p == deadline.PhaseUpstream:
		x.cancel(errUpstreamTimeout)
	case x.body.reading.Load():
		x.cancel(errClientIdle)
	default:
		x.cancel(errBodyIdle)
	}
	x.stop()
}

// stop implements callOwner. It makes blocked reads of the request's body return, and blocked writes to the client if a
// response has begun.
func (x *exchange) stop() { x.client.Interrupt(x.answered.Load() || x.informing.Load()) }

// stopBody implements callOwner.
func (x *exchange) stopBody() { x.client.Interrupt(false) }

// Overdue implements deadline.Owner. Expire interrupts everything that a request over HTTP/2 can wait for; its connection has
// a timer of its own.
func (x *exchange) Overdue() {}

// beginAnswer marks the beginning of the response. It returns false if a deadline has passed before: that deadline no
// longer interrupts writes, which could wait forever.
func (x *exchange) beginAnswer() bool {
	x.interim.Lock()
	defer x.interim.Unlock()
	x.answered.Store(true)
	return x.call.deliver()
}

// inform implements callOwner. It sends an interim response, unless the final one has begun or the exchange is cancelled.
// Later steps notice a client that is gone.
func (x *exchange) inform(status int, reason string, fields Fields) {
	x.interim.Lock()
	defer x.interim.Unlock()
	if x.answered.Load() {
		return
	}
	x.informing.Store(true)
	defer x.informing.Store(false)
	if x.cancelled() == nil { // checked after informing was set: a later cancellation interrupts the write
		_ = x.client.Inform(status, reason, fields)
	}
}

// answer is a response that the proxy makes itself instead of forwarding one.
type answer struct {
	status int
	fields Fields
	// body and contentType replace the status text and its type unless they are empty.
	body        []byte
	contentType string
	// bare leaves out the status text.
	bare bool
	// closing ends the connection after the answer (HTTP/1), or resets the stream (HTTP/2).
	closing bool
	// abort cuts the connection and sends nothing more: no client is left, or its response cannot be completed.
	abort bool
}

// answerStatus makes an answer from a status, without further fields.
func answerStatus(status int) *answer { return &answer{status: status} }

// stage is one step on a request's way: it returns an answer that ends the exchange, or nil to let it go on. If the last
// stage returns nil, the client was given the upstream's whole response.
type stage struct {
	name string
	run  func(x *exchange) *answer
	// acts reports whether the stage changes anything but the exchange: an explanation leaves such a stage out.
	acts bool
	// plan is what an explanation runs of a stage that acts: the part that changes and asks nothing; nil for none.
	plan func(x *exchange) *answer
}
