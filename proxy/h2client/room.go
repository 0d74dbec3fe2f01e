package h2client

import (
	"slices"
	"time"
)

// The bodies of all requests on a connection share its window, and most servers reopen it only as they read. A body that the
// server does not read could therefore hold up all others (S-12.6). Once a body has begun, it cannot move to another
// connection. Nor is it ever known exactly how much of it is unread: servers acknowledge in batches of up to half a window,
// and on a stream that has ended not at all. So everything is decided before a body begins. It gets a stream only where no
// body of another owner can ever take what it needs. If there is no such connection, another one is dialed.

const (
	// roomToBegin is how much of a connection's window must be free for a body that is not shorter.
	roomToBegin = 16 << 10
	// roomlessTime is how long a connection without streams may have less than that before it is closed.
	roomlessTime = time.Second
)

// Body is what the choice of a connection depends on. The zero value is that of a request without a body.
type Body struct {
	// Owner is the one whose body it is: bodies of different owners do not hold up each other. It must be comparable.
	Owner any
	// Length is the length in bytes, 0 without a body, and -1 if it is not known.
	Length int64
}

// least returns the smaller of a number of bytes and the length of the body.
func (b Body) least(n int64) int64 {
	if b.Length < 0 {
		return n
	}
	return min(n, b.Length)
}

// upload is what a stream's connection needs to know of its body.
type upload struct {
	Body
	// unread is how many bytes were sent that the server has not acknowledged on the stream. It may have read more.
	unread int64
}

// mayTake returns how much of the connection's window the rest of the body can take if the server reads nothing more of it. The
// caller holds mu.
func (s *Stream) mayTake() int64 { return s.body.least(max(0, s.window)) }

// hasRoom reports whether the window has room for the body, whatever the bodies of other owners do. The caller holds mu.
func (c *Conn) hasRoom(b Body) bool {
	if b.Length == 0 {
		return true
	}
	if c.window < b.least(roomToBegin) {
		return false
	}
	taken, shared := int64(0), false
	for _, s := range c.uploads {
		if s.body.Owner != b.Owner {
			taken += s.mayTake()
			shared = true
		}
	}
	room := c.window - taken
	if shared && room < b.least(c.limits.InitialWindow) { // it would take what they may need
		return false
	}
	// A longer body needs the server to give the window back. Many do that only when half of it was read, which becomes impossible
	// if more than half is unread.
	return b.Length > 0 && b.Length <= room || min(c.unread, c.largest-c.window) <= c.largest/2
}

// begins records that the stream was opened for a body. The caller holds mu.
func (c *Conn) begins(s *Stream, b Body) {
	s.body.Body, s.window = b, c.limits.InitialWindow
	if b.Length != 0 {
		c.uploads = append(c.uploads, s)
	}
}

// sends records that bytes of the stream's body were sent. The caller holds mu.
func (c *Conn) sends(s *Stream, n int64) {
	s.window -= n
	c.window -= n
	s.body.unread += n
	c.unread += n
	if s.body.Length > 0 {
		s.body.Length = max(0, s.body.Length-n)
	}
}

// acknowledged records that the server takes n more bytes on the stream. The caller holds mu.
func (c *Conn) acknowledged(s *Stream, n int64) {
	s.window += n
	n = min(n, s.body.unread)
	s.body.unread -= n
	c.unread -= n
}

// uploaded records that nothing of the stream's body will be sent any more. The caller holds mu.
func (c *Conn) uploaded(s *Stream) {
	if i := slices.Index(c.uploads, s); i >= 0 {
		c.uploads = slices.Delete(c.uploads, i, i+1)
	}
}

// forgets records that the stream has ended: a server gives back the window of what it has not read by then. The caller holds mu.
func (c *Conn) forgets(s *Stream) {
	c.uploaded(s)
	c.unread -= s.body.unread
	s.body.unread = 0
}

// useless reports whether the connection has had no streams for long enough for its server to give the window back or to allow
// streams, and yet no body has room in it or no stream is allowed.
func (c *Conn) useless(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := now.Sub(c.idleSince)
	return c.open == 0 && (idle > roomlessTime && c.window < roomToBegin || idle > shutTime && c.greeted && c.mostStreams() == 0)
}
