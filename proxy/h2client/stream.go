package h2client

import (
	"io"
	"sync"
	"time"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
)

// Stream is one request and its response. One goroutine reads the response and one writes the body; any goroutine may
// interrupt them. A Stream must not be used after Close.
type Stream struct {
	conn *Conn
	// readable and writable wake the two goroutines.
	readable, writable chan struct{}

	// The fields below are guarded by the mu of conn.

	id uint32
	// window is how many bytes the server accepts.
	window int64
	body   upload
	// sent reports whether the whole request has been sent, stopped whether the server wants no more of it, and
	// writeEnded whether EndWrites was called.
	sent, stopped, writeEnded bool
	interrupted               bool
	err                       error

	// interim holds the interim responses that were not read yet. head is the head of the final response once hasHead
	// is set.
	interim []http2.Head
	head    http2.Head
	hasHead bool
	// noBody reports whether the response has no body whatever its head says. left is how many bytes of the body are
	// missing, or -1 if that is unknown.
	noBody bool
	left   int64
	// in holds the bytes that have arrived, and reading the bytes that the reader has. The two are swapped when the
	// reader asks for more. Each is nil while it holds no bytes.
	in, reading *[]byte
	// room is how many bytes the server may send. credit is how many bytes were read but not yet added to the server's
	// window again. long reports whether the window is longWindow.
	room, credit int
	long         bool
	// ended reports whether the response is complete.
	ended    bool
	trailers http1.Fields
}

var (
	streams = sync.Pool{New: func() any {
		return &Stream{readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
	}}
	// These are the pools of buffers for the bodies of responses: small buffers for most, medium ones for a whole window, and
	// large ones for a whole long window.
	smallBuffers  = sync.Pool{New: func() any { b := make([]byte, 0, smallBytes); return &b }}
	mediumBuffers = sync.Pool{New: func() any { b := make([]byte, 0, streamWindow); return &b }}
	largeBuffers  = sync.Pool{New: func() any { b := make([]byte, 0, longWindow+1); return &b }}
)

// smallBytes is the size of the small buffers.
const smallBytes = 8 << 10

// keptFields is the number of fields for which a pooled stream keeps its memory.
const keptFields = 64

// reset prepares a pooled stream.
func (s *Stream) reset(c *Conn) {
	empty(s.readable)
	empty(s.writable)
	readable, writable, fields, cookies := s.readable, s.writable, s.head.Fields, s.head.Cookies
	if cap(fields) > keptFields {
		fields, cookies = nil, nil
	}
	*s = Stream{} // a literal with values, or a copy of the head, would take 1 KiB of the stack of every exchange
	s.conn, s.readable, s.writable = c, readable, writable
	s.head.Fields, s.head.Cookies = fields, cookies
	s.head.Release()
	s.left, s.room = -1, streamWindow
}

func empty(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// fail ends the stream. The caller holds mu.
func (s *Stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.wakeBoth()
}

func (s *Stream) wakeBoth() {
	signal(s.readable)
	signal(s.writable)
}

// Interrupt makes all present and later calls of both goroutines return.
func (s *Stream) Interrupt() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.interrupted = true
	s.wakeBoth()
}

// EndWrites makes a blocked Write return, and all later ones.
func (s *Stream) EndWrites() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.writeEnded = true
	signal(s.writable)
}

// Answered reports whether the head of the final response has arrived. It can be read even if a write fails.
func (s *Stream) Answered() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.hasHead
}

// ReadHead waits for the head of the next response, interim or final. It is valid until Close.
func (s *Stream) ReadHead() (*http2.Head, error) {
	for {
		head, err := s.tryHead()
		if head != nil || err != nil {
			return head, err
		}
		<-s.readable
	}
}

func (s *Stream) tryHead() (*http2.Head, error) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	switch {
	case s.interrupted:
		return nil, ErrInterrupted
	case len(s.interim) > 0:
		head := s.interim[0]
		s.interim = s.interim[1:]
		return &head, nil
	case s.hasHead:
		return &s.head, nil
	}
	return nil, s.err
}

// Next waits for more of the body. The bytes are valid until the next call. At the end it returns io.EOF, possibly with
// the last bytes.
func (s *Stream) Next() ([]byte, error) {
	for {
		data, err := s.tryNext()
		if len(data) > 0 || err != nil {
			return data, err
		}
		<-s.readable
	}
}

func (s *Stream) tryNext() ([]byte, error) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.interrupted {
		return nil, ErrInterrupted
	}
	s.putReading()
	switch {
	case s.in != nil:
		s.in, s.reading = nil, s.in
		if s.ended {
			return *s.reading, io.EOF
		}
		return *s.reading, nil
	case s.ended:
		return nil, io.EOF
	}
	return nil, s.err
}

