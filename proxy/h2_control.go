package proxy

import (
	"maps"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http2"
)

// spend uses one unit of the allowance for a kind of frame. It returns the error that ends the connection if none is left.
// Only the reading goroutine calls it.
func (h *h2Conn) spend(kind h2Kind) *http2.Error {
	allowed := &h2Allowances[kind]
	if !h.budgets[kind].take(allowed.allowance, h.now()) {
		return &http2.Error{Code: http2.EnhanceYourCalm, Reason: allowed.breach}
	}
	return nil
}

// spendControl uses one unit of the allowance for control frames. The caller holds mu.
func (h *h2Conn) spendControl() *http2.Error {
	controls := &h.budgets[h2Controls]
	controls.left = min(h2Allowances[h2Controls].burst, controls.left+h2ControlsEarned*h.earned)
	h.earned = 0
	return h.spend(h2Controls)
}

// controlFrame acts on a frame that carries no request.
func (h *h2Conn) controlFrame(head http2.Header, p []byte) *http2.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if head.Type == http2.TypeWindowUpdate && h.updates > 0 {
		h.updates--
	} else if err := h.spendControl(); err != nil {
		return err
	}
	if h.flooded() {
		return &http2.Error{Code: http2.EnhanceYourCalm, Reason: "control frames whose answers are not read"}
	}
	switch head.Type {
	case http2.TypePing:
		data, err := http2.ParsePing(head, p)
		switch {
		case err != nil:
			return err
		case !head.Has(http2.FlagAck):
			h.control(http2.AppendPing(*h.buffer(), data, true))
		case h.draining && data == drainPing():
			h.lastGoAway()
		}
	case http2.TypeWindowUpdate:
		return h.windowUpdate(head, p)
	case http2.TypePriority:
		err := http2.CheckPriority(head, p)
		if err != nil && err.Stream != 0 && h.lookUp(err.Stream) == nil {
			return nil // an idle or closed stream is not reset (RFC 9113, sections 5.1 and 6.4)
		}
		return err
	case http2.TypePriorityUpdate:
		id, value, err := http2.ParsePriorityUpdate(head, p)
		if err != nil {
			return err
		}
		return h.prioritise(id, http2.ParsePriority(value))
	}
	return nil
}

// windowUpdate opens a window. The caller holds mu.
func (h *h2Conn) windowUpdate(head http2.Header, p []byte) *http2.Error {
	increment, err := http2.ParseWindowUpdate(head, p)
	if err != nil && err.Stream == 0 {
		return err
	}
	if head.Stream != 0 {
		if idle := h.checkIdle(head.Stream); idle != nil {
			return idle
		}
		if h.lookUp(head.Stream) == nil {
			return nil // the frame was sent before the client learned of the stream's end
		}
	}
	if err != nil {
		return err
	}
	if head.Stream == 0 {
		if h.sendWindow += int64(increment); h.sendWindow > http2.MaxWindow {
			return &http2.Error{Code: http2.FlowControlError, Reason: "the window of the connection overflows"}
		}
		h.wakeAwaiting()
		return nil
	}
	s := h.lookUp(head.Stream)
	if s.outWindow += int64(increment); s.outWindow > http2.MaxWindow {
		return &http2.Error{Code: http2.FlowControlError, Stream: head.Stream, Reason: "the window of a stream overflows"}
	}
	s.resume()
	return nil
}

// resume schedules data that a closed window had held up, or wakes a stream that waits for the window. The caller holds mu.
func (s *h2Stream) resume() {
	switch {
	case s.outWindow <= 0:
	case s.offered && s.pending() > 0: // before the data is offered, it belongs to the exchange
		s.conn.schedule.add(s)
	case s.conn.awaiting > 0:
		s.sent.Broadcast()
	}
}

// checkIdle returns an error for a frame on a stream that the client has not begun, or that no client can begin. The
// caller holds mu.
func (h *h2Conn) checkIdle(id uint32) *http2.Error {
	if id > h.newest || id%2 == 0 {
		return &http2.Error{Code: http2.ProtocolError, Reason: "a frame on a stream that was not begun"}
	}
	return nil
}

// prioritise changes the priority of a stream, or remembers it for a future one. The caller holds mu.
func (h *h2Conn) prioritise(id uint32, priority http2.Priority) *http2.Error {
	switch s := h.lookUp(id); {
	case id%2 == 0:
		return &http2.Error{Code: http2.ProtocolError, Reason: "PRIORITY_UPDATE for a stream that no client begins"}
	case s != nil:
		scheduled := s.scheduled
		h.schedule.remove(s)
		s.priority = priority
		if scheduled {
			h.schedule.add(s)
		}
	case id > h.newest:
		if h.priorities == nil {
			h.priorities = map[uint32]http2.Priority{}
		}
		if len(h.priorities) >= h2PriorityUpdates { // entries for streams that were skipped make room
			maps.DeleteFunc(h.priorities, func(id uint32, _ http2.Priority) bool { return id <= h.newest })
		}
		if len(h.priorities) < h2PriorityUpdates {
			h.priorities[id] = priority
		}
	}
	return nil
}

// settingsFrame applies the client's settings.
func (h *h2Conn) settingsFrame(head http2.Header, p []byte) *http2.Error {
	if err := h.spend(h2SettingsFrames); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.peer.InitialWindow
	ack, err := h.peer.Apply(head, p)
	if err != nil || ack {
		return err
	}
	h.encoder.SetTableSize(h.peer.HeaderTableSize)
	if change := h.peer.InitialWindow - before; change != 0 {
		for _, open := range h.streams {
			s := open.stream
			if s.outWindow += change; s.outWindow > http2.MaxWindow {
				return &http2.Error{Code: http2.FlowControlError, Reason: "SETTINGS_INITIAL_WINDOW_SIZE makes a window overflow"}
			}
			if s.outWindow <= 0 {
				h.schedule.remove(s)
			}
			s.resume()
		}
	}
	h.control(http2.AppendSettingsAck(*h.buffer()))
	if !h.greeted {
		h.greeted = true
		h.heading = false
		h.idleSince = h.now()
		h.client.timer.Set(deadline.PhaseFirst, h.server.idleTimeout)
	}
	return nil
}
