package proxy

// closedStreams remembers how the streams that closed last were closed: a client may have sent frames before our reset
// reached it, which are ignored, but none after it has closed a stream itself (RFC 9113, section 5.1).
type closedStreams struct {
	// ring holds their numbers, with closedByUs where we reset one.
	ring []uint32
	next int
}

// closedByUs is the bit that no stream's number has.
const closedByUs = 1 << 31

// remember notes a stream that was closed; ours tells that we reset it.
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

// lookUp tells whether the stream is one that closed, and whether by our reset.
func (c *closedStreams) lookUp(id uint32) (known, ours bool) {
	for _, closed := range c.ring {
		if closed&^closedByUs == id {
			return true, closed&closedByUs != 0
		}
	}
	return false, false
}
