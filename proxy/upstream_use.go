package proxy

import "reverse-proxy/proxy/http1"

// seenUse is what was observed of a call while it was in progress.
type seenUse struct {
	// expects reports whether the request is sent with an Expect, and invited whether a 100 has arrived.
	expects, invited bool
	// offers reports whether a response, interim or final, offers to authenticate the connection.
	offers bool
	// early reports whether the final response came before the last write of the request had begun. overlapped reports
	// whether it came while that write may still have been in progress.
	early, overlapped bool
}

// head records what the head of a response, interim or final, says before its fields are cleaned.
func (s *seenUse) head(pump *bodyPump, head *http1.Response) {
	s.offers = s.offers || offersConnectionAuth(head.Fields)
	switch {
	case head.Status == 100:
		s.invited = true
	case head.Status >= 200 && pump.running:
		s.early = !pump.last.Load()
		s.overlapped = len(pump.done) == 0
	}
}

// useOf returns what the call has done to the connection, once the response has been read to its end. It waits until
// the rest of the request has been sent, or stops the sending.
func (c *upstreamCall) useOf(conn *upstreamConn) upstreamUse {
	sent := c.endPump(conn)
	r, request := conn.upstreamResponse, c.request
	return upstreamUse{
		ownConnection: c.pin != nil,
		pinned:        conn.pinned || c.to.config.UpstreamProxy.Named(),
		authenticates: authenticatesConnection(request.Fields) || sent && authenticatesConnection(c.sentTrailers()),
		strayBody:     c.body.source != nil && request.ContentLength != 0 && isStrayBody(request.Method),
		expects:       c.seen.expects,
		invited:       c.seen.invited,
		unsent:        !sent,
		early:         c.seen.early || c.seen.overlapped && c.pump.waited,
		offers:        c.seen.offers || offersConnectionAuth(r.body.trailers()),
		unfinished:    r.body.kind == http1.BodyUntilClose,
		closing:       !r.head.KeepAlive,
		surplus:       r.body.buffered() > 0,
		cancelled:     c.cancelled() != nil,
	}
}

// sentTrailers returns the trailer fields of a request that was sent in full.
func (c *upstreamCall) sentTrailers() Fields {
	if c.body.source == nil {
		return nil
	}
	return c.body.trailers()
}
