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

// exchange is one request on its way through the stages, with everything that they find out about it. One goroutine
// works on it from the head of the request to the last byte of the response. A second one may send the request's body.
//
// It ends in one of these ways:
//
//	stages ──── one of them answers ───────────────────────┐
//	  │                                                    ├──▶ send ── all was written ──────▶ complete
//	forward ─── no response, the client still waits ───────┘         └─ a write failed ───────▶ cut
//	  │
//	  ├──────── no response, and the client has left (499) ───────────────────────────────────▶ cut
//	  │
//	  ├─ 101 ── tunnel ── both halves were closed ────────────────────────────────────────────▶ complete
//	  │                └─ a side broke off, or nothing moved for too long ────────────────────▶ cut
//	  │
//	  └──────── relay ─── the client was given the whole response ────────────────────────────▶ complete
//	                   └─ a side broke off, or nothing moved for too long ────────────────────▶ cut
//
// A malformed request enters at send, through pipeline.refuse. After complete the connection continues, unless the
// response announced its end. After cut, abort is set, and the adapter closes the connection (HTTP/1.1) or resets the
// stream (HTTP/2). cancel does not end the exchange itself: it interrupts the wait of the exchange's goroutine, which
// then takes one of these ways.
type exchange struct {
	// request is what the client sent. The header stages change its fields.
	request *Request
	// client is where the answer goes.
	client clientWriter
	// log receives what goes wrong on the way.
	log *eventlog.Logger
	// dates provides the text of Date fields.
	dates *dateText
	// config is the dynamic configuration that applies to this request to its end (S-3.1).
	config *DynamicConfig
	// listener is the index of the listener that took the request.
	listener int
	// body is the request's body with the limit applied; its source is nil if there is no body.
	body requestBody
	// host is the lower-cased host without port, or "" if the request has none or an invalid one.
	host string
	// decision says what becomes of the request. It is made before the first stage, and the stages read it.
	decision decision
	// site and route are those of the decision once the request is routed. They are nil before that, and if the
	// decision has none.
	site  *site
	route *route
	// problem is why the proxy has refused the request, for the log. It is "" if the status says enough.
	problem string
	// status is the status of the final response that was sent, for the log, or 0 before that.
	status int
	// abort reports whether the response was begun but could not be completed. The adapter then cuts the connection or
	// stream, so that a truncated body never ends cleanly (S-6.10).
	abort bool
	// passedReset is the result of the function of that name, if the upstream has failed.
	passedReset http2.Code
	// start is when the head of the request was complete.
	start time.Time
	// leaves decides when to check whether the client has left.
	leaves leaveChecks
	exchangeCounts
	exchangeAccess
	headerScratch
	// via holds what a trusted proxy says about the request.
	via viaProxy
	// timer is the deadline of the exchange's current phase. Over HTTP/1.1 it is the connection's timer.
	timer *deadline.Timer
	// turn is held by the exchange's goroutine until it may wait for an upstream or the client.
	turn turn
	// call is the request to the upstream. It holds the cause of a cancellation even if the request is never made.
	call upstreamCall
	// gate is the gate that the exchange has passed, and pass its place there. gate is nil if there is none.
	gate *limit.Gate
	pass limit.Pass
	// pick is the choice of the upstream.
	pick balance.Pick
	// answered reports whether the head of the response was begun.
	answered atomic.Bool

	// interim is held while an interim response is sent. Two goroutines may have one to send, and none may follow the
	// head of the final response. The mu of the call cannot be used for this, because it must not be held while waiting
	// for a client. informing reports whether an interim response is being sent.
	interim   sync.Mutex
	informing atomic.Bool
}

// These are the causes with which an exchange is cancelled.
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
	x.call.to.address = "" // the log names an upstream only if the request reaches one
	if r.Account != nil {
		x.call.client = &r.Account.upstreams
	}
}

// cancel interrupts the exchange's current wait. Only the first cause is kept.
func (x *exchange) cancel(cause error) { x.call.cancel(cause) }

// cancelled returns why the exchange was cancelled, or nil.
func (x *exchange) cancelled() error { return x.call.cancelled() }

