package proxy

import "sync/atomic"

// maxLongBuffers is the number of responses that may be read with a long buffer at a time. A client can stop taking any
// of them at a point of its choice. Without this bound, it could hold 128 KiB for each at the cost of a few bytes
// (S-12.8). Further responses are read in pieces of upstreamBufferBytes, the size of a TLS record, which costs more
// system calls.
const maxLongBuffers = 24

// maxTunnelsAhead is the number of tunnels to clients over HTTP/2 that may be read at a time although earlier bytes still wait
// to be sent. Reading and sending then overlap, which makes a long transfer faster, but each holds two buffers.
const maxTunnelsAhead = 24

// maxBlockedAhead is the number of responses over HTTP/2 that may be read ahead while their clients take nothing. When
// the clients open their windows, there is something to send. Beyond this number, no more is read than a client
// accepts.
const maxBlockedAhead = 64

// leastRead is how much of a response may be read for a client that accepts less. A short response is then read whole,
// and its upstream connection is free (S-12.7).
const leastRead = 4 << 10

// lookahead counts what may be read from upstreams before clients take it. A nil lookahead has no bounds.
type lookahead struct {
	// buffers is the number of long buffers that responses hold.
	buffers atomic.Int32
	// tunnels is the number of tunnels that are read ahead.
	tunnels atomic.Int32
	// blocked is the number of responses that wait for their clients over HTTP/2.
	blocked atomic.Int32
	// heads are the places for large heads.
	heads headPlaces
	// waitingHeads is the number of large heads that wait for their clients without a place.
	waitingHeads atomic.Int32
}

// fullOfHeads reports whether all places of large heads are taken.
func (l *lookahead) fullOfHeads() bool { return l != nil && l.heads.full() }

// letWait allows a large head to wait for its client without a place. It returns false if too many do. endWait ends what
// it has allowed.
func (l *lookahead) letWait() bool {
	if l.waitingHeads.Add(1) <= maxWaitingHeads {
		return true
	}
	l.waitingHeads.Add(-1)
	return false
}

func (l *lookahead) endWait() { l.waitingHeads.Add(-1) }

// takeBuffer takes a long buffer, or returns nil if none is left. If need is set, it always takes one.
func (l *lookahead) takeBuffer(need bool) *[]byte {
	if l != nil && l.buffers.Add(1) > maxLongBuffers && !need {
		l.buffers.Add(-1)
		return nil
	}
	return longBuffers.Get().(*[]byte)
}

// giveBuffer gives a long buffer back.
func (l *lookahead) giveBuffer(b *[]byte) {
	if l != nil {
		l.buffers.Add(-1)
	}
	longBuffers.Put(b)
}

// takeTunnel allows a tunnel to be read ahead. It returns false if too many are.
func (l *lookahead) takeTunnel() bool {
	if l == nil || l.tunnels.Add(1) <= maxTunnelsAhead {
		return true
	}
	l.tunnels.Add(-1)
	return false
}

// giveTunnel ends what takeTunnel has allowed.
func (l *lookahead) giveTunnel() {
	if l != nil {
		l.tunnels.Add(-1)
	}
}

// block counts a response that waits for its client, and unblock one that no longer does.
func (l *lookahead) block() {
	if l != nil {
		l.blocked.Add(1)
	}
}

func (l *lookahead) unblock() {
	if l != nil {
		l.blocked.Add(-1)
	}
}

// crowded reports whether too many responses wait for their clients. If so, no more of a response is read than its
// client accepts.
func (l *lookahead) crowded() bool { return l != nil && l.blocked.Load() >= maxBlockedAhead }
