package proxy

import (
	"io"
	"sync"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
)

// upstreamResponse is what was read of one response: its bytes, its head and the state of its body. It is separate from
// the connection, so that the connection can serve the next request before the client has taken the response (S-12.7).
type upstreamResponse struct {
	// conn is where the rest of the response comes from. It is nil once the connection has been given back.
	conn *upstreamConn
	// buffer holds what was read; buffer[start:end] was not consumed yet. It is nil during the wait for the head.
	buffer     []byte
	start, end int
	// limit is the most bytes that the next read may take, or 0 for no limit. It limits the memory that is held for a
	// client that accepts little.
	limit int
	// pooled is the pool's buffer behind buffer, or nil if a large head has needed a larger one, which is then in large.
	pooled *[]byte
	largeHead
	// head is the response's head. Its strings point into buffer.
	head http1.Response
	body upstreamBody
	// stream is the response's stream over HTTP/2, where buffer is not used. It is nil over HTTP/1.1.
	stream *h2client.Stream
}

// maxKeptFields bounds the field list kept with a pooled response.
const maxKeptFields = 64

var upstreamResponses = sync.Pool{New: func() any { return &upstreamResponse{} }}

// release returns the memory of the response to the pools. Strings of the head are invalid afterwards. A nil response has no
// memory.
func (r *upstreamResponse) release() {
	if r == nil {
		return
	}
	r.body.release()
	if r.stream != nil {
		r.stream.Release()
		r.stream = nil
		clear(r.head.Fields)
	}
	r.putLarge()
	r.takeBack() // the next response waits without it
	if cap(r.head.Fields) > maxKeptFields {
		return
	}
	r.conn, r.start, r.end, r.limit = nil, 0, 0, 0
	upstreamResponses.Put(r)
}

// lend implements roomLender.
func (r *upstreamResponse) lend() []byte {
	if r.buffer == nil {
		r.pooled = r.conn.takeBuffer()
		r.buffer = *r.pooled
	}
	return r.room()
}

// room returns the part of the buffer that the next read may fill.
func (r *upstreamResponse) room() []byte {
	if r.limit > 0 {
		return r.buffer[r.end:min(len(r.buffer), r.end+r.limit)]
	}
	return r.buffer[r.end:]
}

// takeBack implements roomLender.
func (r *upstreamResponse) takeBack() {
	if r.pooled != nil {
		putUpstreamBuffer(r.pooled)
		r.pooled, r.buffer = nil, nil
	}
}

// forgetHead makes the whole buffer available to the body, once the head has been sent and everything in the buffer has
// been consumed. The strings of the head are invalid afterwards. The buffer of a large head is given back: the body may arrive
// slowly, and needs no more than a usual one (S-12.8).
func (r *upstreamResponse) forgetHead() {
	if r.stream != nil || r.body.room == 0 {
		return
	}
	clear(r.head.Fields)
	r.head.Reason, r.head.Upgrade = "", ""
	r.body.room, r.start, r.end = 0, 0, 0
	r.putLarge()
}

// setAside gives the buffer back while the client takes nothing (S-12.8). forgetHead must have been called.
func (r *upstreamResponse) setAside() {
	if r.stream != nil {
		r.stream.SetAside()
		return
	}
	r.takeBack()
	r.putLarge()
}

// held returns the response that the call's owner has not passed on yet, or nil.
func (c *upstreamCall) held() *upstreamResponse {
	if c.conn != nil {
		return c.conn.upstreamResponse
	}
	return c.response
}

// accepts implements bufferHolder.
func (r *upstreamResponse) accepts(n int64) {
	if r.conn.lookahead.crowded() {
		r.limit = int(max(leastRead, min(n, upstreamBufferBytes)))
	}
}

// awaitHead reads the first bytes of a head. It holds no buffer until they arrive, because an upstream may take its
// time to answer (S-12.8). TLS waits by itself, so over TLS awaitHead reads one byte; the rest of its record is then
// available.
func (r *upstreamResponse) awaitHead() error {
	r.start, r.end = 0, 0 // interim responses have been passed on
	if r.conn.lookahead.crowded() {
		r.limit = leastRead
	}
	if r.conn.plain {
		return r.filled(r.conn.readLent(r))
	}
	r.takeBack()
	n, err := r.conn.Read(r.conn.one[:])
	if n > 0 {
		r.lend()[0] = r.conn.one[0]
	}
	return r.filled(n, err)
}

// fill reads more bytes after the existing ones. It returns io.EOF only if the upstream has closed the connection in an
// orderly way.
func (r *upstreamResponse) fill() error {
	if r.end == len(r.buffer) {
		return io.ErrShortBuffer
	}
	return r.filled(r.conn.Read(r.room()))
}

// filled records the result of a read.
func (r *upstreamResponse) filled(n int, err error) error {
	r.end += n
	r.limit = 0
	if n > 0 {
		r.conn.received = true
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// errBadResponse is the error of a response that breaks the rules. Its text says how.
type errBadResponse string

func (e errBadResponse) Error() string { return string(e) }

// errSpeaksH2 is the error of an upstream that takes the connection for an HTTP/2 connection (S-18.7).
const errSpeaksH2 errBadResponse = `the upstream speaks HTTP/2, and upstream_protocol is "http1"`

// isSettings reports whether p begins with the header of a SETTINGS frame, the first frame of an HTTP/2 server.
func isSettings(p []byte) bool {
	return len(p) >= http2.HeaderBytes && p[0] == 0 && p[3] == byte(http2.TypeSettings) && p[4] == 0 && p[5]|p[6]|p[7]|p[8] == 0
}

// lengthFor returns the length that the head for the client declares for the body, or -1 for none. Over HTTP/1.1 only a
// chunked body can have trailers. So if the client speaks HTTP/1.1, lengthFor omits the length of an HTTP/2 response
// that will have trailers.
func (r *upstreamResponse) lengthFor(client Protocol) int64 {
	if !r.head.HasContentLength || client == HTTP11 && r.stream != nil && r.stream.ExpectsTrailers() {
		return -1
	}
	return r.head.ContentLength
}

// more reads the beginning of a head, or more of one that has begun to arrive.
func (r *upstreamResponse) more() error {
	if r.start == r.end {
		return r.awaitHead()
	}
	return r.fill()
}

// readHead reads and parses the next head, interim or final. A head that is not valid HTTP/1 is an error.
func (r *upstreamResponse) readHead() error {
	if r.stream != nil {
		return r.readSharedHead()
	}
	looked := 0
	for {
		if r.end > r.start {
			n, err := r.head.Parse(r.buffer[r.start:r.end], looked)
			if err == nil {
				r.start += n
				r.headRead()
				return nil
			}
			if err != http1.ErrIncomplete {
				if isSettings(r.buffer[r.start:r.end]) {
					return errSpeaksH2
				}
				return err
			}
			looked = r.end - r.start
		}
		if r.end > r.start && r.end == len(r.buffer) {
			if r.start > 0 { // the buffer begins with interim responses
				r.end = copy(r.buffer, r.buffer[r.start:r.end])
				r.start = 0
			} else if err := r.grow(); err != nil {
				return err
			}
		}
		if err := r.more(); err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
}
