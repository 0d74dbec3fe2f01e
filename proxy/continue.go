package proxy

import "time"

// continueWait is how long a client that waits for 100 (Continue) is left to its upstream's word. An upstream that knows
// nothing of it waits for the body, and the client would wait for its own time-out (RFC 9110, section 10.1.1).
const continueWait = time.Second

// awaitContinue waits, for a client that has announced a body with `Expect: 100-continue`, until the upstream has told it
// to go on, and tells it itself when the upstream says nothing. The stages have agreed by then: nobody is invited to send
// a body that is refused.
func (x *exchange) awaitContinue() {
	if !x.request.Continue {
		return
	}
	timer := time.NewTimer(continueWait)
	defer timer.Stop()
	select {
	case <-x.goOn:
		return
	case <-timer.C:
		x.inform(100, "", nil)
	}
}

// toldToContinue passes the upstream's 100 on to a client that waits for it; another has no use for it.
func (x *exchange) toldToContinue() {
	if !x.request.Continue {
		return
	}
	x.inform(100, "", nil)
	x.endContinue()
}

// inform sends an interim response, unless the final one was begun or the exchange is cancelled. A client that is gone is
// noticed by what follows.
func (x *exchange) inform(status int, reason string, fields Fields) {
	x.interim.Lock()
	defer x.interim.Unlock()
	if x.answered.Load() {
		return
	}
	x.informing.Store(true)
	defer x.informing.Store(false)
	if x.cancelled() == nil { // looked at after informing was set: a cancellation from here on interrupts the write
		_ = x.client.Inform(status, reason, fields)
	}
}

// endContinue ends the wait.
func (x *exchange) endContinue() {
	select {
	case x.goOn <- struct{}{}:
	default:
	}
}
