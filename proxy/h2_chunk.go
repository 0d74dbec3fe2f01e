package proxy

import "sync"

// h2ChunkSizes are the sizes of the chunks in which a request body waits until it is sent upstream. A body of one byte must
// not cost the memory of a long one (S-12.8).
var h2ChunkSizes = [...]int{1 << 10, 4 << 10, 16 << 10}

// h2Chunk is one piece of a body: data[:used] has arrived.
type h2Chunk struct {
	next *h2Chunk
	used int
	data []byte
}

// h2Chunks are the pools of chunks, one for each size.
var h2Chunks [len(h2ChunkSizes)]sync.Pool

// takeChunk returns the smallest chunk that can hold held bytes, or else the largest chunk.
func takeChunk(held int64) *h2Chunk {
	class := 0
	for class < len(h2ChunkSizes)-1 && int64(h2ChunkSizes[class]) < held {
		class++
	}
	if chunk, ok := h2Chunks[class].Get().(*h2Chunk); ok {
		chunk.next, chunk.used = nil, 0
		return chunk
	}
	return &h2Chunk{data: make([]byte, h2ChunkSizes[class])}
}

// release puts the chunk back into its pool.
func (c *h2Chunk) release() {
	for class, size := range h2ChunkSizes {
		if size == len(c.data) {
			h2Chunks[class].Put(c)
		}
	}
}
