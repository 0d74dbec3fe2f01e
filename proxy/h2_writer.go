package proxy

import (
	"runtime"
	"sync"

	"reverse-proxy/proxy/http2"
)

// h2Output is the output of a connection. Frames that are ready are appended to out, in the order in which they are
// sent. Body data waits with its stream until its turn comes. One goroutine writes while there is a stream or output.
// It takes everything that is queued at once, so many responses share few TLS records.
type h2Output struct {
	out *[]byte
	// controls is how many bytes of out are answers to control frames.
	controls int
	// resets are the frames that reset streams whose response ended before their request did. They follow the batch
	// with the ends, in their own TLS record: if the reset arrives in the same record, curl 7.88 drops what it has
	// received of the response, and reports a stream error instead of the status.
	resets   []byte
	encoder  *http2.HeadEncoder
	schedule h2Schedule
	// peer holds the client's settings. sendWindow is the connection's window for what is sent.
	peer       http2.PeerSettings
	sendWindow int64
	// earned is how many sent frames must still be credited to the client's allowance for control frames. updates is
	// how many WINDOW_UPDATE frames the client may send for the data that it received.
	earned, updates int64
	// room is signalled when out was taken; waiting is the number of waiters.
	room    *sync.Cond
	waiting int
	// awaiting is the number of streams that wait until the client accepts data, and that have no pending data.
	awaiting int
	// full reports whether the socket was found to have no room while there was nothing to write. The writer then waits
	// for room.
	full bool
	// sending reports whether a write is under way, or the writer rests after it.
	sending bool
	// heads are the places of the large heads in out.
	heads queuedHeads
	// large is how many large batches the connection has.
	large int32
	// writing reports whether the writing goroutine runs. parked reports whether that goroutine waits for wake.
	writing, parked bool
	wake            chan struct{}
	// closed reports whether the connection has been closed: no stream may begin or continue, and the writer ends after
	// the remaining output. dead reports whether nothing can be written.
	closed, dead bool
	// failed reports whether a write has failed, so that the output was cut short.
	failed bool
}

func (o *h2Output) init(h *h2Conn) {
	o.encoder = http2.NewHeadEncoder()
	o.peer = http2.DefaultPeerSettings()
	o.sendWindow = http2.InitialWindow
	o.room = sync.NewCond(&h.mu)
	o.wake = make(chan struct{}, 1)
}

// buffer returns the buffer to append to. While the client takes nothing, the buffer is only as large as what is
// appended. The caller holds mu.
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
	case h.isTiny():
		return h2TinyBatches.Get().(*[]byte)
	case h.batchBytes() < h2BatchBytes:
		return h2SmallBatches.Get().(*[]byte)
	}
	h.large++
	return h.server.registry.batches.take()
}

// batchBytes returns how much is written at a time. The caller holds mu.
func (h *h2Conn) batchBytes() int {
	if h.isTiny() {
		return h2TinyBatchBytes
	}
	if h.client.secure.all.full() || h.large == 0 && h.server.registry.batches.short() {
		return h2SmallBatchBytes
	}
	return h2BatchBytes
}

// dataBytes returns the longest DATA payload that is sent at present. The caller holds mu.
func (h *h2Conn) dataBytes() int {
	if h.isTiny() {
		return h2TinyDataBytes
	}
	return h2DataBytes
}

// isTiny reports whether the connection's batches are tiny at present. One that has a large batch may keep it. The caller
// holds mu.
func (h *h2Conn) isTiny() bool { return h.large == 0 && h.server.registry.batches.stuck() }

// giveBatch gives a batch back, if there is one. The caller holds mu.
func (h *h2Conn) giveBatch(batch *[]byte) (none *[]byte) {
	if batch != nil && putBatch(batch) {
		h.forgetLarge(1)
	}
	return nil
}

// forgetLarge subtracts n from the number of the connection's large batches, which stays at 0 or above: a small batch
// that has grown large was not counted. The caller holds mu.
func (h *h2Conn) forgetLarge(n int32) {
	n = min(n, h.large)
	h.large -= n
	h.server.registry.batches.forget(n)
}

// moveTo moves the output in a batch to a fresh one, which it returns, and gives the other back. The caller holds mu.
func (h *h2Conn) moveTo(fresh, batch *[]byte) *[]byte {
	*fresh = append((*fresh)[:0], *batch...)
	h.giveBatch(batch)
	return fresh
}

// giveEmpty gives back the last batch, and the buffer for the next one if that is empty, because the writer is about to wait.
// The caller holds mu.
func (h *h2Conn) giveEmpty(batch *[]byte) (none *[]byte) {
	if h.out != nil && len(*h.out) == 0 {
		return h.giveBuffers(batch)
	}
	return h.giveBatch(batch)
}

// giveBuffers gives both buffers back, because there is nothing to write. The caller holds mu.
func (h *h2Conn) giveBuffers(batch *[]byte) (none *[]byte) {
	h.giveBatch(batch)
	h.giveBatch(h.out)
	h.out = nil
	return nil
}

