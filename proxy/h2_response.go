package proxy

import (
	"sync"

	"reverse-proxy/proxy/http2"
)

// h2SmallBytes is how much of a body a stream gathers before its exchange waits for the client to take it. A response of
// no more goes out in one piece, with its head.
const h2SmallBytes = 16 << 10

// h2Answer is the response as the exchange makes it; its goroutine's own.
type h2Answer struct {
	// headed tells that Head was called and the head not queued yet: it goes with the first part of the body. Until then
	// the fields are what the caller of Head has.
	headed   bool
	status   int
	fields   Fields
	length   int64
	bodyless bool
	// closing tells that the request's body was not read to its end when the response began.
	closing bool
}

func (a *h2Answer) reset() { *a = h2Answer{} }

// h2Pending is data of a response that waits for its turn: buffer first, then direct, which is the exchange's own and
// waits for it.
type h2Pending struct {
	buffer    []byte
	start     int
	direct    []byte
	outWindow int64
	priority  http2.Priority
	scheduled bool
	// ending tells that the response ends with what is pending, with the fields of tail as trailers if there are any.
	ending bool
	tail   Fields
	// offered tells that what is pending is to be sent as soon as the windows let it.
	offered bool
	// progress tells that data was sent since Moving was asked last.
	progress bool
	sent     sync.Cond
}

func (p *h2Pending) reset(mu *sync.Mutex) {
	*p = h2Pending{buffer: p.buffer[:0]}
	p.sent.L = mu
}

// pending returns how many bytes wait.
func (p *h2Pending) pending() int { return len(p.buffer) - p.start + len(p.direct) }

// Inform implements clientWriter.
func (s *h2Stream) Inform(status int, fields Fields) error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.queueHead(status, fields, -1, false); err != nil {
		return err
	}
	h.wakeWriter()
	return nil
}

// Head implements clientWriter.
func (s *h2Stream) Head(status int, fields Fields, length int64, closing bool) error {
	s.closing = closing
	s.bodyless = s.request.Method == "HEAD" || status == 204 || status == 304
	if status == 204 {
		length = -1
	}
	if s.webSocketKey != "" && status < 300 {
		// A success would tell the client that the upstream speaks WebSocket, which it has not said (RFC 8441, section 5).
		status, fields, length, s.bodyless = statusBadGateway, nil, 0, true
	}
	s.headed, s.status, s.fields, s.length = true, status, fields, length
	return nil
}

// Write implements clientWriter.
func (s *h2Stream) Write(p []byte) (int, error) {
	if s.bodyless {
		return len(p), nil
	}
	if s.headed && len(s.buffer)+len(p) <= h2SmallBytes {
		s.buffer = append(s.buffer, p...) // nobody else looks at it before the head is queued
		return len(p), nil
	}
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.queueHeaded(false); err != nil {
		return 0, err
	}
	if s.start > 0 && s.start == len(s.buffer) {
		s.buffer, s.start = s.buffer[:0], 0
	}
	if len(s.buffer)+len(p) <= h2SmallBytes {
		s.buffer = append(s.buffer, p...)
		return len(p), nil
	}
	s.direct = p
	if err := s.drain(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush implements clientWriter.
func (s *h2Stream) Flush() error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.queueHeaded(false); err != nil {
		return err
	}
	s.offer()
	h.wakeWriter()
	return nil
}

// End implements clientWriter. It returns when all data was taken to be written, so that the stream is in flight until
// then.
func (s *h2Stream) End(trailers Fields) error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	empty := s.pending() == 0
	if s.headed && empty && len(trailers) == 0 {
		if err := s.queueHeaded(true); err != nil {
			return err
		}
		*h.buffer() = s.close(*h.buffer())
		h.wakeWriter()
		return nil
	}
	if err := s.queueHeaded(false); err != nil {
		return err
	}
	s.ending, s.tail = true, trailers
	if empty {
		*h.buffer() = s.appendEnd(*h.buffer(), nil)
		h.wakeWriter()
		return nil
	}
	return s.drain()
}

// drain waits until all that is pending was taken. The caller holds mu.
func (s *h2Stream) drain() error {
	h := s.conn
	s.offer()
	h.wakeWriter()
	for s.pending() > 0 {
		if err := s.blocked(); err != nil {
			s.direct = nil
			return err
		}
		s.sent.Wait()
	}
	return nil
}

// blocked tells why a call may wait no longer, or nil. The caller holds mu.
func (s *h2Stream) blocked() error {
	switch {
	case s.gone || s.conn.dead:
		return errStreamGone
	case s.stopWriting:
		return errInterrupted
	}
	return nil
}

// queueHeaded queues the head if that was not done yet. The caller holds mu.
func (s *h2Stream) queueHeaded(end bool) error {
	if !s.headed {
		return s.blocked()
	}
	s.headed = false
	err := s.queueHead(s.status, s.fields, s.length, end)
	s.fields = nil
	return err
}

