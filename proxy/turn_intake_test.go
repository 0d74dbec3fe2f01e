package proxy

import (
	"testing"
	"testing/synctest"

	"reverse-proxy/proxy/http2"
)

// reader is a goroutine that parses frames of a client again and again, and queues as many streams each time as a connection
// may have.
func (i *intake) reader(times int, parsed func()) {
	for range times {
		if !i.try(maxConcurrentStreams) {
			i.await(maxConcurrentStreams)
		}
		for range maxConcurrentStreams {
			i.queue()
		}
		i.parsed(maxConcurrentStreams)
		parsed()
	}
}

// TestOnlySoManyStreamsOfAClientAreQueued has many goroutines that parse, and takes streams out of the queue one at a time.
func TestOnlySoManyStreamsOfAClientAreQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &newTurns().intake
		const readers, times = 40, 2
		done := 0
		for range readers {
			go i.reader(times, func() {
				i.mu.Lock()
				defer i.mu.Unlock()
				done++
			})
		}
		synctest.Wait()
		if i.queued != maxQueuedStreams {
			t.Fatalf("%d streams are queued, want %d", i.queued, maxQueuedStreams)
		}
		for taken := 0; i.queued > 0; taken++ {
			if i.queued > maxQueuedStreams {
				t.Fatalf("%d streams are queued after %d had a turn, want at most %d", i.queued, taken, maxQueuedStreams)
			}
			i.dequeue()
			synctest.Wait()
		}
		if done != readers*times || i.waiting != 0 || i.reserved != 0 {
			t.Errorf("parsed %d times, want %d; %d goroutines wait and room for %d streams is reserved, want none", done, readers*times, i.waiting, i.reserved)
		}
	})
}

// TestStreamsThatAreNotYetBegunHaveRoom lets as many goroutines parse as are allowed, before any of them has queued a
// stream.
func TestStreamsThatAreNotYetBegunHaveRoom(t *testing.T) {
	i := &newTurns().intake
	for n := range maxQueuedStreams / maxConcurrentStreams {
		if !i.try(maxConcurrentStreams) {
			t.Fatalf("no room for goroutine %d", n)
		}
	}
	if i.try(maxConcurrentStreams) {
		t.Error("got room for streams that would be too many")
	}
	i.parsed(maxConcurrentStreams)
	if !i.try(maxConcurrentStreams) {
		t.Error("got no room although a goroutine has parsed and queued nothing")
	}
}

// TestRoomGoesToTheOneThatWaits has a goroutine ask for room that another one waits for.
func TestRoomGoesToTheOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &newTurns().intake
		for range maxQueuedStreams {
			i.queue()
		}
		go i.await(maxConcurrentStreams)
		synctest.Wait()
		i.mu.Lock()
		i.queued = 0 // there is room now, and the goroutine that waits does not know it yet
		i.mu.Unlock()
		if i.try(maxConcurrentStreams) {
			t.Error("got the room of the goroutine that waits")
		}
		i.queue()
		i.dequeue()
		synctest.Wait()
		if i.waiting != 0 || i.reserved != maxConcurrentStreams {
			t.Errorf("%d goroutines wait and room for %d streams is reserved, want none and one goroutine's", i.waiting, i.reserved)
		}
	})
}

// TestFramesAreParsedOnlyIfTheirStreamsHaveRoom has so many streams of a client queued that another one's head is not parsed.
func TestFramesAreParsedOnlyIfTheirStreamsHaveRoom(t *testing.T) {
	leaks(t)
	p := newTurnTest(t)
	c := newH2ClientOn(t, p.dialFor(t, "h2"))
	c.sync()
	i := p.account.intake()
	waitFor(t, "nobody to parse", i.isEmpty)
	for range maxQueuedStreams {
		i.queue()
	}
	c.request(1, "GET", "/", true)
	for range 3 {
		p.answered(t, "127.0.0.2")
	}
	waitFor(t, "the goroutine to wait", func() bool {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.waiting == 1
	})
	for range maxQueuedStreams {
		i.dequeue()
	}
	if s := c.answer(1); len(s.heads) != 1 {
		t.Errorf("got %q when there was room, want an answer", s.heads)
	}
	waitFor(t, "the stream to have left the queue", i.isEmpty)
}

// isEmpty reports whether no stream is queued and nobody parses.
func (i *intake) isEmpty() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.queued == 0 && i.reserved == 0
}

// TestAFewFramesReserveLittleRoom has many goroutines parse at the same time, each a few bytes: they do not wait.
func TestAFewFramesReserveLittleRoom(t *testing.T) {
	i := &newTurns().intake
	for n := range 100 {
		if !i.try(streamsIn(5 * http2.HeaderBytes)) {
			t.Fatalf("no room for goroutine %d", n)
		}
	}
	for bytes, want := range map[int]int{0: 1, http2.HeaderBytes: 2, maxConcurrentStreams * http2.HeaderBytes: maxConcurrentStreams, 1 << 20: maxConcurrentStreams} {
		if got := streamsIn(bytes); got != want {
			t.Errorf("%d bytes: got %d streams, want %d", bytes, got, want)
		}
	}
}
