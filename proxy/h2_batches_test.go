package proxy

import (
	"bytes"
	"testing"
)

// batchesConn returns a connection that has only what batches need.
func batchesConn(t *testing.T, registry *connRegistry) *h2Conn {
	t.Helper()
	ours, _ := socketPair(t)
	c := &clientConn{socket: ours}
	c.secure.all = &registry.gatherings
	return &h2Conn{client: c, server: &siteServer{registry: registry}}
}

func TestOnlySomeConnectionsHaveALargeBatch(t *testing.T) {
	registry := &connRegistry{}
	conns := make([]*h2Conn, maxLargeBatches+2)
	for i := range conns {
		conns[i] = batchesConn(t, registry)
		want := h2LargeBatch
		if i >= maxLargeBatches {
			want = h2SmallBatch
		}
		if got := cap(*conns[i].buffer()); got != want && (got < want || want == h2SmallBatch) { // a large one may have grown
			t.Fatalf("connection %d: got a batch of %d bytes, want %d", i, got, want)
		}
	}
	last := conns[len(conns)-1]
	if got := last.batchBytes(); got != h2SmallBatchBytes {
		t.Errorf("got %d bytes at a time while large batches are short, want %d", got, h2SmallBatchBytes)
	}
	if got := conns[0].batchBytes(); got != h2BatchBytes {
		t.Errorf("got %d bytes at a time on a connection with a large batch, want %d", got, h2BatchBytes)
	}
	conns[0].giveBuffers(nil)
	last.giveBuffers(nil)
	if got := cap(*last.buffer()); got < h2LargeBatch {
		t.Errorf("got a batch of %d bytes after one was given back, want at least %d", got, h2LargeBatch)
	}
	for _, h := range conns {
		h.giveBuffers(nil)
	}
	if got := registry.batches.large.Load(); got != 0 {
		t.Errorf("got %d large batches after all were given back, want none", got)
	}
}

func TestTheCountOfLargeBatchesSurvivesBatchesThatGrow(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(h *h2Conn)
	}{
		{"a large one grows", func(h *h2Conn) { h.grow(4 * h2LargeBatch) }},
		{"a small one becomes large", func(h *h2Conn) {
			h.server.registry.batches.large.Add(maxLargeBatches)
			h.grow(h2LargeBatch + 1)
			h.server.registry.batches.large.Add(-maxLargeBatches)
		}},
		{"the connection ends with one", func(h *h2Conn) {
			h.buffer()
			h.forgetLarge(h.large)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := &connRegistry{}
			h := batchesConn(t, registry)
			test.do(h)
			h.giveBuffers(nil)
			if got := registry.batches.large.Load(); got != 0 || h.large != 0 {
				t.Errorf("got %d large batches, %d of them of the connection, want none", got, h.large)
			}
		})
	}
}

// grow appends n bytes to the output.
func (h *h2Conn) grow(n int) {
	out := h.buffer()
	*out = append(*out, make([]byte, n)...)
}

func TestBatchesAreSmallWhileSlowClientsHoldAllGatherings(t *testing.T) {
	registry := &connRegistry{}
	registry.gatherings.taken.Store(maxGatherings)
	h := batchesConn(t, registry)
	if got := cap(*h.buffer()); got != h2SmallBatch {
		t.Errorf("got a batch of %d bytes, want %d", got, h2SmallBatch)
	}
}

func TestTheOutputForAClientThatTakesNothingIsAsLargeAsItsBytes(t *testing.T) {
	h := batchesConn(t, &connRegistry{})
	h.client.socket.blocked.Store(true)
	h.grow(100)
	if got := cap(*h.out); got > 200 {
		t.Errorf("got %d bytes of memory for 100 bytes of output, want at most twice as much", got)
	}
}

// TestBatchesAreTinyWhileManyWritesWait is about a machine that is short of memory for sockets.
func TestBatchesAreTinyWhileManyWritesWait(t *testing.T) {
	registry := &connRegistry{}
	h, large := batchesConn(t, registry), batchesConn(t, registry)
	large.buffer()
	registry.batches.writes.Store(maxStuckWrites)
	if got := cap(*h.buffer()); got != h2TinyBatch {
		t.Errorf("got a batch of %d bytes, want %d", got, h2TinyBatch)
	}
	if got := h.dataBytes(); got != h2TinyDataBytes {
		t.Errorf("got DATA frames of %d bytes, want %d", got, h2TinyDataBytes)
	}
	if got, frame := large.batchBytes(), large.dataBytes(); got != h2BatchBytes || frame != h2DataBytes {
		t.Errorf("got %d bytes in frames of %d on a connection with a large batch, want %d in frames of %d", got, frame, h2BatchBytes, h2DataBytes)
	}
	registry.batches.writes.Store(0)
	for _, conn := range []*h2Conn{h, large} {
		conn.giveBuffers(nil)
	}
	if got := cap(*h.buffer()); got < h2LargeBatch {
		t.Errorf("got a batch of %d bytes after the writes have ended, want at least %d", got, h2LargeBatch)
	}
}

// TestATinyBatchIsNotEnlargedForData takes a tiny batch and then queues a body, while tiny batches are given out and after
// that.
func TestATinyBatchIsNotEnlargedForData(t *testing.T) {
	for _, test := range []struct {
		name string
		end  int32
		want int
	}{
		{"many writes still wait", maxStuckWrites, h2TinyBatch},
		{"the writes have ended", 0, h2LargeBatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := &connRegistry{}
			registry.batches.writes.Store(maxStuckWrites)
			h := batchesConn(t, registry)
			h.sendWindow, h.peer.MaxFrame = 1<<20, 16<<10
			*h.buffer() = append(*h.buffer(), "heads"...)
			registry.batches.writes.Store(test.end)
			s := &h2Stream{conn: h, id: 1}
			s.h2Pending.reset(&h.mu)
			s.outWindow, s.buffer = 1<<20, make([]byte, h2SmallBytes)
			h.mu.Lock()
			defer h.mu.Unlock()
			s.offer()
			if got := cap(*h.out); got != h2TinyBatch {
				t.Errorf("got a batch of %d bytes after a body was queued, want %d", got, h2TinyBatch)
			}
			batch := h.collect(nil)
			if got := cap(*batch); got != test.want && (test.want == h2TinyBatch || got < test.want) { // a large one may have grown
				t.Errorf("got a batch of %d bytes, want %d", got, test.want)
			}
			if !bytes.HasPrefix(*batch, []byte("heads")) || len(*batch) < h2TinyDataBytes {
				t.Errorf("got %d bytes in the batch, beginning with %q, want the heads and data", len(*batch), (*batch)[:5])
			}
			h.giveBuffers(batch)
		})
	}
}

func TestWritesThatWaitAreCounted(t *testing.T) {
	registry := &connRegistry{}
	h := batchesConn(t, registry)
	h.conn = h.client.socket
	fill(t, h.client.socket)
	ended := make(chan error, 1)
	go func() { ended <- h.writeBatch([]byte("batch"), []byte("resets")) }()
	waitFor(t, "the write to wait", func() bool { return registry.batches.writes.Load() == 1 && h.client.socket.blocked.Load() })
	h.client.socket.Close()
	if err := <-ended; err == nil {
		t.Error("got no error after the connection was closed")
	}
	if got := registry.batches.writes.Load(); got != 0 {
		t.Errorf("got %d writes counted after the end, want none", got)
	}
}
