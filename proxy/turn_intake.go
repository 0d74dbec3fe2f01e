package proxy

import "sync"

// maxQueuedStreams bounds the streams of one client that have begun and wait for their first turn. Each holds a decoded head
// and a goroutine, some 7 KiB, but costs the client a few bytes. Without the bound, hundreds of connections whose requests
// arrive at the same time would begin all of them before the first has its turn (S-12.8).
const maxQueuedStreams = 4 * maxConcurrentStreams

// intake bounds the queued streams of one client. A goroutine that has read frames waits before it parses them, with the
// requests still encoded, until they have room in the queue.
type intake struct {
	mu sync.Mutex
	// parsing is how many goroutines parse frames. Each may queue maxConcurrentStreams streams.
	parsing int
	// queued is how many streams have begun and have not had a turn yet.
	queued int
	// waiting is how many goroutines wait for room.
	waiting int
	room    sync.Cond
}

// hasRoom reports whether one more goroutine may parse. The caller holds mu.
func (i *intake) hasRoom() bool {
	return i.queued+(i.parsing+1)*maxConcurrentStreams <= maxQueuedStreams
}

// try reserves room to parse, unless there is none or others wait for it. It reports whether it did.
func (i *intake) try() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.waiting > 0 || !i.hasRoom() {
		return false
	}
	i.parsing++
	return true
}

// await waits for room to parse, and reserves it.
func (i *intake) await() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting++
	for !i.hasRoom() {
		i.room.Wait()
	}
	i.waiting--
	i.parsing++
	i.wake()
}

// parsed gives the reserved room up, once the streams that were begun are queued.
func (i *intake) parsed() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.parsing--
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

// wake wakes the goroutine that has waited longest if there is room for it. The caller holds mu.
func (i *intake) wake() {
	if i.waiting > 0 && i.hasRoom() {
		i.room.Signal()
	}
}
