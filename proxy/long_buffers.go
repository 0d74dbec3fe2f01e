package proxy

import "sync/atomic"

// maxLongBodies is the number of responses that may be read with a long buffer at a time. A client can leave any of them at
// a point of its choice, and without a bound a few bytes for each would hold 128 KiB (S-12.8). Others are read in pieces of
// upstreamBufferBytes, the size of a TLS record, which costs more system calls.
const maxLongBodies = 24

// maxTunnelsAhead is the number of tunnels to clients over HTTP/2 that may be read at a time although earlier bytes still wait
// to be sent. Reading and sending then overlap, which makes a long transfer faster, but each holds two buffers.
const maxTunnelsAhead = 24

// maxBlockedAhead is the number of responses over HTTP/2 that may be read ahead while their clients take nothing. When they
// open their windows, there is something to send. Beyond it, no more is read than a client accepts.
const maxBlockedAhead = 64

// leastRead is how much of a response may be read for a client that accepts less. A short response is then read whole, and
// its connection is free (S-12.7).
const leastRead = 4 << 10

// longBodies counts the responses that are read with a long buffer, the tunnels that are read ahead, and the responses that
// wait for clients over HTTP/2. A nil one has no bound.
type longBodies struct{ taken, ahead, blocked atomic.Int32 }

// take takes a long buffer, or returns nil if none is left; with need it always takes one.
func (l *longBodies) take(need bool) *[]byte {
	if l != nil && l.taken.Add(1) > maxLongBodies && !need {
		l.taken.Add(-1)
		return nil
	}
	return longBuffers.Get().(*[]byte)
}

// give gives a long buffer back.
func (l *longBodies) give(b *[]byte) {
	if l != nil {
		l.taken.Add(-1)
	}
	longBuffers.Put(b)
}

// takeAhead allows a tunnel to be read ahead. It returns false if too many are.
func (l *longBodies) takeAhead() bool {
	if l == nil || l.ahead.Add(1) <= maxTunnelsAhead {
		return true
	}
	l.ahead.Add(-1)
	return false
}

// giveAhead ends what takeAhead has allowed.
func (l *longBodies) giveAhead() {
	if l != nil {
		l.ahead.Add(-1)
	}
}

// block counts a response that waits for its client, and unblock one that no longer does.
func (l *longBodies) block() {
	if l != nil {
		l.blocked.Add(1)
	}
}

func (l *longBodies) unblock() {
	if l != nil {
		l.blocked.Add(-1)
	}
}

// crowded reports whether so many responses wait for their clients that no more of any is read than its client accepts.
func (l *longBodies) crowded() bool { return l != nil && l.blocked.Load() >= maxBlockedAhead }
