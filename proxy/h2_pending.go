package proxy

import (
	"sync"

	"reverse-proxy/proxy/http2"
)

// h2Pending is the data of a response that waits for its turn: first that in buffer, then that in direct. The memory of
// direct belongs to the exchange, which waits until direct is sent.
type h2Pending struct {
	buffer []byte
	start  int
	// lent is the pool's buffer behind buffer, or nil if buffer is a small one of the stream's own.
	lent      *[]byte
	direct    []byte
	outWindow int64
	priority  http2.Priority
	scheduled bool
	// ending reports whether the response ends after the pending data. tail holds its trailers, if there are any.
	ending bool
	tail   Fields
	// offered reports whether pending data is to be sent as soon as the windows allow.
	offered bool
	// progress reports whether data was sent since the last call of Progressed.
	progress bool
	sent     sync.Cond
}

func (p *h2Pending) reset(mu *sync.Mutex) {
	*p = h2Pending{buffer: p.buffer[:0]}
	p.sent.L = mu
}

// h2OwnBytes is the most that a stream buffers without a buffer of the pool. A stream keeps its own buffer for later requests,
// and holds it while these wait for their upstreams, so it must be small (S-12.8).
const h2OwnBytes = 2 << 10

// makeRoom makes room for n more bytes in the buffer, at most h2SmallBytes in all.
func (p *h2Pending) makeRoom(n int) {
	if n += len(p.buffer); n <= h2OwnBytes || p.lent != nil {
		return
	}
	p.lent = outBuffers.Get().(*[]byte)
	p.buffer = append((*p.lent)[:0], p.buffer...)
}

// giveRoom gives the pool's buffer back. Its bytes must not be needed any more.
func (p *h2Pending) giveRoom() {
	if p.lent != nil {
		putOutBuffer(p.lent)
		p.lent, p.buffer, p.start = nil, nil, 0
	}
}

// pending returns how many bytes wait.
func (p *h2Pending) pending() int { return len(p.buffer) - p.start + len(p.direct) }

// offer queues pending data if its turn has come, and schedules it otherwise. The caller holds mu.
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
	if h.schedule.empty() && s.direct == nil && n <= s.outWindow && n <= h.sendWindow && !h.client.socket.blocked.Load() &&
		len(*h.buffer()) < h.batchBytes() && roomForData(*h.buffer()) >= int(n) {
		for s.pending() > 0 {
			*h.buffer() = s.appendData(*h.buffer())
			s.settle()
		}
		h.schedule.remove(s) // if the data needs more than one frame, appendData has scheduled the stream
		return
	}
	h.schedule.add(s)
}

// roomForData returns the longest payload of a DATA frame that may be appended to a batch. Data hardly enlarges a batch, or
// a tiny one would become a large one that is not counted (S-12.8).
func roomForData(batch []byte) int {
	return max(cap(batch)-len(batch)-http2.HeaderBytes, h2TinyDataBytes)
}

// appendData appends one frame of pending data, as large as the windows and the batch allow. After the last data it appends
// the end of the response; otherwise it schedules the rest. The caller holds mu and has taken the stream out of the schedule.
func (s *h2Stream) appendData(out []byte) []byte {
	h := s.conn
	data := s.direct
	if s.start < len(s.buffer) {
		data = s.buffer[s.start:]
	}
	n := min(len(data), h.dataBytes(), roomForData(out), h.peer.MaxFrame, int(min(s.outWindow, h.sendWindow, http2.MaxFrameBytes)))
	data = data[:n]
	if s.start < len(s.buffer) {
		s.start += n
	} else if s.direct = s.direct[n:]; len(s.direct) == 0 {
		s.direct = nil
	}
	s.outWindow -= int64(n)
	h.sendWindow -= int64(n)
	h.earned++
	h.updates += h2UpdatesEarned(n)
	s.progress = true
	if s.pending() > 0 {
		if s.exchange.call.blockedSince.Load() != 0 {
			s.exchange.call.blocks() // the wait begins anew, because data was sent
			if s.parked {
				h.server.registry.parked.moved(&s.place)
			}
		}
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

// close marks the response as ended. If the rest of the request body will not be read, close queues a reset of the
// stream (S-6.13; RFC 9113, section 8.1). The reset is sent right after the batch that has the end of the response. A
// tunnel continues in the other direction. When both directions are closed, the client considers the stream closed, and
// may begin another one in its place. The caller holds mu.
func (s *h2Stream) close(out []byte) []byte {
	s.localClosed = true
	if !s.remoteClosed && s.switched {
		return out
	}
	s.done = true
	s.conn.done++
	if s.remoteClosed || s.gone {
		return out
	}
	s.resetQueued = true
	s.conn.resets = http2.AppendRSTStream(s.conn.resets, s.id, http2.NoError)
	return out
}

// settle removes a stream from the connection if close has queued its reset. It runs once the appended output is
// stored, because leave may append more. The caller holds mu.
func (s *h2Stream) settle() {
	if s.resetQueued && !s.gone {
		s.conn.rememberReset(s.id, s.inWindow.open)
		s.conn.leave(s)
	}
}
