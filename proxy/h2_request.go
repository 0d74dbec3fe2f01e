package proxy

import (
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
	"reverse-proxy/proxy/limit"
)

// prepare sets up the exchange from the decoded head. The caller holds the connection's mu.
func (s *h2Stream) prepare(refused *http1.Error) {
	c, head, r := s.conn.client, &s.head, &s.request
	*r = c.newRequest()
	r.Protocol, r.Method, r.Target = HTTP2, head.Method, head.Path
	r.Authority, r.AuthorityConflict = head.Authority, head.Conflict
	r.Fields, r.Cookies = head.Fields, head.Cookies
	if head.Method == "CONNECT" && head.Protocol == "" {
		r.Target = head.Authority
	}
	switch {
	case head.Protocol != "":
		s.prepareConnect(&refused)
	case !s.remoteClosed:
		r.Body, r.ContentLength, r.Continue = s, head.ContentLength, head.ExpectContinue
		s.trailerNames = s.trailerNames[:0]
		if r.ContentLength < 0 && r.Fields.Has("trailer") {
			s.trailerNames = appendTrailerNames(s.trailerNames, r.Fields)
			r.TrailerNames = s.trailerNames
		}
	}
	s.refused = refused
	s.exchange.reset(r, s, &s.timer, s.conn.server.listener)
}

// startStream starts the exchange. The caller holds mu.
func (h *h2Conn) startStream(s *h2Stream) {
	h.incoming--
	h.running++
	if h.running == 1 {
		h.again = h.served && h.now()-h.idleSince < int64(h2WarmTime)
		if !h.heading {
			h.goOn(deadline.PhaseStreams, h.server.pipeline.bodyIdle)
		}
	}
	h.server.registry.room.enter()
	if s.queue = s.request.Account.intake(); s.queue != nil {
		s.queue.queue()
	}
	h.launch(s)
}

// malformed accounts for a stream that was reset because of a client error. The error costs the client a token, as a
// request does. An error without a token is not logged, so a flood of errors does not fill the log. refused reports
// that no exchange had begun, so that the request is counted nowhere else.
func (p *pipeline) malformed(c *clientConn, failed *http2.Error, refused bool) {
	var allowed bool
	if c.server.trusts(c.peerAddr) { // the stream may belong to any of the proxy's clients
		allowed = p.takeUnnamed(c.peerAddr).OK
	} else {
		allowed, _ = p.limits.limiter.Allow(c.peerAddr, p.dynamic.Load().RateLimit)
	}
	switch {
	case refused:
		p.metrics.refused(HTTP2, statusBadRequest, !allowed)
	case !allowed:
		p.metrics.process.lanes[0].limited.Add(1)
	}
	if !allowed {
		p.limits.file.refused[limit.OfClient].Add(1)
		return
	}
	p.log.Log(eventlog.LevelInfo, "BAD_REQUEST", eventlog.Str("client_ip", c.peerText), eventlog.Int("status", statusBadRequest), eventlog.Str("error", failed.Reason))
}
