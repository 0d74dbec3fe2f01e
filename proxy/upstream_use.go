package proxy

import "reverse-proxy/proxy/http1"

// seenUse is what is observed of an exchange with the upstream while it is in progress.
type seenUse struct {
	// expects reports whether the request is sent with an Expect, and invited whether a 100 has come.
	expects, invited bool
	// offers reports whether a response, interim or final, offers to authenticate the connection.
	offers bool
	// early reports whether the final response came before the last write of the request had begun, and overlapped whether
	// it came while that write may still have been in progress.
	early, overlapped bool
}

// head records what the head of a response, interim or final, says before its fields are cleaned.
func (s *seenUse) head(x *exchange, head *http1.Response) {
	s.offers = s.offers || offersConnectionAuth(head.Fields)
	switch {
	case head.Status == 100:
		s.invited = true
	case head.Status >= 200 && x.call.pump.running:
		s.early = !x.call.pump.last.Load()
		s.overlapped = len(x.call.pump.done) == 0
	}
}

// useOf returns what the exchange has done to the connection, once the response has been read to its end. It waits until the
// rest of the request is sent, or makes it stop.
func (x *exchange) useOf(conn *upstreamConn) upstreamUse {
	sent := x.endPump(conn)
	r, request := conn.upstreamResponse, x.request
	return upstreamUse{
		ownConnection: x.call.pin != nil,
		pinned:        conn.pinned,
		authenticates: authenticatesConnection(request.Fields) || sent && authenticatesConnection(x.sentTrailers()),
		strayBody:     x.body.source != nil && request.ContentLength != 0 && isStrayBody(request.Method),
		expects:       x.call.seen.expects,
		invited:       x.call.seen.invited,
		unsent:        !sent,
		early:         x.call.seen.early || x.call.seen.overlapped && x.call.pump.waited,
		offers:        x.call.seen.offers || offersConnectionAuth(r.body.trailers()),
		unfinished:    r.body.kind == http1.BodyUntilClose,
		closing:       !r.head.KeepAlive,
		surplus:       r.body.buffered() > 0,
		cancelled:     x.cancelled() != nil,
	}
}

// sentTrailers returns the trailer fields of a request that was sent in full.
func (x *exchange) sentTrailers() Fields {
	if x.body.source == nil {
		return nil
	}
	return x.body.trailers()
}
