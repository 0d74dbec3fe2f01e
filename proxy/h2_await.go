package proxy

import (
	"bytes"
	"net/netip"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http2"
)

// AwaitRoom implements clientWriter. It does not wait for the client to take a few bytes, if the client accepts data at
// present. While many responses wait for their clients, it waits until the client accepts data, so that no more is read
// for a client than it accepts (S-12.8).
func (s *h2Stream) AwaitRoom(holder bufferHolder) error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.lookahead().crowded() {
		return s.awaitAccepted(holder)
	}
	few := s.pending() <= h2SmallBytes/2 && s.accepted() > 0
	if s.pending() == 0 || few {
		return nil
	}
	holder.setAside()
	return s.awaitTaken()
}

// awaitAccepted waits until the client has taken all pending data and accepts more. Meanwhile the stream holds no memory for
// the response. The caller holds mu.
func (s *h2Stream) awaitAccepted(holder bufferHolder) error {
	h := s.conn
	if !h.full && !hasRoom(uintptr(h.client.secure.fd)) {
		h.full = true
		h.wakeWriter()
	}
	if accepted := s.accepted(); accepted > 0 && s.pending() == 0 {
		holder.accepts(accepted)
		return nil
	}
	holder.setAside()
	if err := s.awaitTaken(); err != nil {
		return err
	}
	if err := s.awaitWindow(); err != nil {
		return err
	}
	holder.accepts(s.accepted())
	return nil
}

// accepted returns how many bytes of data the client accepts at present. It accepts none while its socket is full. If
// many responses wait, it also accepts none while a write is under way, because that write may have to wait too, or
// while output waits for the writer. The caller holds mu.
func (s *h2Stream) accepted() int64 {
	h := s.conn
	if h.full || h.client.socket.blocked.Load() {
		return 0
	}
	if (h.sending || h.out != nil && len(*h.out) > 0) && s.lookahead().crowded() {
		return 0
	}
	if h.isTiny() {
		return max(0, min(s.outWindow, h.sendWindow, leastRead))
	}
	return max(0, min(s.outWindow, h.sendWindow))
}

// lookahead returns the counts that bound what is read ahead, or nil if the stream holds no upstream connection. In
// that case the bound on parked answers applies.
func (s *h2Stream) lookahead() *lookahead {
	if conn := s.exchange.call.conn; conn != nil {
		return conn.lookahead
	}
	return nil
}

// awaitTaken waits until the writer has taken all pending data. The caller holds mu.
func (s *h2Stream) awaitTaken() error {
	s.offer()
	s.conn.wakeWriter()
	if s.pending() == 0 {
		return nil
	}
	ahead := s.beginWait()
	defer s.endWait(ahead)
	s.shrink()
	if s.park() {
		defer s.unpark()
	}
	for s.pending() > 0 {
		if err := s.blocked(); err != nil {
			s.direct = nil
			return err
		}
		s.sent.Wait()
	}
	return nil
}

// awaitWindow waits until the client accepts data. The caller holds mu.
func (s *h2Stream) awaitWindow() error {
	h := s.conn
	if s.accepted() > 0 {
		return nil
	}
	ahead := s.beginWait()
	defer s.endWait(ahead)
	s.shrink()
	h.awaiting++
	defer func() { h.awaiting-- }()
	for s.accepted() == 0 {
		if err := s.blocked(); err != nil {
			return err
		}
		s.sent.Wait()
	}
	return nil
}

// beginWait records that the exchange waits for its client, and endWait that it no longer does.
func (s *h2Stream) beginWait() *lookahead {
	ahead := s.lookahead()
	s.leaveHead()
	ahead.block()
	s.exchange.call.blocks()
	return ahead
}

func (s *h2Stream) endWait(ahead *lookahead) {
	s.exchange.call.unblocks()
	ahead.unblock()
}

// leaveHead gives back the place of a large head before the exchange waits for its client.
func (s *h2Stream) leaveHead() {
	if s.mayPark() {
		s.exchange.call.parkHead()
	} else {
		s.exchange.call.leaveHead()
	}
}

// queuePlace passes the place of the response's head, if it has one, on to the output. The caller holds mu.
func (s *h2Stream) queuePlace() {
	r := s.exchange.call.held()
	if r == nil || r.from == nil || r.waiting {
		return
	}
	s.conn.heads.hold(&r.from.heads)
	r.from = nil
	if s.conn.client.socket.blocked.Load() { // the write that waits has given back what there was before
		s.conn.heads.give()
	}
}

// shrink gives up memory that the pending data does not need, if many responses wait. The caller holds mu.
func (s *h2Stream) shrink() {
	if s.lookahead().crowded() && 2*(len(s.buffer)-s.start) <= cap(s.buffer) {
		rest := bytes.Clone(s.buffer[s.start:])
		s.giveRoom()
		s.buffer, s.start = rest, 0
	}
}

// wakeAwaiting wakes the streams that wait until the client accepts data. The caller holds mu.
func (h *h2Conn) wakeAwaiting() {
	if h.awaiting == 0 || h.sendWindow <= 0 {
		return
	}
	for _, open := range h.streams {
		open.stream.sent.Broadcast()
	}
}

// blocked returns why a call must not wait any longer, or nil. The caller holds mu.
func (s *h2Stream) blocked() error {
	switch {
	case s.gone || s.conn.dead:
		return errStreamGone
	case s.stopWriting:
		return errInterrupted
	}
	return nil
}

// park adds the stream to the parked answers when it begins to wait for its client and holds no upstream connection, or
// a response that takes much memory. The caller holds mu, which park releases while other streams are evicted. park
// reports whether it has added the stream.
func (s *h2Stream) park() bool {
	h := s.conn
	large := s.exchange.call.unusual()
	if !s.mayPark() || s.exchange.call.conn != nil && large == 0 {
		return false // the shares of upstream connections bound these streams
	}
	// A large head counts twice, for the answer's buffer and for the output.
	cost := parkedStreamBytes + int64(cap(s.buffer)+len(s.direct)+s.head.Memory()+2*large)
	s.place.conn, s.place.client, s.place.stream, s.parked = h, s.request.Client, s.id, true
	if !h.server.registry.parked.enter(&s.place, s.request.Account, cost) {
		return true
	}
	h.mu.Unlock()
	h.server.evictParked()
	h.mu.Lock()
	return true
}

// mayPark reports whether the stream may be added to the parked answers.
func (s *h2Stream) mayPark() bool { return s.request.Account != nil && !s.switched }

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
