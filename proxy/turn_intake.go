package proxy

import (
	"sync"

	"reverse-proxy/proxy/http2"
)

// maxQueuedStreams bounds the streams of one client that have begun and wait for their first turn. Each holds a decoded head
// and a goroutine, some 7 KiB, but costs the client a few bytes. Without the bound, hundreds of connections whose requests
// arrive at the same time would begin all of them before the first has its turn (S-12.8).
const maxQueuedStreams = 4 * maxConcurrentStreams

// intake bounds the queued streams of one client. A goroutine that has read frames parses them only once the queue has room
// for their requests. Until then the requests stay encoded, which takes less memory.
type intake struct {
	mu sync.Mutex
	// reserved is how many streams the goroutines that parse frames may still queue.
	reserved int
	// queued is how many streams have begun and have not had a turn yet.
	queued int
	// waiting is how many goroutines wait for room.
	waiting int
	room    sync.Cond
}

// streamsIn returns how many streams so many bytes of frames can begin. A connection has at most maxConcurrentStreams.
func streamsIn(bytes int) int { return min(bytes/http2.HeaderBytes+1, maxConcurrentStreams) }

// hasRoom reports whether n more streams may be reserved. The caller holds mu.
func (i *intake) hasRoom(n int) bool { return i.queued+i.reserved+n <= maxQueuedStreams }

// try reserves room for n streams, unless there is none or others wait for it. It reports whether it did.
func (i *intake) try(n int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.waiting > 0 || !i.hasRoom(n) {
		return false
	}
	i.reserved += n
	return true
}

// await waits for room for n streams, and reserves it.
func (i *intake) await(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting++
	for !i.hasRoom(n) {
		i.room.Wait()
	}
	i.waiting--
	i.reserved += n
	i.wake()
}

// parsed releases the room for n streams, once those that have begun are queued.
func (i *intake) parsed(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reserved -= n
	i.wake()
}

// queue counts a stream that waits for its first turn.
func (i *intake) queue() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queued++
}

// dequeue counts a stream that has its first turn.
func (i *intake) dequeue() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queued--
	i.wake()
}

// wake wakes the goroutine that has waited longest if there may be room for it. If there is too little, that goroutine keeps
// waiting, and the next call wakes another one. The caller holds mu.
func (i *intake) wake() {
	if i.waiting > 0 && i.hasRoom(1) {
		i.room.Signal()
	}
}
