package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reverse-proxy/proxy/limit"
)

// errNoPlace ends the wait of an exchange that has received no place within concurrent_wait_secs.
var errNoPlace = errors.New("too many requests at once (concurrent)")

// placeSpare is added to concurrent_wait_secs for the deadline of the wait for a place. The gate normally ends the wait; the
// deadline ends it if the gate does not. The time is generous because a busy machine may be late.
const placeSpare = 10 * time.Second

// enterGate waits until the upstream may work on the request. It returns the answer of a request that is not forwarded.
// While it waits, it holds no buffer and no turn (S-12.8).
func (p *pipeline) enterGate(x *exchange, limits *routeLimits) *answer {
	waits := limits.wait > 0
	switch limits.gate.Enter(&x.pass, limit.NewKey(x.request.Client), x, x.call.start, waits) {
	case limit.Through:
		x.gate = limits.gate
		return nil
	case limit.Full:
		return p.refusePlace(x)
	}
	err := x.awaitPlace(limits)
	switch {
	case err == nil:
		x.call.start = time.Now()
		return nil
	case errors.Is(err, errNoPlace):
		x.timer.Reset()
		x.turn.take(x.request.Account) // exchanges that have waited for equally long may all arrive at once
		return p.refusePlace(x)
	}
	return p.forwardFailed(x, err)
}

// awaitPlace waits for a place. The wait ends when its time is over, or when the exchange is cancelled.
func (x *exchange) awaitPlace(limits *routeLimits) error {
	err := x.await(limits.wait+placeSpare, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, limits.wait)
		defer cancel()
		if limits.gate.Await(&x.pass, ctx.Done()) {
			x.gate = limits.gate
		}
	})
	if err == nil && x.gate == nil {
		return errNoPlace
	}
	return err
}

// leaveGate frees the exchange's place as soon as the upstream has done its work (S-12.7).
func (x *exchange) leaveGate() {
	if x.gate != nil {
		x.gate.Leave(&x.pass)
		x.gate = nil
	}
}

// HeldUp implements limit.Owner.
func (x *exchange) HeldUp() (answering bool, heldUp time.Duration) {
	if since := x.call.blockedSince.Load(); since != 0 {
		heldUp = time.Duration(x.call.clock() - x.call.progress.since(&x.call, since))
	}
	return x.call.delivering.Load(), heldUp
}

// GiveWay implements limit.Owner.
func (x *exchange) GiveWay(cause limit.GaveWay) { x.call.end(&placeError{cause}) }

// placeError ends an exchange that must give its place to another client.
type placeError struct{ limit.GaveWay }

// Error implements the error interface.
func (e *placeError) Error() string {
	if e.Stalled {
		return "others wait for a place (concurrent), and the client has held this one up for longest"
	}
	return fmt.Sprintf("others wait for a place (concurrent), and the client has %d; its share is %d", e.Held, e.Share)
}

// placeLost returns why the exchange had to give up its place, or nil if it did not.
func (x *exchange) placeLost() *placeError {
	var lost *placeError
	if errors.As(x.cancelled(), &lost) {
		return lost
	}
	return nil
}

// refusePlace answers a request that has received no place, or has lost it before its response began.
func (p *pipeline) refusePlace(x *exchange) *answer {
	p.limitRefused(x, limit.Verdict{Limit: limit.OfConcurrent})
	return answerLater(statusServiceUnavailable, shareRetry)
}

// gaveUp reports whether an exchange whose response has begun was ended for the benefit of others. If so, it logs that.
func (p *pipeline) gaveUp(x *exchange) bool {
	if met := x.shareOf(nil); met != nil {
		p.gaveWay(x, met)
		return true
	}
	if x.placeLost() == nil {
		return false
	}
	p.limitRefused(x, limit.Verdict{Limit: limit.OfConcurrent})
	return true
}
