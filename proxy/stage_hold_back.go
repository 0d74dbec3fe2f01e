package proxy

import (
	"cmp"
	"context"
	"time"

	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/limit"
)

// These are the reasons in the log for which a request is held back.
const (
	errInMaintenance = "in maintenance"
	errPauseFull     = "too many requests wait for the end of the pause"
	errPauseCut      = "the process ended before the pause"
)

const (
	// maintenanceRetry is the Retry-After during a maintenance without a set end.
	maintenanceRetry = 5 * time.Minute
	// pauseRetry is the Retry-After for a request that cannot wait for the end of a pause.
	pauseRetry = 5 * time.Second
)

// holdBack holds back the requests for a site that an operator has paused or put into maintenance (S-14.9).
func (p *pipeline) holdBack(x *exchange) *answer {
	site := x.decision.site
	if site == nil || !site.holds.IsHeld() {
		return nil
	}
	allowed := &x.decision.route.config.Maintenance
	if on, left := site.holds.Maintenance(); on && !allowed.Admits(x.request.Client) {
		a := x.heldBack(errInMaintenance, left, maintenanceRetry)
		a.body, a.contentType = allowed.Body, allowed.Type
		return a
	}
	if x.decision.outcome != forwarded {
		return nil
	}
	return p.awaitResume(x, site.holds)
}

// heldBack returns the answer to a request that is held back for a reason. Its Retry-After is the value of left, or the value of
// unknown if left is 0.
func (x *exchange) heldBack(reason string, left, unknown time.Duration) *answer {
	x.site, x.problem = x.decision.site, reason
	return answerLater(statusServiceUnavailable, cmp.Or(left, unknown))
}

// awaitResume makes a request wait while its site is paused. It returns nil if the request may continue.
func (p *pipeline) awaitResume(x *exchange, site *hold.Site) *answer {
	x.turn.give()
	outcome := hold.GaveUp
	// The pause ends first, because it has its own timer.
	err := x.await(hold.MaxPause+time.Minute, func(ctx context.Context) {
		outcome = site.Wait(limit.NewKey(x.request.Client), ctx.Done())
	})
	x.turn.take(x.request.Account) // all requests that waited continue at once
	x.call.start = time.Now()
	switch outcome {
	case hold.Full:
		return x.heldBack(errPauseFull, 0, pauseRetry)
	case hold.Refused:
		return x.heldBack(errPauseCut, 0, pauseRetry)
	case hold.GaveUp:
		x.site = x.decision.site
		return x.clientGone(err)
	}
	return nil
}