// await calls wait with a context that ends when the exchange is cancelled. The exchange is cancelled, for example,
// when the client leaves or when most has passed. If the exchange was cancelled before or has run out of time, the
// context has already ended. await returns the cause of the cancellation, or nil. The caller must have given its turn
// back.
func (x *exchange) await(most time.Duration, wait func(ctx context.Context)) error {
	x.turn.leaveRoom()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// The timer replaces the deadline of the request's head, and makes the sweeper check whether the client leaves.
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

// Look implements deadline.Owner for a stream. The streams of a connection share the record of the client's progress,
// so a stream that is being answered has to be in every sweep.
func (x *exchange) Look(p deadline.Phase) (rest time.Duration) {
	if rest = x.lookForLeave(p); x.answered.Load() {
		return 0
	}
	return rest
}

// lookForLeave cancels the exchange if the client has left while the exchange waits for its upstream (S-6.10). It
// returns the time until the next call is needed.
func (x *exchange) lookForLeave(p deadline.Phase) (rest time.Duration) {
	if p != deadline.PhaseUpstream && p != deadline.PhaseBody || !x.body.isEnded() {
		return 0
	}
	now := x.timer.Sweeper.Clock.Load()
	if x.leaves.due(now) && x.client.Gone() {
		x.cancel(errClientGone)
		x.client.Interrupt(true)
	}
	return x.leaves.rest(now)
}

// Extend gives more time to a client that reads slowly but steadily.
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
		x.call.expire(errUpstreamTimeout)
	case x.body.reading.Load():
		x.call.expire(errClientIdle)
	default:
		x.call.expire(errBodyIdle)
	}
}

// stop implements callOwner. It makes blocked reads of the request's body return, and blocked writes to the client if a
// response has begun.
func (x *exchange) stop() { x.client.Interrupt(x.answered.Load() || x.informing.Load()) }

// placed implements callOwner.
func (x *exchange) placed() { x.turn.leaveRoom() }

// acknowledged implements callOwner.
func (x *exchange) acknowledged() (n uint64, ok bool) {
	if w, isHTTP1 := x.client.(*http1Work); isHTTP1 {
		n, _, ok = w.conn.takenBytes()
	}
	return n, ok
}

// stopBody implements callOwner.
func (x *exchange) stopBody() { x.client.Interrupt(false) }

// Overdue implements deadline.Owner. It does nothing: Expire interrupts everything that a request over HTTP/2 can wait
// for, and its connection has its own timer.
func (x *exchange) Overdue() {}

// beginAnswer marks the beginning of the response. It returns false, and marks nothing, if a deadline has already passed:
// that deadline would no longer interrupt writes, which could then wait for ever.
func (x *exchange) beginAnswer() bool {
	x.interim.Lock()
	defer x.interim.Unlock()
	return x.call.deliver(&x.answered)
}

// inform implements callOwner. It sends an interim response, unless the final one has begun or the exchange is
// cancelled. If the client is gone, later steps notice it.
func (x *exchange) inform(status int, reason string, fields Fields) {
	x.interim.Lock()
	defer x.interim.Unlock()
	if x.answered.Load() {
		return
	}
	x.informing.Store(true)
	if x.cancelled() != nil { // checked after informing was set: a later cancellation interrupts the write
		x.informing.Store(false)
		return
	}
	err := x.client.Inform(status, reason, fields)
	x.informing.Store(false)
	if (err == nil || err == errInterrupted) && x.cancelled() != nil {
		x.client.Resume() // the interim response was sent whole or not at all, and the error response comes next
	}
}

// answer is a response that the proxy creates instead of forwarding one.
type answer struct {
	status int
	fields Fields
	// body and contentType replace the status text and its type unless they are empty.
	body        []byte
	contentType string
	// bare omits the status text.
	bare bool
	// reply is a service's reply whose body is that of the answer, or nil.
	reply *reply
	// closing ends the connection after the answer (HTTP/1), or resets the stream (HTTP/2).
	closing bool
	// abort cuts the connection and sends nothing more, because the client is gone or its response cannot be completed.
	abort bool
}

// answerStatus returns an answer with a status and no further fields.
func answerStatus(status int) *answer { return &answer{status: status} }

// stage is one step on a request's way. It returns an answer that ends the exchange, or nil to continue. If the last
// stage returns nil, the client was given the whole response of the upstream.
type stage struct {
	name string
	run  func(x *exchange) *answer
	// acts reports whether the stage changes anything besides the exchange. An explanation skips such a stage.
	acts bool
	// plan is what an explanation runs in place of run if the stage acts. It changes nothing and asks no other service.
	// It is nil if an explanation can run no part of the stage.
	plan func(x *exchange) *answer
}
