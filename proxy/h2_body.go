package proxy

import (
	"io"
	"sync"

	"reverse-proxy/proxy/http2"
)

// h2Body is the body of a request: the data that has arrived but was not taken yet. The window bounds it.
type h2Body struct {
	inWindow h2Window
	// held is the number of bytes in the chunks.
	held        int64
	first, last *h2Chunk
	// from is the offset of the first byte, within the first chunk, that was not taken yet.
	from int
	// declared is the length in the head, or -1 if it has none. received is the number of bytes that have arrived.
	declared, received int64
	arrivedTrailers    Fields
	arrived            sync.Cond
}

// h2TrailerHeads is the pool of the heads that trailers are decoded into. A waiting stream keeps only a copy of the
// fields: a list of 127 fields, for which a client sends a byte each, would cost 12 KB (S-12.8).
var h2TrailerHeads = sync.Pool{New: func() any { return &http2.Head{} }}

// putTrailerHead returns a head for trailers to the pool.
func putTrailerHead(head *http2.Head) {
	head.Release()
	h2TrailerHeads.Put(head)
}

func (b *h2Body) reset(mu *sync.Mutex) {
	b.inWindow = h2Window{size: h2StreamWindow, open: h2StreamWindow}
	b.held, b.received, b.declared, b.from = 0, 0, -1, 0
	b.arrivedTrailers = nil
	b.arrived.L = mu
}

// clear releases the chunks that no reader will take.
func (b *h2Body) clear() {
	for b.first != nil {
		chunk := b.first
		b.first = chunk.next
		chunk.release()
	}
	b.last, b.from = nil, 0
}

// store keeps data that has arrived. The caller holds mu.
func (b *h2Body) store(data []byte) {
	b.held += int64(len(data))
	for len(data) > 0 {
		if b.last == nil || b.last.used == len(b.last.data) {
			b.link(takeChunk(b.held))
		}
		n := copy(b.last.data[b.last.used:], data)
		b.last.used += n
		data = data[n:]
	}
}

// append keeps data that has arrived in its own chunk. The caller holds mu.
func (b *h2Body) append(chunk *h2Chunk) {
	b.held += int64(chunk.used)
	b.link(chunk)
}

// link makes chunk the last one.
func (b *h2Body) link(chunk *h2Chunk) {
	if b.last == nil {
		b.first = chunk
	} else {
		b.last.next = chunk
	}
	b.last = chunk
}

// take copies stored data into room, as much as fits, and releases the chunks that it empties. The caller holds mu.
func (b *h2Body) take(room []byte) int {
	taken := 0
	for b.first != nil && taken < len(room) {
		chunk := b.first
		n := copy(room[taken:], chunk.data[b.from:chunk.used])
		taken += n
		if b.from += n; b.from < chunk.used {
			break
		}
		b.from = 0
		if b.first = chunk.next; b.first == nil {
			b.last = nil
		}
		chunk.release()
	}
	return taken
}

// read implements bodySource.
func (s *h2Stream) read(room []byte, wait bool) ([]byte, error) {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	if !wait && !s.remoteClosed {
		return nil, errNotReady // taking data opens the window: the data stays here until the upstream accepts it
	}
	for {
		if n := s.take(room); n > 0 {
			s.taken(int64(n))
			h.wakeWriter()
			if s.first == nil && s.remoteClosed && !s.gone {
				return room[:n], io.EOF
			}
			return room[:n], nil
		}
		switch {
		case s.gone:
			return nil, errStreamGone
		case s.remoteClosed:
			return nil, io.EOF
		case s.stopReading:
			return nil, errInterrupted
		case !wait:
			return nil, errNotReady
		}
		s.arrived.Wait()
	}
}

// await implements bodyAwaiter.
func (s *h2Stream) await() int {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	for s.first == nil && !s.gone && !s.remoteClosed && !s.stopReading {
		s.arrived.Wait()
	}
	return int(s.held)
}

// wholeLength implements bodySource.
func (s *h2Stream) wholeLength() (length int64, ok bool) {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.received, s.remoteClosed && len(s.arrivedTrailers) == 0
}

// trailers implements bodySource.
func (s *h2Stream) trailers() Fields {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.arrivedTrailers
}
