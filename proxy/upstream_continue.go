package proxy

import "time"

// continueWait is how long the proxy waits for the upstream's 100 (Continue) before it sends the client one itself. An
// upstream that does not know the mechanism waits for the body, so the client would otherwise wait until its own
// timeout (RFC 9110, section 10.1.1).
const continueWait = time.Second

// awaitContinue handles a client that has announced a body with `Expect: 100-continue`. It waits until the upstream has
// sent its 100, and sends one itself if the upstream sends nothing. The stages have accepted the request by then, so no
// client is invited to send a body that is then refused.
func (c *upstreamCall) awaitContinue() {
	if !c.request.Continue {
		return
	}
	timer := time.NewTimer(continueWait)
	defer timer.Stop()
	select {
	case <-c.goOn:
		return
	case <-timer.C:
		c.owner.inform(100, "", nil)
	}
}

// toldToContinue passes the upstream's 100 on to a client that waits for it; other clients have no use for it.
func (c *upstreamCall) toldToContinue() {
	if !c.request.Continue {
		return
	}
	c.owner.inform(100, "", nil)
	c.endContinue()
}

// endContinue ends the wait.
func (c *upstreamCall) endContinue() {
	select {
	case c.goOn <- struct{}{}:
	default:
	}
}
