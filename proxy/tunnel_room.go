package proxy

import "io"

// tunnelRoom is the buffer of one direction of a tunnel. A client can keep many tunnels open for a few bytes each, so
// the direction holds no buffer while it waits for bytes from either side, or for a client that takes nothing (S-12.8).
type tunnelRoom struct {
	buffer *[]byte
	// one receives the first byte where TLS does the waiting.
	one [1]byte
	// limit is how much may be read.
	limit int
	// ahead is what allows the direction to read ahead; nil if it may not.
	ahead *lookahead
}

// leastTunnelRead is how much is read for a client over HTTP/2 whose window is smaller: one byte at a time would be slow.
const leastTunnelRead = 1 << 10

// lend implements roomLender.
func (r *tunnelRoom) lend() []byte {
	if r.buffer == nil {
		r.buffer = outBuffers.Get().(*[]byte)
	}
	return (*r.buffer)[:r.limit]
}

// takeBack implements roomLender.
func (r *tunnelRoom) takeBack() {
	if r.buffer != nil {
		putOutBuffer(r.buffer)
		r.buffer = nil
	}
	if r.ahead != nil {
		r.ahead.giveTunnel()
		r.ahead = nil
	}
}

// read reads the next bytes from one side for the other. They are at the beginning of the buffer.
func (r *tunnelRoom) read(to io.Writer, from io.Reader) (int, error) {
	r.limit = outBufferBytes
	switch from := from.(type) {
	case h2Tunnel:
		if !from.stream.hasArrived() {
			r.takeBack()
			from.stream.await()
		}
	case http1Tunnel:
		return r.readTLS(from, from.secure.socket)
	case *upstreamConn:
		switch client := to.(type) {
		case http1Tunnel:
			if client.secure.isFull() {
				r.takeBack()
				if err := client.secure.socket.awaitRoom(); err != nil {
					return 0, err
				}
			}
		case h2Tunnel:
			if !from.plain {
				break // awaitClient waits for bytes on the socket, and TLS may hold some
			}
			if err := r.awaitClient(client.stream, from); err != nil {
				return 0, err
			}
		}
		if from.plain {
			return from.meant(from.socket.ReadLent(r)) // not readLent: it would give back the permission to read ahead
		}
		return r.readTLS(from, from.socket)
	}
	return from.Read(r.lend())
}

// readTLS reads from a TLS connection over the socket. TLS does the waiting, so readTLS waits for one byte, and then reads the
// rest of the record, which is there.
func (r *tunnelRoom) readTLS(from io.Reader, below *socket) (int, error) {
	r.takeBack()
	n, err := from.Read(r.one[:])
	if n == 0 {
		return 0, err
	}
	buffer := r.lend()
	buffer[0] = r.one[0]
	below.tryRead = true
	n, err = from.Read(buffer[1:])
	below.tryRead = false
	if err == errNotReady {
		err = nil
	}
	return 1 + n, err
}

// awaitClient waits until the client has been sent all earlier bytes, unless the direction may read ahead, and limits what is
// read to what the client accepts. A client that accepts nothing holds nothing up as long as the upstream sends nothing.
func (r *tunnelRoom) awaitClient(client *h2Stream, upstream *upstreamConn) error {
	window, waits := client.tunnelWindow()
	if waits && (window == 0 || !r.mayReadAhead(upstream.lookahead)) {
		r.takeBack()
		if window == 0 {
			if err := upstream.socket.awaitBytes(); err != nil {
				return err
			}
		}
		if err := client.awaitSent(); err != nil {
			return err
		}
		window, _ = client.tunnelWindow()
	}
	r.limit = int(min(max(window, leastTunnelRead), outBufferBytes))
	return nil
}

// mayReadAhead reports whether the direction may read although earlier bytes wait to be sent.
func (r *tunnelRoom) mayReadAhead(ahead *lookahead) bool {
	if r.ahead == nil && ahead != nil && ahead.takeTunnel() {
		r.ahead = ahead
	}
	return r.ahead != nil || ahead == nil
}

// hasArrived reports whether a read would not wait.
func (s *h2Stream) hasArrived() bool {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.first != nil
}

// tunnelWindow returns how much the client accepts now, and whether earlier bytes still wait to be sent.
func (s *h2Stream) tunnelWindow() (window int64, waits bool) {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(0, min(s.outWindow, h.sendWindow)), s.pending() > 0
}

// awaitSent waits until all earlier bytes are sent.
func (s *h2Stream) awaitSent() error {
	h := s.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.awaitTaken()
}
