package proxy

import (
	"io"
	"sync"
)

// h2ChunkBytes is the size of the pieces in which the body of a request lies until the upstream's side takes it.
const h2ChunkBytes = 16 << 10

// h2Chunk is one piece.
type h2Chunk struct {
	next *h2Chunk
	used int
	data [h2ChunkBytes]byte
}

var h2Chunks = sync.Pool{New: func() any { return new(h2Chunk) }}

// h2Body is the body of a request: what has come and was not taken yet. The window bounds it.
type h2Body struct {
	inWindow h2Window
	// held is how many bytes lie in the chunks.
	held        int64
	first, last *h2Chunk
	// reading is the chunk that the upstream's side reads; the exchange's own.
	reading *h2Chunk
	// declared is the length that the head has declared, -1 for none; received is what has come.
	declared, received int64
	arrivedTrailers    Fields
	arrived            sync.Cond
}

func (b *h2Body) reset(mu *sync.Mutex) {
	b.inWindow = h2Window{size: h2StreamWindow, open: h2StreamWindow}
	b.held, b.received, b.declared = 0, 0, -1
	b.arrivedTrailers = nil
	b.arrived.L = mu
}

// clear frees what nobody takes any more, but the chunk that is being read.
func (b *h2Body) clear() {
	for b.first != nil {
		chunk := b.first
		b.first = chunk.next
		h2Chunks.Put(chunk)
	}
	b.last = nil
}

// store keeps data that came. The caller holds mu.
func (b *h2Body) store(data []byte) {
	b.held += int64(len(data))
	for len(data) > 0 {
		if b.last == nil || b.last.used == h2ChunkBytes {
			chunk := h2Chunks.Get().(*h2Chunk)
			chunk.next, chunk.used = nil, 0
			if b.last == nil {
				b.first = chunk
			} else {
				b.last.next = chunk
			}
			b.last = chunk
		}
		n := copy(b.last.data[b.last.used:], data)
		b.last.used += n
		data = data[n:]
	}
}

// next implements bodySource.
func (s *h2Stream) next() ([]byte, error) {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	s.doneReading()
	for {
		if chunk := s.first; chunk != nil {
			if s.first = chunk.next; s.first == nil {
				s.last = nil
			}
			s.reading = chunk
			s.taken(int64(chunk.used))
			h.wakeWriter()
			if s.first == nil && s.remoteClosed && !s.gone {
				return chunk.data[:chunk.used], io.EOF
			}
			return chunk.data[:chunk.used], nil
		}
		switch {
		case s.gone:
			return nil, errStreamGone
		case s.remoteClosed:
			return nil, io.EOF
		case s.stopReading:
			return nil, errInterrupted
		}
		s.arrived.Wait()
	}
}

// doneReading frees the chunk that was read.
func (s *h2Stream) doneReading() {
	if s.reading != nil {
		h2Chunks.Put(s.reading)
		s.reading = nil
	}
}

// whole implements bodySource: a body counts as whole up to what is worth gathering in one buffer.
func (s *h2Stream) whole() bool {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.remoteClosed && !s.gone && s.held <= outBufferBytes
}

// trailers implements bodySource.
func (s *h2Stream) trailers() Fields {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.arrivedTrailers
}
