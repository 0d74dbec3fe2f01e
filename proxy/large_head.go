package proxy

import (
	"bytes"
	"os"
	"sync"
	"time"

	"reverse-proxy/proxy/http1"
)

// usualHeadWait is how long a head that does not fit into a small buffer waits for a place. Without one, it continues in a
// usual buffer. Most such heads fit there, and must not wait for long (S-12.6).
const usualHeadWait = 100 * time.Millisecond

// largeHead is the state of a response whose head does not fit into a usual buffer.
type largeHead struct {
	// large is the buffer, or nil.
	large *[]byte
	// from counts the head: among those with a place, or if waiting is set, among those that wait for their clients without
	// one. It is nil if the head is not counted.
	from    *lookahead
	waiting bool
}

// largeHeadBytes is the size of the buffer for a head that does not fit into a usual one.
const largeHeadBytes = http1.MaxHeadBytes + 8<<10

// smallBufferBytes is the size of the buffer with which a response begins while all places of large heads are taken.
const smallBufferBytes = 4 << 10

var (
	smallBuffers     = sync.Pool{New: func() any { b := make([]byte, smallBufferBytes); return &b }}
	largeHeadBuffers = sync.Pool{New: func() any { b := make([]byte, largeHeadBytes); return &b }}
)

// takeBuffer returns a buffer for the beginning of a response. While all places of large heads are taken, it is small, because
// the response may have to wait for a place with it.
func (u *upstreamConn) takeBuffer() *[]byte {
	if u.lookahead.fullOfHeads() {
		return smallBuffers.Get().(*[]byte)
	}
	return takeUpstreamBuffer()
}

// takeUpstreamBuffer takes a usual buffer. It comes from the pool of those for output: a response is often copied from one
// to the other, so a storm of responses then leaves half as many behind (S-12.8).
func takeUpstreamBuffer() *[]byte {
	b := outBuffers.Get().(*[]byte)
	*b = (*b)[:upstreamBufferBytes]
	return b
}

// putUpstreamBuffer returns a buffer to its pool.
func putUpstreamBuffer(b *[]byte) {
	if len(*b) == smallBufferBytes {
		smallBuffers.Put(b)
	} else {
		putOutBuffer(b)
	}
}

// grow makes room for a head that does not fit. It returns an error if the head is longer than the limit for heads, or if the
// wait for a place was interrupted.
func (r *upstreamResponse) grow() error {
	if len(r.buffer) >= largeHeadBytes {
		return errBadResponse("response head over 64 KiB")
	}
	usual := len(r.buffer) < upstreamBufferBytes // it has begun in a small one
	if ahead := r.conn.lookahead; r.from == nil && ahead != nil && ahead.heads.most > 0 {
		var err error
		if usual, err = r.awaitPlace(ahead, usual); err != nil {
			return err
		}
	}
	var pooled, large *[]byte
	to := &large
	if usual {
		to = &pooled
		*to = takeUpstreamBuffer()
	} else {
		*to = largeHeadBuffers.Get().(*[]byte) // also without a place: it has waited long enough
	}
	r.end = copy(**to, r.buffer[r.start:r.end])
	r.start = 0
	r.takeBack()
	r.buffer, r.pooled, r.large = **to, pooled, large
	return nil
}

// awaitPlace takes a place for the head. It waits for one until the head may do without. usual reports whether the head may fit
// into a usual buffer, and awaitPlace returns whether it still may.
func (r *upstreamResponse) awaitPlace(ahead *lookahead, usual bool) (bool, error) {
	c := r.conn.holder
	if c == nil {
		c = new(upstreamCall) // a health check has none
	}
	begin := time.Now()
	w := ahead.heads.join(r.conn.client, c.headWaited)
	defer func() { c.headWaited += time.Since(begin) }()
	r.conn.headWaiter.Store(w)
	defer r.conn.headWaiter.Store(nil)
	if c.cancelled() != nil {
		w.leave(headInterrupted) // it was cancelled before there was a waiter to interrupt
	}
	if usual {
		soon := time.NewTimer(usualHeadWait)
		defer soon.Stop()
		select {
		case result := <-w.ended:
			return true, r.hasWaited(ahead, result)
		case <-soon.C:
		}
		if usual = !r.isOver(upstreamBufferBytes); usual {
			w.leave(headHasNone)
		}
	}
	return usual, r.hasWaited(ahead, <-w.ended)
}

// hasWaited records the result of the wait for a place.
func (r *upstreamResponse) hasWaited(ahead *lookahead, result headWait) error {
	switch result {
	case headHasPlace:
		r.from = ahead
	case headInterrupted:
		return os.ErrDeadlineExceeded // as of a read that was interrupted
	}
	return nil
}

// isOver reports whether the head certainly has more than that many bytes. The first ones are in the buffer. It looks at those
// that have arrived after them and leaves them in the socket, so it knows nothing of a head over TLS, nor of one whose rest
// has not arrived.
func (r *upstreamResponse) isOver(most int) bool {
	if !r.conn.plain {
		return false
	}
	room := takeUpstreamBuffer()
	defer putUpstreamBuffer(room)
	held := r.buffer[r.start:r.end]
	n := copy(*room, held[max(0, len(held)-len("\r\n\r")):]) // the end of the head may have begun
	rest := (*room)[n:]
	rest = rest[:min(len(rest), max(0, most-len(held)))]
	arrived, _ := peek(r.conn.fd, rest) // an error is met by the next read
	return arrived == len(rest) && !bytes.Contains((*room)[:n+len(rest)], []byte("\r\n\r\n"))
}

// headRead gives back the place of a head that has turned out to fit into a usual buffer.
func (r *upstreamResponse) headRead() {
	if r.large == nil && r.from != nil {
		r.givePlace()
	}
}

// putLarge returns the buffer of a large head to its pool, and gives the head's place back.
func (r *upstreamResponse) putLarge() {
	if r.large != nil {
		largeHeadBuffers.Put(r.large)
		r.large, r.buffer = nil, nil
	}
	if r.from != nil {
		r.givePlace()
	}
}

// givePlace gives back what the head has from the lookahead.
func (r *upstreamResponse) givePlace() {
	if r.waiting {
		r.from.endWait()
	} else {
		r.from.heads.give()
	}
	r.from, r.waiting = nil, false
}

// leaveHead gives back the place of a large head before the call's owner waits for its client. The bound on upstream
// connections then applies.
func (c *upstreamCall) leaveHead() {
	if r := c.held(); r != nil && r.from != nil && !r.waiting {
		r.from.heads.give()
		r.from = nil
	}
}

// parkHead is leaveHead for an answer that is parked. It keeps the place if too many large heads wait already.
func (c *upstreamCall) parkHead() {
	if r := c.held(); r != nil && r.from != nil && !r.waiting && r.from.letWait() {
		r.waiting = true
		r.from.heads.give()
	}
}

// unusual returns how many bytes more than usual the memory of the call's response has, because of a large head.
func (c *upstreamCall) unusual() int {
	r := c.held()
	switch {
	case r == nil:
		return 0
	case r.stream != nil:
		n := 0
		for i := range r.head.Fields {
			n += len(r.head.Fields[i].Name) + len(r.head.Fields[i].Value)
		}
		return max(0, n-upstreamBufferBytes)
	}
	return max(0, len(r.buffer)-upstreamBufferBytes)
}
