package proxy

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

// chunkMemory returns how much memory the chunks of a body use.
func chunkMemory(b *h2Body) (bytes int) {
	for chunk := b.first; chunk != nil; chunk = chunk.next {
		bytes += len(chunk.data)
	}
	return bytes
}

func TestABodyCostsLittleMoreMemoryThanItHas(t *testing.T) {
	for _, frame := range []int{1, 100, 1024, 1025, 5000, 16384} {
		var b h2Body
		b.reset(&sync.Mutex{})
		for b.held < h2StreamWindow-16384 {
			b.store(make([]byte, frame))
			if got, most := chunkMemory(&b), 1024+5*int(b.held); got > most {
				t.Fatalf("got %d bytes of memory for %d in frames of %d, want at most %d", got, b.held, frame, most)
			}
			if got, most := chunkMemory(&b), int(b.held)+16<<10; got > most {
				t.Fatalf("got %d bytes of memory for %d in frames of %d, want at most %d", got, b.held, frame, most)
			}
		}
		b.clear()
	}
}

func TestABodyComesOutOfItsChunksAsItCame(t *testing.T) {
	const seed = 8
	random := rand.New(rand.NewPCG(seed, seed))
	for range 50 {
		var b h2Body
		b.reset(&sync.Mutex{})
		var want, got []byte
		room := make([]byte, 20<<10)
		for range 40 {
			frame := make([]byte, 1<<random.IntN(15)+random.IntN(3))
			for i := range frame {
				frame[i] = byte(random.Uint32())
			}
			want = append(want, frame...)
			b.store(frame)
			if random.IntN(2) == 0 {
				n := b.take(room[:random.IntN(len(room))])
				b.held -= int64(n)
				got = append(got, room[:n]...)
			}
		}
		for b.first != nil {
			got = append(got, room[:b.take(room)]...)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got other bytes than came, with the seed %d", seed)
		}
	}
}
