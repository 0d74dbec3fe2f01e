package proxy

import (
	"slices"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/http2"
)

// h2SmallBytes is how many bytes of a body a stream buffers before its exchange waits for the client to take them. A
// smaller response is sent in one piece, with its head.
const h2SmallBytes = 16 << 10

// h2Answer is the response as the exchange writes it. It belongs to the exchange's goroutine.
type h2Answer struct {
	// headed reports whether Head was called but the head is not queued yet: the head is sent with the first part of
	// the body. Until then, fields still belongs to the caller of Head.
	headed   bool
	status   int
	fields   Fields
	length   int64
	bodyless bool
	// switched reports whether the stream has become a tunnel, whose two directions end separately.
	switched bool
}

func (a *h2Answer) reset() { *a = h2Answer{} }

// Inform implements clientWriter.
func (s *h2Stream) Inform(status int, _ string, fields Fields) error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := s.queueHead(status, fields, -1, false); err != nil {
		return err
	}
	h.wakeWriter()
	return nil
}

// Head implements clientWriter. It ignores close: a stream whose body was not read is reset after its response.
func (s *h2Stream) Head(status int, _ string, fields Fields, length int64, _ bool) error {
	s.bodyless = s.request.Method == "HEAD" || status == 204 || status == 304
	if status == 204 {
		length = -1
	}
	if s.webSocketKey != "" && status < 300 {
		// A success would tell the client that the upstream speaks WebSocket. The upstream has not confirmed that (RFC
		// 8441, section 5).
		status, fields, length, s.bodyless = statusBadGateway, Fields{{Name: "Date", Value: fields.Get("Date")}}, 0, true
		s.exchange.ruleResponse(&fields)
	}
	s.headed, s.status, s.fields, s.length = true, status, fields, length
	return nil
}

// Misdirected implements clientWriter. It drains the connection if the handshake was for the host, and keeps it
// otherwise.
func (s *h2Stream) Misdirected(host string) {
	if c := s.conn.client; c.tls != nil && cert.NormalName(c.tls.ConnectionState().ServerName) == host {
		s.conn.drain()
	}
}

// Write implements clientWriter.
func (s *h2Stream) Write(p []byte) (int, error) {
	if s.bodyless {
		return len(p), nil
	}
	if s.headed && len(s.buffer)+len(p) <= h2SmallBytes {
		s.makeRoom(len(p))
		s.buffer = append(s.buffer, p...) // no other goroutine reads it before the head is queued
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
		s.makeRoom(len(p))
		s.buffer = append(s.buffer, p...)
		return len(p), nil
	}
	s.direct = p
	if err := s.awaitTaken(); err != nil {
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

// End implements clientWriter. It returns only when the writer has taken all data, so the stream is in flight until
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
		s.settle()
		h.wakeWriter()
		return nil
	}
	if err := s.queueHeaded(false); err != nil {
		return err
	}
	s.ending, s.tail = true, trailers
	if len(trailers) == 0 {
		s.exchange.call.releaseResponse() // everything was copied, and the client may be slow
	}
	if empty {
		*h.buffer() = s.appendEnd(*h.buffer(), nil)
		s.settle()
		h.wakeWriter()
		return nil
	}
	return s.awaitTaken()
}

// queueHeaded queues the head if it is not queued yet. The caller holds mu.
func (s *h2Stream) queueHeaded(end bool) error {
	if !s.headed {
		return s.blocked()
	}
	s.headed = false
	err := s.queueHead(s.status, s.fields, s.length, end)
	s.fields = nil
	return err
}

// queueHead queues the head of a response, and waits first if too much output is queued. The caller holds mu.
func (s *h2Stream) queueHead(status int, fields Fields, length int64, end bool) error {
	h := s.conn
	most, room := h2QueueBytes, http2.HeaderBytes
	final := status >= 200 // an interim response may be sent while another goroutine reads the final one
	if final && s.exchange.call.unusual() > 0 {
		most = h2QueueBytes / 4  // such a head may fill it far beyond
		room = headBytes(fields) // else it would outgrow one buffer after the other
	}
	for {
		if err := s.blocked(); err != nil {
			return err
		}
		if h.out == nil || len(*h.out) < most {
			break
		}
		if final && !s.parked && s.park() {
			defer s.unpark()
			continue // there may be room now
		}
		h.waiting++
		if final {
			s.leaveHead()
		}
		s.exchange.call.blocks()
		h.room.Wait()
		s.exchange.call.unblocks()
		h.waiting--
	}
	if h.server.draining() {
		h.firstGoAway() // GOAWAY comes before the head, just as Connection: close is part of the head over HTTP/1.1
	}
	buffer := h.makeRoom(room)
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
	if final {
		s.queuePlace()
	}
	return nil
}

// makeRoom makes room for n more bytes in the output, and returns the output. For a large head, it moves the output to a buffer
// of such heads' pool if both fit there. The caller holds mu.
func (h *h2Conn) makeRoom(n int) *[]byte {
	out := h.buffer()
	if need := len(*out) + n; n > upstreamBufferBytes && need > cap(*out) && need <= largeHeadBytes && !h.client.socket.blocked.Load() {
		h.out = h.moveTo(largeHeadBuffers.Get().(*[]byte), out)
		return h.out
	}
	*out = slices.Grow(*out, n)
	return out
}

// headBytes returns an upper estimate of the bytes of a head with the fields when it is encoded.
func headBytes(fields Fields) int {
	const (
		perField = 8  // the two lengths, and a share of the headers of frames
		others   = 64 // the status and the length of the content
	)
	n := others
	for i := range fields {
		n += perField + len(fields[i].Name) + len(fields[i].Value)
	}
	return n
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

// Resume implements clientWriter.
func (s *h2Stream) Resume() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.stopWriting = false
}

// Gone implements clientWriter.
func (s *h2Stream) Gone() bool {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.gone
}

// Progressed implements clientWriter. There was progress if data was sent. There was also progress if the windows are
// open and the client takes earlier output, which goes first. A stream makes no progress while the client keeps its
// window closed.
func (s *h2Stream) Progressed() bool {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.progress {
		s.progress = false
		return true
	}
	return s.outWindow > 0 && h.sendWindow > 0 && h.client.progressed()
}
