package h2client

import (
	"runtime"
	"time"

	"reverse-proxy/proxy/http2"
)

// write runs the goroutine that writes what the streams have queued.
func (c *Conn) write() {
	for range c.wake {
		runtime.Gosched() // frames that other goroutines are about to queue go into the same write
		for {
			buffer, ok := c.takeOut()
			if !ok {
				return
			}
			if buffer == nil {
				break
			}
			n, err := c.net.Write(buffer)
			if !c.wrote(buffer, n, err) {
				return
			}
		}
	}
}

// takeOut takes the buffer to write, or nil if there is none. ok is false if the connection has ended.
func (c *Conn) takeOut() (buffer []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, false
	}
	if len(c.out) == 0 {
		return nil, true
	}
	buffer = c.out
	c.out, c.spare, c.answers = c.spare[:0], nil, 0
	c.handedBefore, c.handed = c.handed, c.next
	c.writingSince = time.Now()
	c.unblock()
	return buffer, true
}

// wrote records the end of a write of n bytes. It returns false if nothing more can be written. A server that has closed the
// connection may have answered before that, or declared requests unprocessed. So the connection ends only when the
// reader has read the rest and knows what became of each stream.
func (c *Conn) wrote(buffer []byte, n int, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writingSince = time.Time{}
	if cap(buffer) <= 2*maxQueued {
		c.spare = buffer[:0]
	}
	if err != nil && n == 0 {
		c.handed = c.handedBefore
	}
	if err != nil && c.err == nil {
		c.left = true
		c.unwritable = &Error{Reason: "the connection to the upstream was lost", Lost: true, Cause: err}
		_ = c.net.SetReadDeadline(time.Now().Add(lastWords)) // if this fails, the connection has ended, and the read fails too
		c.draining = true
		c.endIfDrained()
	}
	return c.err == nil && err == nil
}

// unblock wakes the bodies that wait. The caller holds mu.
func (c *Conn) unblock() {
	for s := range c.blocked {
		signal(s.writable)
	}
	clear(c.blocked)
}

// answer reports whether a frame of the server may cause that many bytes to be written. The caller holds mu.
func (c *Conn) answer(bytes int) bool {
	c.answers += bytes
	return c.answers <= maxAnswers
}

// signal wakes the goroutine that waits on the channel, or makes its next wait return at once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Head is the head of a request. It is encoded only when it is sent, because the encoder's table depends on the order.
type Head interface {
	// AppendHead appends the header block.
	AppendHead(encoder *http2.HeadEncoder, dst []byte) []byte
	// Bytes returns the approximate size of the header list.
	Bytes() int
}

// Begin sends the head of the request. end reports whether no body follows. noBody reports whether the response has no
// body (HEAD).
func (s *Stream) Begin(head Head, end, noBody bool) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.blame(c.err).unprocessed(c.served)
	case s.interrupted:
		return ErrInterrupted
	case c.draining:
		err := &Error{Reason: "the upstream ends the connection", Unprocessed: true, Progress: c.served || len(c.streams) > 0}
		if len(c.streams) > 0 {
			return err // it may still answer those
		}
		return c.blame(err)
	case c.greeted && len(c.streams) >= c.mostStreams():
		return &Error{Reason: "the upstream allows no more requests on the connection (SETTINGS_MAX_CONCURRENT_STREAMS)", Unprocessed: true,
			Progress: c.served || len(c.streams) > 0, Blames: c.mostStreams() == 0}
	case head.Bytes() > int(c.limits.HeaderList):
		return &Error{Reason: "the request's head is over the upstream's SETTINGS_MAX_HEADER_LIST_SIZE"}
	}
	s.id = c.next
	c.next += 2
	s.window = c.limits.InitialWindow
	if s.noBody, s.sent = noBody, end; end {
		c.uploaded(s)
	}
	c.streams[s.id] = s
	at := len(c.out)
	c.out = append(c.out, make([]byte, http2.HeaderBytes)...)
	c.out = head.AppendHead(c.encoder, c.out)
	c.out = http2.FinishHeaders(c.out, at, s.id, end, min(c.limits.MaxFrame, http2.MaxFrameBytes))
	if len(c.streams) == 1 {
		c.lastFrame = time.Now() // idle time does not count as silence
	}
	c.poke()
	return nil
}

// Write sends a part of the body, which is the last one if end is set. It waits for the windows and for room. The bytes
// may be reused when it returns. waited reports whether it had to wait for the server.
func (s *Stream) Write(p []byte, end bool) (waited bool, err error) {
	for {
		rest, err := s.tryWrite(p, end)
		if err != nil {
			return waited, err
		}
		if len(rest) == 0 {
			return waited, nil
		}
		p = rest
		waited = true
		<-s.writable
	}
}

// TryWrite is Write without waiting. It returns the rest that was not sent. If it is not empty, the end was not sent
// either.
func (s *Stream) TryWrite(p []byte, end bool) (rest []byte, err error) { return s.tryWrite(p, end) }

func (s *Stream) tryWrite(p []byte, end bool) (rest []byte, err error) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.err != nil:
			return p, s.err
		case s.interrupted || s.writeEnded:
			return p, ErrInterrupted
		case s.stopped:
			return p, errStopped
		case len(p) == 0 && !end:
			return nil, nil
		case len(p) == 0:
			s.sent = true
			c.uploaded(s)
			c.out = http2.AppendData(c.out, s.id, nil, true)
			c.poke()
			return nil, nil
		}
		n := int(min(int64(len(p)), s.window, c.window, int64(min(c.limits.MaxFrame, http2.MaxFrameBytes))))
		if n <= 0 || len(c.out) >= maxQueued {
			c.blocked[s] = struct{}{}
			return p, nil
		}
		last := end && n == len(p)
		c.out = http2.AppendData(c.out, s.id, p[:n], last)
		c.sends(s, int64(n))
		c.junk = min(junkFrames, c.junk+paidFrames+n/paidUpdate) // allows the frames that acknowledge the data
		c.poke()
		if p = p[n:]; len(p) == 0 {
			if last {
				s.sent = true
				c.uploaded(s)
			}
			return nil, nil
		}
	}
}

// Trailers is the trailer section of a request. It is encoded only when it is sent.
type Trailers interface {
	AppendTrailers(encoder *http2.HeadEncoder, dst []byte) []byte
	// TrailerBytes returns the size of the header list.
	TrailerBytes() int
}

// End ends the body with trailers.
func (s *Stream) End(trailers Trailers) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.interrupted || s.writeEnded:
		return ErrInterrupted
	case s.stopped:
		return errStopped
	case trailers.TrailerBytes() > int(c.limits.HeaderList):
		return &Error{Reason: "the request's trailers are over the upstream's SETTINGS_MAX_HEADER_LIST_SIZE"}
	case trailers.TrailerBytes() > LargeHead && !c.last:
		return &Error{Reason: "the request's trailers are over 8 KiB, for which the upstream might end a connection that others use"}
	}
	at := len(c.out)
	c.out = append(c.out, make([]byte, http2.HeaderBytes)...)
	c.out = trailers.AppendTrailers(c.encoder, c.out)
	c.out = http2.FinishHeaders(c.out, at, s.id, true, min(c.limits.MaxFrame, http2.MaxFrameBytes))
	s.sent = true
	c.uploaded(s)
	c.poke()
	return nil
}
