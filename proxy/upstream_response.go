package proxy

import (
	"io"
	"sync"

	"reverse-proxy/proxy/http1"
)

// upstreamResponse is what has been read of one response: its bytes, its head and the state of its body. It is apart from
// the connection, so that the connection can serve the next request while the client has yet to take the response (S-12.7).
type upstreamResponse struct {
	// conn is where the rest of the response comes from; nil after the connection was given back.
	conn *upstreamConn
	// buffer holds what was read; buffer[start:end] is not consumed yet. It is nil while the head is waited for.
	buffer     []byte
	start, end int
	// pooled is where buffer has come from; nil where a large head has made it large.
	pooled *[]byte
	// head is the response's head. Its strings point into buffer.
	head http1.Response
	body upstreamBody
}

// maxKeptFields bounds the field list that a pooled response keeps.
const maxKeptFields = 64

var (
	upstreamResponses = sync.Pool{New: func() any { return &upstreamResponse{} }}
	upstreamBuffers   = sync.Pool{New: func() any { b := make([]byte, upstreamBufferBytes); return &b }}
)

// release returns the memory of the response to the pools, but for what a large head has made large. Strings of the head are
// invalid from then on. A nil response has none.
func (r *upstreamResponse) release() {
	if r == nil {
		return
	}
	r.body.release()
	if r.pooled == nil && r.buffer != nil || cap(r.head.Fields) > maxKeptFields {
		return
	}
	r.conn, r.start, r.end = nil, 0, 0
	upstreamResponses.Put(r) // with its buffer, which the next one needs
}

// lend implements roomLender.
func (r *upstreamResponse) lend() []byte {
	if r.buffer == nil {
		r.pooled = upstreamBuffers.Get().(*[]byte)
		r.buffer = *r.pooled
	}
	return r.buffer[r.end:]
}

// takeBack implements roomLender.
func (r *upstreamResponse) takeBack() {
	if r.pooled != nil {
		upstreamBuffers.Put(r.pooled)
		r.pooled, r.buffer = nil, nil
	}
}

// awaitHead reads the first bytes of a head. Until they come it needs no buffer: an upstream may take its time to answer
// (S-12.8). Over TLS it does, as the wait is in there.
func (r *upstreamResponse) awaitHead() error {
	r.start, r.end = 0, 0 // interim responses were passed on
	if !r.conn.plain {
		r.lend()
		return r.fill()
	}
	return r.filled(r.conn.readLent(r))
}

// fill reads more bytes after those that are there. It returns io.EOF only where the upstream has closed the connection in
// an orderly way.
func (r *upstreamResponse) fill() error {
	if r.end == len(r.buffer) {
		return io.ErrShortBuffer
	}
	return r.filled(r.conn.Read(r.buffer[r.end:]))
}

// filled takes what a read has brought.
func (r *upstreamResponse) filled(n int, err error) error {
	r.end += n
	if n > 0 {
		r.conn.received = true
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// grow makes room for a head that does not fit, up to the limit of a head.
func (r *upstreamResponse) grow() bool {
	if len(r.buffer) >= http1.MaxHeadBytes+upstreamBufferBytes {
		return false
	}
	larger := make([]byte, http1.MaxHeadBytes+upstreamBufferBytes)
	r.end = copy(larger, r.buffer[r.start:r.end])
	r.start = 0
	r.buffer, r.pooled = larger, nil
	return true
}

// errBadResponse is a response that an upstream may not send; its text says what is wrong.
type errBadResponse string

func (e errBadResponse) Error() string { return string(e) }

// more reads the beginning of a head, or more of one that has begun.
func (r *upstreamResponse) more() error {
	if r.start == r.end {
		return r.awaitHead()
	}
	return r.fill()
}

// readHead reads the next head, interim or final, and parses it. Heads that are not HTTP/1 as it has to be are errors.
func (r *upstreamResponse) readHead() error {
	looked := 0
	for {
		if r.end > r.start {
			n, err := r.head.Parse(r.buffer[r.start:r.end], looked)
			if err == nil {
				r.start += n
				return nil
			}
			if err != http1.ErrIncomplete {
				return err
			}
			looked = r.end - r.start
		}
		if r.end > r.start && r.end == len(r.buffer) {
			if r.start > 0 { // interim responses are behind us
				r.end = copy(r.buffer, r.buffer[r.start:r.end])
				r.start = 0
			} else if !r.grow() {
				return errBadResponse("response head over 64 KiB")
			}
		}
		if err := r.more(); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
}
