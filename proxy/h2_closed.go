package proxy

// closedStreams remembers how the streams that closed last were closed: a client may have sent frames before our reset
// reached it, which are ignored, but none after it has closed a stream itself (RFC 9113, section 5.1).
type closedStreams struct {
	ring []closedStream
	next int
}

type closedStream struct {
	id uint32
	// ours tells that we reset it.
	ours bool
}

// remember notes a stream that was closed.
func (c *closedStreams) remember(id uint32, ours bool) {
	if len(c.ring) < h2ClosedStreams {
		c.ring = append(c.ring, closedStream{id, ours})
		return
	}
	c.ring[c.next] = closedStream{id, ours}
	c.next = (c.next + 1) % len(c.ring)
}

// lookUp tells whether the stream is one that closed, and whether by our reset.
func (c *closedStreams) lookUp(id uint32) (known, ours bool) {
	for i := range c.ring {
		if c.ring[i].id == id {
			return true, c.ring[i].ours
		}
	}
	return false, false
}
