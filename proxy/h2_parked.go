package proxy

import (
	"net/netip"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http2"
)

// park adds the stream to the parked answers when it begins to wait for its client and holds no upstream connection.
// The caller holds mu, which park releases while other streams are evicted. It reports whether the stream was added.
func (s *h2Stream) park() bool {
	h := s.conn
	if s.request.Account == nil || s.exchange.call.conn != nil || s.switched {
		return false // the shares of upstream connections bound these streams
	}
	cost := parkedStreamBytes + int64(cap(s.buffer)+len(s.direct)+s.head.Memory())
	s.place.conn, s.place.client, s.place.stream, s.parked = h, s.request.Client, s.id, true
	if !h.server.registry.parked.enter(&s.place, s.request.Account, cost) {
		return true
	}
	h.mu.Unlock()
	h.server.evictParked()
	h.mu.Lock()
	return true
}

// unpark removes the stream from the parked answers. The caller holds mu.
func (s *h2Stream) unpark() {
	s.parked = false
	s.conn.server.registry.parked.leave(&s.place)
}

// evictParked resets parked answers until the rest fit. The caller holds no lock.
func (server *siteServer) evictParked() {
	parked := &server.registry.parked
	for {
		victim, ok := parked.victim()
		if !ok {
			return
		}
		if victim.conn.evict(victim.stream) {
			logParked(server.log, victim.client, victim.held, parked.limit)
		}
	}
}

// logParked logs that an answer was evicted, and how many bytes its client held.
func logParked(log *eventlog.Logger, client netip.Addr, held, limit int64) {
	log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "parked", Host: shareHolder(client)}, "ANSWER_SHARE",
		eventlog.Addr("client_ip", client), eventlog.Int("held", int(held)), eventlog.Int("share", int(limit/4)))
}

// evict resets a stream that waits for its client. It reports whether the stream was still waiting.
func (h *h2Conn) evict(stream uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.lookUp(stream)
	if s == nil || s.gone || !s.parked {
		return false
	}
	s.evicted = true
	h.reset(s, http2.Cancel)
	h.wakeWriter()
	return true
}
