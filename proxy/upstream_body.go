package proxy

import (
	"io"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http1"
)

// upstreamBody is the body of an upstream's response, read in place.
type upstreamBody struct {
	response *upstreamResponse
	// stream is the response's stream over HTTP/2, which then does all the work. It is nil over HTTP/1.1.
	stream *h2client.Stream
	kind   http1.BodyKind
	// left is the number of missing bytes of a body of known length.
	left    int64
	decoder http1.ChunkedDecoder
	// room is the offset in the response's buffer at which the head ends and the body may be read. It protects the
	// head's strings, which are still in use.
	room int
	// full reports whether the last read filled the room. There is then more, and a larger buffer pays off.
	full bool
	// long is the buffer of a long body. lookahead is where it was taken from.
	long       *[]byte
	lookahead  *lookahead
	start, end int
	done       bool
	// failed is the reason why the chunks cannot be decoded further.
	failed error
}

// begin prepares the body that follows the head of the response, which answers a request with the given method.
//
// It is not inlined, because the new state would enlarge the stacks of all requests that wait (S-12.8).
//
//go:noinline
func (b *upstreamBody) begin(r *upstreamResponse, method string) {
	if r.stream != nil {
		*b = upstreamBody{response: r, stream: r.stream, decoder: b.decoder}
		return
	}
	kind, length := r.head.BodyOf(method)
	*b = upstreamBody{response: r, kind: kind, left: length, decoder: b.decoder, room: r.start}
	b.decoder.Reset()
	b.done = kind == http1.BodyNone || kind == http1.BodyLength && length == 0
}

// next returns the next bytes of the body, which are valid until the next call. It returns io.EOF at the end of the
// body, possibly together with the last bytes, and an error if the upstream ends the body too early.
func (b *upstreamBody) next() ([]byte, error) {
	if b.done {
		return nil, io.EOF
	}
	if b.stream != nil {
		return b.nextShared()
	}
	for {
		if b.failed != nil {
			return nil, b.failed
		}
		waiting, err := b.waiting()
		if err != nil {
			if err == io.EOF && b.kind == http1.BodyUntilClose {
				b.done = true
			} else if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		switch b.kind {
		case http1.BodyLength:
			if int64(len(waiting)) >= b.left {
				waiting = waiting[:b.left]
				b.done = true
			}
			b.left -= int64(len(waiting))
			b.consume(len(waiting))
			return waiting, b.atEnd()
		case http1.BodyUntilClose:
			b.consume(len(waiting))
			return waiting, nil
		}
		data, n, done, err := b.decoder.Decode(waiting)
		b.consume(n)
		b.done = done
		if err != nil {
			b.failed = err
			if len(data) > 0 { // data before a fault comes first
				return data, nil
			}
			return nil, err
		}
		if len(data) > 0 || done {
			return data, b.atEnd()
		}
	}
}

// atEnd returns io.EOF if the body is done.
func (b *upstreamBody) atEnd() error {
	if b.done {
		return io.EOF
	}
	return nil
}

// waiting returns the bytes that were read but not consumed. It reads if there are none.
func (b *upstreamBody) waiting() ([]byte, error) {
	if b.buffered() == 0 {
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
	if b.end > b.start {
		return (*b.long)[b.start:b.end], nil
	}
	return b.response.buffer[b.response.start:b.response.end], nil
}

// mayStop reports whether reading may wait for a client that takes nothing. It must not if one more read may end the body
// and free the connection (S-12.7). The number of bodies in long buffers is bounded, so these are read ahead.
func (b *upstreamBody) mayStop() bool {
	return b.long == nil && (b.kind != http1.BodyLength || b.left > upstreamBufferBytes)
}

// ready reports whether next would return at once.
func (b *upstreamBody) ready() bool {
	if b.stream != nil {
		return b.stream.Ready()
	}
	return b.done || b.buffered() > 0
}

// buffered returns the number of bytes available without reading.
func (b *upstreamBody) buffered() int { return b.end - b.start + b.response.end - b.response.start }

func (b *upstreamBody) consume(n int) {
	if b.end > b.start {
		b.start += n
		return
	}
	b.response.start += n
}

// fill reads into the room after the head, or into the long buffer if the body is long or arrives fast.
func (b *upstreamBody) fill() error {
	r := b.response
	if filled := b.room > 0 && b.room == len(r.buffer); b.long == nil && (b.left > longBodyBytes || b.full || filled) {
		b.lookahead = r.conn.lookahead
		b.long = b.lookahead.takeBuffer(filled)
	}
	if b.long == nil {
		r.start, r.end = b.room, b.room
		err := b.fillShort()
		b.full = r.end > 0 && r.end == len(r.buffer)
		return err
	}
	if b.room == 0 {
		r.setAside()
	}
	n, err := r.conn.Read(*b.long)
	b.start, b.end = 0, n
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fillShort reads into the room after the head. Once the head is forgotten, it holds no buffer until bytes arrive, unless TLS
// does the waiting: an upstream may take its time (S-12.8).
func (b *upstreamBody) fillShort() error {
	r := b.response
	if b.room == 0 && r.conn.plain {
		return r.filled(r.conn.readLent(r))
	}
	if r.buffer == nil {
		r.lend()
	}
	return r.fill()
}

// release returns the long buffer to its pool.
func (b *upstreamBody) release() {
	if b.long != nil {
		b.lookahead.giveBuffer(b.long)
		b.long = nil
	}
}

// trailers returns the trailer fields of a chunked body that has ended.
func (b *upstreamBody) trailers() Fields {
	if b.stream != nil {
		return b.stream.Trailers()
	}
	if b.kind != http1.BodyChunked {
		return nil
	}
	return b.decoder.Trailers()
}
