package proxy

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// maxBegunStreams bounds how many streams of all clients together have begun, until another bound applies to them. Each
// holds a decoded head and a goroutine, some 7 KiB, but costs its client a few bytes. The clients' own bound,
// maxQueuedStreams, is not enough: with many clients, each with few connections, tens of thousands of streams could
// begin before the first runs (S-12.8).
const maxBegunStreams = 2 * maxConcurrentStreams

// h2Room is the room for streams that have begun. A stream leaves it when it waits for the first time, for an upstream, its
// client or anything else, because each of these waits has a bound of its own.
//
// A goroutine that has read frames parses them immediately while there is room. Otherwise it waits, with the requests
// still encoded. The clients then take turns, so that a client with many connections delays the others no more than a
// client with a single connection does (S-12.6).
//
// A goroutine that need not wait reserves nothing, so its streams may exceed the bound. Only a few can: no more
// goroutines parse at the same time than there are processors.
type h2Room struct {
	// few is how many streams may have begun before a goroutine that has received frames lets them run first.
	few int64
	// taken is how many streams are in the room, plus how many more may begin because goroutines have reserved room for
	// them.
	taken atomic.Int64
	// waiting is the number of goroutines that wait, readable without the lock.
	waiting atomic.Int32

	mu sync.Mutex
	// clients are the clients with waiting goroutines, in the order of their turns.
	clients []*h2RoomLine
}

// h2RoomLine lists the goroutines of one client that wait for room, in the order of their arrival.
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

const (
	// cachedStreams is how many streams for each processor may have begun before letRun lets them run. A stream uses some
	// 10 KiB of memory until it waits for its upstream: its state, its goroutine's stack, the upstream connection and the
	// kernel's socket. If requests arrive on many connections at once and all their streams begin before the first one
	// runs, that memory has left the processor's cache by the time each runs. Running the streams of one connection
	// before those of the next begin then saves up to a fifth of the processor time of a request.
	cachedStreams = 32
	// maxLetRuns bounds how often letRun yields the processor. The streams of other clients must not hold a connection up
	// for long (S-12.6).
	maxLetRuns = 8
)

// newH2Room returns room for the processors that the process may use.
func newH2Room() h2Room { return h2Room{few: int64(cachedStreams * runtime.GOMAXPROCS(0))} }

// letRun lets the streams that have begun run, if they are many, before the caller begins more. It does not wait for them: it
// returns after maxLetRuns yields in any case. The caller should hold no buffer, because hundreds of goroutines may call
// letRun at the same time (S-12.8).
func (r *h2Room) letRun() {
	for yields := 0; yields < maxLetRuns && r.taken.Load() > r.few; yields++ {
		runtime.Gosched()
	}
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
