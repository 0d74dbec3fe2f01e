package proxy

import (
	"bytes"
	"sync"
	"testing"
)

// TestAStreamKeepsNoLargeBuffer checks what a stream takes along to its next request after a response of each length (S-12.8).
func TestAStreamKeepsNoLargeBuffer(t *testing.T) {
	var mu sync.Mutex
	for _, n := range []int{1, h2OwnBytes, h2OwnBytes + 1, h2SmallBytes} {
		var p h2Pending
		p.reset(&mu)
		for _, part := range [][]byte{bytes.Repeat([]byte("a"), n/2), bytes.Repeat([]byte("b"), n-n/2)} {
			p.makeRoom(len(part))
			p.buffer = append(p.buffer, part...)
		}
		if want := string(bytes.Repeat([]byte("a"), n/2)) + string(bytes.Repeat([]byte("b"), n-n/2)); string(p.buffer) != want {
			t.Errorf("%d bytes: got %d other bytes", n, len(p.buffer))
		}
		if got := p.lent != nil; got != (n > h2OwnBytes) {
			t.Errorf("%d bytes: the buffer is the pool's: %v", n, got)
		}
		p.giveRoom()
		p.reset(&mu)
		if cap(p.buffer) > 2*h2OwnBytes || p.lent != nil {
			t.Errorf("%d bytes: the stream keeps a buffer of %d", n, cap(p.buffer))
		}
	}
}