// queueHead queues the head of a response, which waits where too much waits already. The caller holds mu.
func (s *h2Stream) queueHead(status int, fields Fields, length int64, end bool) error {
	h := s.conn
	for {
		if err := s.blocked(); err != nil {
			return err
		}
		if h.out == nil || len(*h.out) < h2QueueBytes {
			break
		}
		h.waiting++
		h.room.Wait()
		h.waiting--
	}
	buffer := h.buffer()
	out, at := *buffer, len(*buffer)
	out = append(out, make([]byte, http2.HeaderBytes)...)
	out = h.encoder.AppendStatus(out, status)
	for i := range fields {
		out = h.encoder.AppendField(out, fields[i].Name, fields[i].Value)
	}
	if length >= 0 {
		out = h.encoder.AppendContentLength(out, length)
	}
	*buffer = http2.FinishHeaders(out, at, s.id, end, h.peer.MaxFrame)
	h.earned++
	return nil
}

// offer queues what is pending where its turn has come, and schedules it otherwise. The caller holds mu.
func (s *h2Stream) offer() {
	h := s.conn
	n := int64(s.pending())
	if n == 0 || s.scheduled {
		return
	}
	s.offered = true
	if s.outWindow <= 0 {
		return
	}
	if h.schedule.empty() && s.direct == nil && n <= s.outWindow && n <= h.sendWindow && len(*h.buffer()) < h2BatchBytes {
		for s.pending() > 0 {
			*h.buffer() = s.appendData(*h.buffer())
		}
		return
	}
	h.schedule.add(s)
}

// appendData appends one frame of what is pending, as far as the windows let it, and what ends the response behind the
// last; it schedules what is left. The caller holds mu, and has taken the stream out of the schedule.
func (s *h2Stream) appendData(out []byte) []byte {
	h := s.conn
	data := s.direct
	if s.start < len(s.buffer) {
		data = s.buffer[s.start:]
	}
	n := min(len(data), h2DataBytes, h.peer.MaxFrame, int(min(s.outWindow, h.sendWindow, http2.MaxFrameBytes)))
	data = data[:n]
	if s.start < len(s.buffer) {
		s.start += n
	} else if s.direct = s.direct[n:]; len(s.direct) == 0 {
		s.direct = nil
	}
	s.outWindow -= int64(n)
	h.sendWindow -= int64(n)
	h.earned++
	s.progress = true
	if s.pending() > 0 {
		if s.outWindow > 0 {
			h.schedule.add(s)
		}
		return http2.AppendData(out, s.id, data, false)
	}
	s.offered = false
	s.sent.Broadcast()
	if s.ending {
		return s.appendEnd(out, data)
	}
	return http2.AppendData(out, s.id, data, false)
}

// appendEnd appends the last data and the end of the response. The caller holds mu.
func (s *h2Stream) appendEnd(out, data []byte) []byte {
	h := s.conn
	if len(s.tail) == 0 {
		return s.close(http2.AppendData(out, s.id, data, true))
	}
	if len(data) > 0 {
		out = http2.AppendData(out, s.id, data, false)
	}
	at := len(out)
	out = append(out, make([]byte, http2.HeaderBytes)...)
	out = h.encoder.Begin(out)
	for i := range s.tail {
		out = h.encoder.AppendField(out, s.tail[i].Name, s.tail[i].Value)
	}
	return s.close(http2.FinishHeaders(out, at, s.id, true, h.peer.MaxFrame))
}

// close says that the response has ended, and appends the reset of a stream the rest of whose body nobody reads (S-6.13;
// RFC 9113, section 8.1): right behind the end, so that its client sees both together. A tunnel goes on in the other
// direction. When both are closed the stream is so for its client, and another one may take its place. The caller holds mu.
func (s *h2Stream) close(out []byte) []byte {
	s.localClosed = true
	if !s.remoteClosed && !s.closing {
		return out
	}
	s.done = true
	s.conn.done++
	if s.remoteClosed || s.gone {
		return out
	}
	s.resetQueued = true
	return http2.AppendRSTStream(out, s.id, http2.NoError)
}

// Interrupt implements clientWriter.
func (s *h2Stream) Interrupt(writing bool) {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	s.stopReading = true
	s.arrived.Broadcast()
	if writing {
		s.stopWriting = true
		s.sent.Broadcast()
		if h.waiting > 0 {
			h.room.Broadcast()
		}
	}
}

// Gone implements clientWriter.
func (s *h2Stream) Gone() bool {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.gone
}

// Moving implements clientWriter: data was sent, or could be if what was sent before were not still on its way, and that
// moves. A stream whose window the client does not open does not move.
func (s *h2Stream) Moving() bool {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.progress {
		s.progress = false
		return true
	}
	return s.outWindow > 0 && h.sendWindow > 0 && h.kernelMoves()
}

// kernelMoves reports whether bytes have left the kernel since the sweep before, for all streams that ask in one sweep.
// The caller holds mu.
func (h *h2Conn) kernelMoves() bool {
	if now := h.now(); now != h.looked {
		h.looked = now
		if h.client.moving() {
			h.moved = now
		}
	}
	return h.moved == h.looked
}
