package proxy

import (
	"crypto/tls"
	"sync"
	"sync/atomic"
)

const (
	// gatherBytes is the size of a buffer for gathered records: the records of a long body's buffer, with their headers and
	// tags. At the beginning of a connection crypto/tls makes small records, so there are about twenty of them.
	gatherBytes = longBodyBufferBytes + 1<<10
	// maxGatherings is how many connections may gather at a time. A client that reads nothing keeps its connection's buffer
	// until the write ends, and without a bound many of them would hold 129 KiB each (S-12.8). Above the bound, records are
	// sent one by one.
	maxGatherings = 24
	// oneRecordBytes is a length that always fits into one record, even into the first of a connection: crypto/tls makes
	// that one fit into a TCP segment of 1,208 bytes.
	oneRecordBytes = 1 << 10
	// fullRecordsAfter is how much a connection has to have sent before crypto/tls makes all its records as long as TLS
	// allows, and fullRecordBytes is that length.
	fullRecordsAfter = 128 << 10
	fullRecordBytes  = 16 << 10
)

var gatherBuffers = sync.Pool{New: func() any { b := make([]byte, 0, gatherBytes); return &b }}

// gatherings counts the connections that gather. A nil one has no bound.
type gatherings struct{ taken atomic.Int32 }

// take returns an empty buffer, or nil if too many are in use.
func (g *gatherings) take() *[]byte {
	if g != nil && g.taken.Add(1) > maxGatherings {
		g.taken.Add(-1)
		return nil
	}
	b := gatherBuffers.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

// full reports whether no buffer is left.
func (g *gatherings) full() bool { return g != nil && g.taken.Load() >= maxGatherings }

// give gives a buffer back.
func (g *gatherings) give(b *[]byte) {
	if g != nil {
		g.taken.Add(-1)
	}
	gatherBuffers.Put(b)
}

// gathering lets a socket send the bytes of several writes with one system call. crypto/tls writes each record by
// itself, so a long Write of a TLS connection would cost one call for every 16 KiB, or for less at the beginning of a
// connection.
//
// crypto/tls also writes when it reads: alerts, and answers to key updates. While the socket gathers, these records are
// gathered too; while it sends what was gathered, they wait. So the order of the records is the order in which
// crypto/tls has encrypted them: it holds its own lock while it encrypts and writes.
type gathering struct {
	// on reports whether writes are gathered. It is set and cleared by the goroutine that writes; all others only read it.
	on atomic.Bool
	mu sync.Mutex
	// bytes are the gathered records; nil while the socket does not gather. failed is why they could not all be sent: a
	// record may have been cut, and nothing may follow it.
	bytes  *[]byte
	failed error
}

// beginGathering makes the following writes wait in the buffer for sendGathered.
func (s *socket) beginGathering(buffer *[]byte) {
	s.gathering.mu.Lock()
	s.gathering.bytes = buffer
	s.gathering.mu.Unlock()
	s.gathering.on.Store(true)
}

// gather appends p to what is gathered, and sends it if there is no room for p. It reports whether the socket gathers.
// If the socket does not gather, p is not written.
func (s *socket) gather(p []byte) (bool, error) {
	g := &s.gathering
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil {
		return true, g.failed
	}
	if g.bytes == nil {
		return false, nil
	}
	if len(*g.bytes)+len(p) > cap(*g.bytes) {
		if s.send(*g.bytes); g.failed != nil {
			return true, g.failed
		}
		*g.bytes = (*g.bytes)[:0]
	}
	*g.bytes = append(*g.bytes, p...)
	return true, nil
}

// sendGathered sends what was gathered, and ends the gathering.
func (s *socket) sendGathered() error {
	g := &s.gathering
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed == nil && len(*g.bytes) > 0 {
		s.send(*g.bytes)
	}
	g.bytes = nil
	if g.failed == nil { // else it stays on, so that every later write fails
		g.on.Store(false)
	}
	return g.failed
}

// send writes p. The caller holds the gathering's mu.
func (s *socket) send(p []byte) {
	_, s.gathering.failed = s.writeCall(p, false)
}

// clientTLS is a client's TLS connection, whose long writes need one system call, and whose reads are counted: one read of the
// socket may bring thousands of records.
type clientTLS struct {
	*tls.Conn
	socket *socket
	// fd is the socket's descriptor, valid until it is closed.
	fd  int
	all *gatherings
	// sent is how much was written, up to fullRecordsAfter, and unasked how much since the socket was last asked for room.
	// They belong to the goroutine that writes.
	sent, unasked int
}

// Write implements net.Conn. It gathers the records of p if there may be more than one.
func (c *clientTLS) Write(p []byte) (n int, err error) {
	if c.socket.writePace.mustRest() {
		c.socket.writePace.rest()
	}
	c.unasked += len(p)
	if !c.needsRecords(len(p)) {
		return c.Conn.Write(p)
	}
	buffer := c.all.take()
	if buffer == nil {
		return c.Conn.Write(p)
	}
	c.socket.beginGathering(buffer)
	defer func() { // also after a panic: no connection may keep a buffer that another one gets
		if failed := c.socket.sendGathered(); err == nil && failed != nil {
			n, err = 0, failed
		}
		c.all.give(buffer)
	}()
	return c.Conn.Write(p)
}

// Read implements net.Conn.
func (c *clientTLS) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if pace := &c.socket.readPace; c.socket.readerRests {
		pace.count(false)
	} else {
		pace.step()
	}
	return n, err
}

// needsRecords reports whether crypto/tls may need more than one record for the next n bytes.
func (c *clientTLS) needsRecords(n int) bool {
	if c.sent >= fullRecordsAfter {
		return n > fullRecordBytes
	}
	c.sent += n
	return n > oneRecordBytes
}
