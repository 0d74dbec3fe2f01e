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
	// h2SmallBatchBytes is how much is written at a time, apart from the last frame, once all large batches are in use. Many
	// clients are then slow, or the machine is, and each may keep its batch for long (S-12.8). h2SmallBatch is the size of a
	// small batch.
	h2SmallBatchBytes = 4 << 10
	h2SmallBatch      = h2SmallBatchBytes + 16<<10
	// maxLargeBatches is the number of large batches that all connections may have.
	maxLargeBatches = 32
	// maxStuckWrites is the number of writes under way from which on the machine is taken to be short of memory for sockets: a
	// write then waits although the socket was asked for room before. Each such write holds its batch and its TLS record, so
	// h2TinyBatchBytes are then written at a time, apart from the last frame, whose payload has at most h2TinyDataBytes.
	// h2TinyBatch is the size of such a batch.
	maxStuckWrites   = 64
	h2TinyBatchBytes = 1 << 10
	h2TinyDataBytes  = leastRead
	h2TinyBatch      = h2TinyBatchBytes + h2TinyDataBytes
)

var (
	h2LargeBatches = sync.Pool{New: func() any { b := make([]byte, 0, h2LargeBatch); return &b }}
	h2SmallBatches = sync.Pool{New: func() any { b := make([]byte, 0, h2SmallBatch); return &b }}
	h2TinyBatches  = sync.Pool{New: func() any { b := make([]byte, 0, h2TinyBatch); return &b }}
)

// h2Batches counts the large batches of all connections, and their writes that are under way.
type h2Batches struct{ large, writes atomic.Int32 }

// short reports whether no large batch is left.
func (b *h2Batches) short() bool { return b.large.Load() >= maxLargeBatches }

// stuck reports whether so many writes are under way that most of them must be waiting.
func (b *h2Batches) stuck() bool { return b.writes.Load() >= maxStuckWrites }

// take returns a large batch, and counts it.
func (b *h2Batches) take() *[]byte {
	b.large.Add(1)
	return h2LargeBatches.Get().(*[]byte)
}

// forget subtracts n large batches from the count.
func (b *h2Batches) forget(n int32) { b.large.Add(-n) }

// putBatch returns a batch of a usual size to its pool. A batch that has become much larger is left to the garbage
// collector. putBatch reports whether the batch is large.
func putBatch(batch *[]byte) (large bool) {
	switch size := cap(*batch); {
	case size == h2SmallBatch:
		h2SmallBatches.Put(batch)
	case size == h2TinyBatch:
		h2TinyBatches.Put(batch)
	case size == largeHeadBytes:
		*batch = (*batch)[:largeHeadBytes]
		largeHeadBuffers.Put(batch)
	case size >= h2LargeBatch:
		if size <= 2*h2BatchBytes {
			h2LargeBatches.Put(batch)
		}
		return true
	}
	return false
}
