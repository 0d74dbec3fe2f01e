package proxy

import "bytes"

// AwaitRoom implements clientWriter. A few bytes need not be waited for unless the client is known to take nothing. While
// many other responses wait for their clients, no more is read for a client than it accepts (S-12.8).
func (s *h2Stream) AwaitRoom(holder bufferHolder) error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.longs().crowded() {
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
	accepted, pending := s.accepted(), int64(s.pending())
	if accepted >= pending+leastRead || accepted > 0 && pending == 0 {
		holder.accepts(accepted - pending)
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

// accepted returns how many bytes of data the client accepts at present. The caller holds mu.
func (s *h2Stream) accepted() int64 {
	if s.conn.full || s.conn.client.socket.blocked.Load() {
		return 0
	}
	return max(0, min(s.outWindow, s.conn.sendWindow))
}

// longs returns what counts the responses that wait for their clients, or nil if the stream holds no upstream connection: then
// the bound on parked answers applies.
func (s *h2Stream) longs() *longBodies {
	if conn := s.exchange.call.conn; conn != nil {
		return conn.longs
	}
	return nil
}

// awaitTaken waits until all pending data is taken. The caller holds mu.
func (s *h2Stream) awaitTaken() error {
	s.offer()
	s.conn.wakeWriter()
	if s.pending() == 0 {
		return nil
	}
	longs := s.beginWait()
	defer s.endWait(longs)
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
	longs := s.beginWait()
	defer s.endWait(longs)
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
func (s *h2Stream) beginWait() *longBodies {
	longs := s.longs()
	longs.block()
	s.exchange.call.blocks()
	return longs
}

func (s *h2Stream) endWait(longs *longBodies) {
	s.exchange.call.unblocks()
	longs.unblock()
}

// shrink gives up memory that the pending data does not need, if many responses wait. The caller holds mu.
func (s *h2Stream) shrink() {
	if s.longs().crowded() && 2*(len(s.buffer)-s.start) <= cap(s.buffer) {
		s.buffer, s.start = bytes.Clone(s.buffer[s.start:]), 0
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
