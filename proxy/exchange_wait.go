package proxy

import (
	"context"
	"os"
	"time"

	"reverse-proxy/proxy/deadline"
)

// await calls wait, whose context ends when the exchange is cancelled, and so also when the client leaves or when most has
// passed. The context has ended already if the exchange was cancelled before, or has run out of time. await returns that
// cause, or nil. The caller has given its turn back.
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
