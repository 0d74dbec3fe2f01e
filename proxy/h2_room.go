package proxy

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// maxBegunStreams bounds the streams of all clients together that have begun and that nothing else bounds yet. Each holds a
// decoded head and a goroutine, some 7 KiB, but costs its client a few bytes. The clients' own bound, maxQueuedStreams, is
// not enough: with many clients, each with few connections, tens of thousands of streams could begin before the first runs
// (S-12.8).
const maxBegunStreams = 2 * maxConcurrentStreams

// h2Room is the room for streams that have begun. A stream leaves it when it waits for the first time, for an upstream, its
// client or anything else, because each of these waits has a bound of its own.
//
// A goroutine that has read frames parses them immediately while there is room. Otherwise it waits, with the requests still
// encoded, and the clients take turns, so that one with many connections delays no other client more than one with a single
// connection (S-12.6).
//
// Those that need not wait reserve nothing: only as many goroutines as there are processors parse at the same time, and the
// streams beyond the bound are theirs.
type h2Room struct {
	// taken is how many streams are in the room, and how many more those that have waited for room may begin.
	taken atomic.Int64
	// waiting is the number of goroutines that wait, readable without the lock.
	waiting atomic.Int32

	mu sync.Mutex
	// clients are those with goroutines that wait, in the order of their turns.
	clients []*h2RoomLine
}

// h2RoomLine has the goroutines of one client that wait for room, in the order of their arrival.
type h2RoomLine struct{ waiters []h2RoomWaiter }

// h2RoomWaiter waits for room for a number of streams.
type h2RoomWaiter struct {
	streams int
	ready   chan struct{}
}

// open reports whether there is room, and nobody waits for it.
func (r *h2Room) open() bool { return r.waiting.Load() == 0 && r.taken.Load() < maxBegunStreams }

// await waits for room for n streams, at most maxConcurrentStreams, and reserves it. leave gives it back.
func (r *h2Room) await(client *h2RoomLine, n int) {
	w := h2RoomWaiter{n, make(chan struct{})}
	r.mu.Lock()
	r.waiting.Add(1) // before admit looks for room, or room that is given back now would go unnoticed
	if client.waiters = append(client.waiters, w); len(client.waiters) == 1 {
		r.clients = append(r.clients, client)
	}
	r.admit()
	r.mu.Unlock()
	<-w.ready
	runtime.Gosched() // see turns.take
}

// enter counts a stream that begins.
func (r *h2Room) enter() { r.taken.Add(1) }

// leave counts n streams that leave the room, or gives back what was reserved for them.
func (r *h2Room) leave(n int) {
	r.taken.Add(int64(-n))
	if r.waiting.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admit()
}

// admit ends the waits for which there is now room. The caller holds mu.
func (r *h2Room) admit() {
	for len(r.clients) > 0 {
		client := r.clients[0]
		w := client.waiters[0]
		if r.taken.Load()+int64(w.streams) > maxBegunStreams {
			return
		}
		r.taken.Add(int64(w.streams))
		r.clients = slices.Delete(r.clients, 0, 1)
		if client.waiters = slices.Delete(client.waiters, 0, 1); len(client.waiters) > 0 {
			r.clients = append(r.clients, client)
		} else {
			client.waiters = nil
		}
		r.waiting.Add(-1)
		close(w.ready)
	}
}