// control stores out, to which one control frame was appended. The caller holds mu.
func (h *h2Conn) control(out []byte) {
	h.controls += len(out) - len(*h.out)
	*h.out = out
}

// flooded reports whether so many answers to control frames are queued that the client cannot be reading them. The
// caller holds mu.
func (h *h2Conn) flooded() bool { return h.controls > h2ControlBytes }

// hasOutput reports whether there is something for the writer to do. The caller holds mu.
func (o *h2Output) hasOutput() bool {
	return !o.dead && (o.full || o.out != nil && len(*o.out) > 0 || o.sendWindow > 0 && !o.schedule.empty())
}

// wakeWriter starts or wakes the writer if there is something for it to do. The caller holds mu.
func (h *h2Conn) wakeWriter() {
	switch {
	case !h.writing:
		if h.hasOutput() || h.ending {
			h.writing = true
			h.tasks.Go(h.write)
		}
	case h.parked && (h.hasOutput() || h.closed || h.ending || h.isCold()):
		h.parked = false
		h.wake <- struct{}{}
	}
}

// isCold reports whether the connection has been idle for a while. The caller holds mu.
func (h *h2Conn) isCold() bool { return h.running == 0 && !h.warm.Load() }

// write writes the output until the connection has been idle for a while or is closed.
func (h *h2Conn) write() {
	var batch *[]byte
	// Other runnable goroutines may have output too. They get the chance to queue it before the batch is made.
	runtime.Gosched()
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		for !h.hasOutput() {
			if h.closed || h.dead || h.ending || h.isCold() {
				h.endWriting(batch)
				return
			}
			h.parked = true
			batch = h.giveBuffers(batch)
			h.mu.Unlock()
			<-h.wake
			runtime.Gosched()
			h.mu.Lock()
		}
		if h.restIfBusy(&batch) {
			continue // there may be nothing to write any more
		}
		if h.full || h.client.secure.isFull() {
			batch = h.giveEmpty(batch)
			h.mu.Unlock()
			err := h.client.socket.awaitRoom()
			h.mu.Lock()
			h.full = false
			if err != nil {
				h.writeFailed()
			}
			h.wakeAwaiting()
			continue // an error, or more output may have come meanwhile
		}
		batch = h.collect(batch)
		h.heads.give()
		resets := h.resets // they belong to streams that end in this batch
		h.resets = nil
		h.sending = true
		h.mu.Unlock()
		err := h.writeBatch(*batch, resets)
		h.mu.Lock()
		if err == nil {
			h.restIfBusy(&batch) // while sending is set, or what is read for the client meanwhile would wait too
		}
		h.sending = false
		if h.awaiting > 0 && !hasRoom(uintptr(h.client.secure.fd)) {
			h.full = true // so that no more is read for the client
		}
		h.wakeAwaiting()
		if err != nil {
			h.writeFailed()
		}
	}
}

// restIfBusy rests if it is time to, without the last batch or an empty buffer. It reports whether it did. The caller holds
// mu, which is released meanwhile.
func (h *h2Conn) restIfBusy(last **[]byte) bool {
	pace := &h.client.socket.writePace
	if !pace.mustRest() {
		return false
	}
	*last = h.giveEmpty(*last)
	h.mu.Unlock()
	pace.rest()
	h.mu.Lock()
	return true
}

// writeBatch writes a batch and what follows it.
func (h *h2Conn) writeBatch(batch, resets []byte) error {
	writes := &h.server.registry.batches.writes
	writes.Add(1)
	defer writes.Add(-1)
	_, err := h.conn.Write(batch)
	if err == nil && len(resets) > 0 {
		_, err = h.conn.Write(resets)
	}
	return err
}

// writeFailed ends the output after an error. The caller holds mu.
func (h *h2Conn) writeFailed() {
	h.failed = true
	if !h.dead {
		h.dead = true
		h.room.Broadcast()
		h.client.interrupt() // the reader ends the connection
	}
}

// endWriting ends the writer. The caller holds mu.
func (h *h2Conn) endWriting(batch *[]byte) {
	h.writing, h.parked = false, false
	h.giveBuffers(batch)
	if h.ending {
		h.client.idle.EndRead() // the reader ends the connection
	}
}

// collect makes the next batch: the frames that are ready, then data of the streams whose turn it is. It reuses the
// memory of the last batch for the next output. The caller holds mu.
func (h *h2Conn) collect(last *[]byte) *[]byte {
	batch, most := h.buffer(), h.batchBytes()
	if last != nil && (most < h2BatchBytes || cap(*last) < h2LargeBatch || cap(*last) > 2*h2BatchBytes) {
		last = h.giveBatch(last)
	}
	if h.out = last; last != nil {
		*last = (*last)[:0]
	}
	h.controls = 0
	if cap(*batch) < most { // it was taken while only smaller ones were given out
		batch = h.moveTo(h.takeBatch(), batch)
	}
	for len(*batch) < most && h.sendWindow > 0 && !h.schedule.empty() {
		s := h.schedule.pick()
		*batch = s.appendData(*batch)
		s.settle()
	}
	if h.waiting > 0 {
		h.room.Broadcast()
	}
	return batch
}