// SetAside releases the bytes that the last Next returned. A reader calls it before it waits for something else.
func (s *Stream) SetAside() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.putReading()
}

// putReading releases the bytes that the reader has. The caller holds mu.
func (s *Stream) putReading() {
	if s.reading != nil {
		s.giveBack(len(*s.reading))
		putBuffer(s.reading)
		s.reading = nil
	}
}

// widen gives a long response the larger window, unless too many have it. The caller holds mu.
func (s *Stream) widen() {
	c := s.conn
	if s.long || s.ended || s.err != nil || c.long >= maxLong {
		return
	}
	s.long = true
	c.long++
	s.room += longWindow - streamWindow
	c.out = http2.AppendWindowUpdate(c.out, s.id, longWindow-streamWindow)
	c.poke()
}

// giveBack restores the server's window by the bytes that were read, once there are enough for a frame. The caller
// holds mu.
func (s *Stream) giveBack(n int) {
	s.credit += n
	enough := streamWindow / 2
	if s.long {
		enough = longWindow / 2
	}
	if s.credit < enough || s.ended || s.err != nil {
		return
	}
	if s.left < 0 {
		s.widen() // it is long, and its reader is fast enough
	}
	s.conn.out = http2.AppendWindowUpdate(s.conn.out, s.id, uint32(s.credit))
	s.room += s.credit
	s.credit = 0
	s.conn.poke()
}

// push adds bytes that have arrived. Never more than the window is waiting. The caller holds mu.
func (s *Stream) push(data []byte) {
	waiting := 0
	if s.in != nil {
		waiting = len(*s.in)
	}
	if s.in == nil || cap(*s.in)-waiting < len(data) {
		pool := &smallBuffers
		switch n := waiting + len(data); {
		case n > streamWindow:
			pool = &largeBuffers
		case n > smallBytes:
			pool = &mediumBuffers
		}
		buffer := pool.Get().(*[]byte)
		*buffer = (*buffer)[:0]
		if s.in != nil {
			*buffer = append(*buffer, *s.in...)
			putBuffer(s.in)
		}
		s.in = buffer
	}
	*s.in = append(*s.in, data...)
}

func putBuffer(buffer *[]byte) {
	switch cap(*buffer) {
	case smallBytes:
		smallBuffers.Put(buffer)
	case streamWindow:
		mediumBuffers.Put(buffer)
	default:
		largeBuffers.Put(buffer)
	}
}

// Ready reports whether Next would return at once.
func (s *Stream) Ready() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.in != nil || s.ended || s.err != nil || s.interrupted
}

// ExpectsTrailers reports whether the response may have trailers: the server has announced them, has already sent them,
// or has not ended the stream although the content-length is 0.
func (s *Stream) ExpectsTrailers() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.ended {
		return len(s.trailers) > 0
	}
	return !s.noBody && (s.head.ContentLength == 0 || s.head.Fields.Has("trailer"))
}

// Trailers returns the trailers of the response, once Next has returned io.EOF.
func (s *Stream) Trailers() http1.Fields {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.trailers
}

// Close finishes and releases the stream.
func (s *Stream) Close() {
	s.Finish()
	s.Release()
}

// Finish ends the stream, so that another one may be opened. A stream that is not complete in both directions is given
// up, and the server can stop its work. The bytes that Next has returned, the head and the trailers stay valid until
// Release.
func (s *Stream) Finish() {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.id != 0 && c.streams[s.id] == s {
		delete(c.streams, s.id)
		delete(c.blocked, s)
		switch {
		case !s.ended:
			c.giveUp(s, http2.Cancel)
		case !s.sent:
			c.giveUp(s, http2.NoError)
		}
	}
	delete(c.blocked, s)
	if s.long {
		s.long = false
		c.long--
	}
	c.forgets(s)
	if c.open--; c.open == 0 {
		c.idleSince = time.Now()
		// A connection that accepts no more streams is of no use. One that has accepted none yet may still do so (pauses).
		c.draining = c.draining || c.limits.Streams == 0 && c.answered
	}
	c.endIfDrained()
	c.changed()
}

// Release returns the memory of a finished stream to the pools.
func (s *Stream) Release() {
	for _, buffer := range []*[]byte{s.in, s.reading} {
		if buffer != nil {
			putBuffer(buffer)
		}
	}
	s.in, s.reading, s.trailers, s.interim = nil, nil, nil, nil
	s.conn = nil
	streams.Put(s)
}

// reset sends RST_STREAM. The caller holds mu.
func (c *Conn) reset(stream uint32, code http2.Code) {
	if c.err == nil {
		c.out = http2.AppendRSTStream(c.out, stream, code)
		c.poke()
	}
}
