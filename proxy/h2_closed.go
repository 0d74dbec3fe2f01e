package proxy

import "reverse-proxy/proxy/http2"

// closedStreams remembers how the most recently closed streams were closed. Frames that a client sent before our reset
// reached it are ignored. After closing a stream itself, a client may send none (RFC 9113, section 5.1).
type closedStreams struct {
	// ring holds the stream numbers, with the bit closedByUs set if we reset the stream.
	ring []uint32
	next int
	// late is how many bytes may still arrive on the streams that we reset.
	late int64
}

// closedByUs is a bit that is set in no stream number.
const closedByUs = 1 << 31

// remember records a closed stream; ours reports whether we reset it.
func (c *closedStreams) remember(id uint32, ours bool) {
	if ours {
		id |= closedByUs
	}
	if len(c.ring) < h2ClosedStreams {
		c.ring = append(c.ring, id)
		return
	}
	c.ring[c.next] = id
	c.next = (c.next + 1) % len(c.ring)
}

// rememberReset records a stream that we reset while its client may have had window bytes under way.
func (c *closedStreams) rememberReset(id uint32, window int64) {
	c.remember(id, true)
	c.late += max(0, window) + h2LateSlack
}

// spendLate counts a DATA frame on a stream that we have reset. It returns the error that ends the connection if no client
// can have had so much under way. The caller holds mu.
func (c *closedStreams) spendLate(length int) *http2.Error {
	if c.late -= max(h2LateFrameBytes, int64(length)); c.late < 0 {
		return &http2.Error{Code: http2.EnhanceYourCalm, Reason: "a flood of DATA on closed streams"}
	}
	return nil
}

// lookUp reports whether the stream is among the remembered ones, and whether we reset it.
func (c *closedStreams) lookUp(id uint32) (known, ours bool) {
	for _, closed := range c.ring {
		if closed&^closedByUs == id {
			return true, closed&closedByUs != 0
		}
	}
	return false, false
}
