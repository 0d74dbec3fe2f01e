package proxy

import (
	"sync"
	"sync/atomic"

	"reverse-proxy/proxy/http2"
)

const (
	// h2BatchBytes is how much is written at a time: four TLS records. More would delay data that becomes urgent.
	h2BatchBytes = 64 << 10
	// h2DataBytes is the longest DATA payload that is sent: with its header it fills a TLS record.
	h2DataBytes = 16<<10 - http2.HeaderBytes
	// h2LargeBatch is the size of a large batch, which has room for one more frame.
	h2LargeBatch = h2BatchBytes + h2DataBytes
	// h2SmallBatchBytes is how much is written at a time, apart from the last frame, while large batches are short: then many
	// clients are slow, or the machine is, and each may keep its batch for long (S-12.8). h2SmallBatch is the size of such a
	// batch.
	h2SmallBatchBytes = 4 << 10
	h2SmallBatch      = h2SmallBatchBytes + 16<<10
	// maxLargeBatches is the number of large batches that all connections may have.
	maxLargeBatches = 64
)

var (
	h2LargeBatches = sync.Pool{New: func() any { b := make([]byte, 0, h2LargeBatch); return &b }}
	h2SmallBatches = sync.Pool{New: func() any { b := make([]byte, 0, h2SmallBatch); return &b }}
)

// h2Batches counts the large batches of all connections.
type h2Batches struct{ large atomic.Int32 }

// buffer returns the buffer to append to. While the client takes nothing, it is only as large as what is appended. The
// caller holds mu.
func (h *h2Conn) buffer() *[]byte {
	if h.out == nil {
		h.out = h.takeBatch()
		*h.out = (*h.out)[:0]
	}
	return h.out
}

// takeBatch returns an empty batch. The caller holds mu.
func (h *h2Conn) takeBatch() *[]byte {
	switch {
	case h.client.socket.blocked.Load():
		return new([]byte)
	case h.batchBytes() < h2BatchBytes:
		return h2SmallBatches.Get().(*[]byte)
	}
	h.large++
	h.server.registry.batches.large.Add(1)
	return h2LargeBatches.Get().(*[]byte)
}

// batchBytes returns how much is written at a time. The caller holds mu.
func (h *h2Conn) batchBytes() int {
	if h.client.secure.all.full() || h.large == 0 && h.server.registry.batches.large.Load() >= maxLargeBatches {
		return h2SmallBatchBytes
	}
	return h2BatchBytes
}

// giveBatch returns a batch, if there is one, to its pool. One that has become much larger is left to the garbage collector.
// The caller holds mu.
func (h *h2Conn) giveBatch(batch *[]byte) (none *[]byte) {
	switch {
	case batch == nil:
	case cap(*batch) == h2SmallBatch:
		h2SmallBatches.Put(batch)
	case cap(*batch) >= h2LargeBatch:
		h.forgetLarge(1)
		if cap(*batch) <= 2*h2BatchBytes {
			h2LargeBatches.Put(batch)
		}
	}
	return nil
}

// forgetLarge counts up to n of the connection's large batches no longer. A small one may have grown large. The caller holds
// mu.
func (h *h2Conn) forgetLarge(n int32) {
	n = min(n, h.large)
	h.large -= n
	h.server.registry.batches.large.Add(-n)
}

// giveBuffers returns both buffers to their pools, because there is nothing to write. The caller holds mu.
func (h *h2Conn) giveBuffers(batch *[]byte) (none *[]byte) {
	h.giveBatch(batch)
	h.giveBatch(h.out)
	h.out = nil
	return nil
}
