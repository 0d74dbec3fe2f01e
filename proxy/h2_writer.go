package proxy

import (
	"runtime"
	"sync"

	"reverse-proxy/proxy/http2"
)

// h2BatchBytes is how much is written at a time: four TLS records. More would let what becomes urgent wait longer.
const h2BatchBytes = 64 << 10

// h2DataBytes is the longest DATA frame that is sent: with its header it fills a TLS record.
const h2DataBytes = 16<<10 - http2.HeaderBytes

var h2Batches = sync.Pool{New: func() any { b := make([]byte, 0, h2BatchBytes+h2DataBytes); return &b }}

// h2Output is what a connection has to send. Frames that are ready are appended to out, in the order in which they go;
// data of bodies waits with its stream until its turn comes. One goroutine writes, while there is a stream or something
// to write: it takes all that has gathered meanwhile at once, so that many responses share few TLS records.
type h2Output struct {
	out *[]byte
	// controls is how many bytes of out are answers to control frames.
	controls int
	// resets are the frames that reset streams whose response has ended before their request did. They go out behind the
	// batch with the ends, in a TLS record of their own: curl 7.88 forgets what it has got of a response when the reset
	// comes in the same record, and reports a stream error in place of the status.
	resets   []byte
	encoder  *http2.HeadEncoder
	schedule h2Schedule
	// peer are the client's settings, sendWindow the connection's window for what is sent.
	peer       http2.PeerSettings
	sendWindow int64
	// earned is how many frames were sent that allow control frames of the client, updates how many WINDOW_UPDATE frames
	// it may send for the data that it was sent.
	earned, updates int64
	// room is signalled when out was taken; waiting is how many wait for it.
	room    *sync.Cond
	waiting int
	// writing reports whether the writing goroutine runs, parked that it waits for wake.
	writing, parked bool
	wake            chan struct{}
	// closed reports whether no stream may begin or go on, and that the writer ends when it has written what there is; dead
	// that nothing can be written.
	closed, dead bool
	// failed says that a write has failed, so that what was sent is not whole.
	failed bool
}

func (o *h2Output) init(h *h2Conn) {
	o.encoder = http2.NewHeadEncoder()
	o.peer = http2.DefaultPeerSettings()
	o.sendWindow = http2.InitialWindow
	o.room = sync.NewCond(&h.mu)
	o.wake = make(chan struct{}, 1)
}

// buffer returns what is appended to. The caller holds mu.
func (o *h2Output) buffer() *[]byte {
	if o.out == nil {
		o.out = h2Batches.Get().(*[]byte)
		*o.out = (*o.out)[:0]
	}
	return o.out
}

// control takes out back with a control frame appended. The caller holds mu.
func (h *h2Conn) control(out []byte) {
	h.controls += len(out) - len(*h.out)
	*h.out = out
}

// flooded reports whether more control frames wait than a client that reads would let gather. The caller holds mu.
func (h *h2Conn) flooded() bool { return h.controls > h2ControlBytes }

// hasOutput reports whether there is something to write. The caller holds mu.
func (o *h2Output) hasOutput() bool {
	return !o.dead && (o.out != nil && len(*o.out) > 0 || o.sendWindow > 0 && !o.schedule.empty())
}

// wakeWriter makes the writer look at what there is. The caller holds mu.
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

// write writes what there is until the connection has been idle for a while or is closed.
func (h *h2Conn) write() {
	var batch *[]byte
	// What can run now may have something to send as well: it gets the chance before the batch is made.
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
		batch = h.collect(batch)
		resets := h.resets // all of these are of streams that end in this batch
		h.resets = nil
		h.mu.Unlock()
		_, err := h.conn.Write(*batch)
		if err == nil && len(resets) > 0 {
			_, err = h.conn.Write(resets)
		}
		h.mu.Lock()
		if err != nil {
			h.failed = true
		}
		if err != nil && !h.dead {
			h.dead = true
			h.room.Broadcast()
			h.client.interrupt() // the reader ends the connection
		}
	}
}

// endWriting ends the writer. The caller holds mu.
func (h *h2Conn) endWriting(batch *[]byte) {
	h.writing, h.parked = false, false
	h.giveBuffers(batch)
	if h.ending {
		_ = h.client.tcp.SetReadDeadline(pastDeadline) // the reader ends the connection
	}
}

// giveBuffers gives both buffers back, as there is nothing to write. The caller holds mu.
func (h *h2Conn) giveBuffers(batch *[]byte) (none *[]byte) {
	for _, b := range [...]*[]byte{batch, h.out} {
		if b != nil && cap(*b) <= 2*h2BatchBytes {
			h2Batches.Put(b)
		}
	}
	h.out = nil
	return nil
}

// collect makes the next batch: the frames that are ready, and data of the streams whose turn it is. It gives the memory
// of the last batch to what gathers next. The caller holds mu.
func (h *h2Conn) collect(last *[]byte) *[]byte {
	batch := h.buffer()
	if last != nil && cap(*last) > 2*h2BatchBytes {
		last = nil
	}
	if h.out = last; last != nil {
		*last = (*last)[:0]
	}
	h.controls = 0
	for len(*batch) < h2BatchBytes && h.sendWindow > 0 && !h.schedule.empty() {
		s := h.schedule.pick()
		*batch = s.appendData(*batch)
		s.settle()
	}
	if h.waiting > 0 {
		h.room.Broadcast()
	}
	return batch
}
