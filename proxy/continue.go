package proxy

import "time"

// continueWait is how long a client that waits for 100 (Continue) is left to wait for the upstream's. An upstream that
// does not know the mechanism waits for the body, and the client would wait for its own time-out (RFC 9110, section
// 10.1.1).
const continueWait = time.Second

// awaitContinue handles a client that has announced a body with `Expect: 100-continue`. It waits until the upstream has
// sent its 100, and sends one itself if the upstream says nothing. By then the stages have accepted the request: no
// client is invited to send a body that is then refused.
func (x *exchange) awaitContinue() {
	if !x.request.Continue {
		return
	}
	timer := time.NewTimer(continueWait)
	defer timer.Stop()
	select {
	case <-x.call.goOn:
		return
	case <-timer.C:
		x.inform(100, "", nil)
	}
}

// toldToContinue passes the upstream's 100 on to a client that waits for it; other clients have no use for it.
func (x *exchange) toldToContinue() {
	if !x.request.Continue {
		return
	}
	x.inform(100, "", nil)
	x.endContinue()
}

// inform sends an interim response, unless the final one has begun or the exchange is cancelled. Later steps notice a
// client that is gone.
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

// endContinue ends the wait.
func (x *exchange) endContinue() {
	select {
	case x.call.goOn <- struct{}{}:
	default:
	}
}
