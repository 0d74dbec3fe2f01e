package proxy

import (
	"io"

	"reverse-proxy/proxy/http1"
)

// http1Body is the body of an HTTP/1 request, read from its connection.
type http1Body struct {
	work *http1Work
	// left is how many bytes of a body of declared length are still to come.
	left    int64
	chunked bool
	decoder http1.ChunkedDecoder
	// failed is why the chunks cannot be decoded further.
	failed error
	// dry reports whether the last read found nothing.
	dry bool
	// long is the buffer for chunks once the bytes that came with the head are consumed. It is nil before that, and
	// again after a read that found nothing.
	long       *[]byte
	start, end int
}

func (b *http1Body) begin(w *http1Work) {
	b.work, b.left, b.chunked = w, w.head.ContentLength, w.head.Chunked
	b.start, b.end, b.failed, b.dry = 0, 0, nil, false
	b.decoder.Reset()
}

// read implements bodySource.
func (b *http1Body) read(room []byte, wait bool) ([]byte, error) {
	b.work.conn.socket.tryRead = !wait
	defer func() { b.work.conn.socket.tryRead = false }()
	var data []byte
	var err error
	if b.chunked {
		data, err = b.readChunks(room)
	} else {
		data, err = b.readPart(room)
	}
	b.dry = err == errNotReady
	return data, err
}

// await implements bodyAwaiter. If the last read found nothing, it waits for bytes on the socket: TLS then holds none
// either. It returns -1, because it does not know how many bytes have arrived.
func (b *http1Body) await() int {
	if b.dry {
		_ = b.work.conn.socket.awaitBytes() // the next read returns the error
	}
	return -1
}

// readPart returns bytes of a body of declared length.
func (b *http1Body) readPart(room []byte) ([]byte, error) {
	w := b.work
	var data []byte
	if w.start < w.end {
		data = w.in[w.start:min(int64(w.end), int64(w.start)+min(b.left, int64(len(room))))]
		w.start += len(data)
	} else {
		n, err := w.conn.stream.Read(room[:min(b.left, int64(len(room)))])
		if n == 0 {
			return nil, endsEarly(err)
		}
		data = room[:n]
	}
	if b.left -= int64(len(data)); b.left == 0 {
		return data, io.EOF
	}
	return data, nil
}

// endsEarly returns the error for a read of zero bytes. At the end of the connection that is io.ErrUnexpectedEOF,
// because a closed connection never ends a body.
func endsEarly(err error) error {
	if err == io.EOF || err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readChunks returns decoded bytes. It decodes in place.
func (b *http1Body) readChunks(room []byte) ([]byte, error) {
	for {
		if b.failed != nil {
			return nil, b.failed
		}
		waiting, err := b.waiting(len(room))
		if err != nil {
			return nil, err
		}
		data, n, done, err := b.decoder.Decode(waiting[:min(len(waiting), len(room))])
		b.consume(n)
		if err != nil {
			b.failed = malformedBody{err}
			if len(data) > 0 { // data before a fault comes first
				return data, nil
			}
			return nil, b.failed
		}
		if done {
			return data, io.EOF
		}
		if len(data) > 0 {
			return data, nil
		}
	}
}

// trailers implements bodySource.
func (b *http1Body) trailers() Fields {
	if !b.chunked {
		return nil
	}
	return b.decoder.Trailers()
}

// wholeLength implements bodySource. The length of a chunked body is known only once it is read.
func (b *http1Body) wholeLength() (length int64, ok bool) { return 0, false }

// waiting returns bytes that were read but not consumed. If there are none, it reads up to limit bytes.
func (b *http1Body) waiting(limit int) ([]byte, error) {
	w := b.work
	if w.start < w.end {
		return w.in[w.start:w.end], nil
	}
	if b.start == b.end {
		if b.long == nil {
			b.long = longBuffers.Get().(*[]byte)
		}
		n, err := w.conn.stream.Read((*b.long)[:min(limit, len(*b.long))])
		if n == 0 {
			longBuffers.Put(b.long)
			b.long, b.start, b.end = nil, 0, 0
			return nil, endsEarly(err)
		}
		b.start, b.end = 0, n
	}
	return (*b.long)[b.start:b.end], nil
}

func (b *http1Body) consume(n int) {
	if w := b.work; w.start < w.end {
		w.start += n
		return
	}
	b.start += n
}

// release returns the long buffer to its pool. It moves bytes of the next request in that buffer to the connection's
// buffer.
func (b *http1Body) release() {
	if b.long == nil {
		return
	}
	if b.start < b.end {
		w := b.work
		w.start = 0
		rest := (*b.long)[b.start:b.end]
		if len(rest) > len(w.in) {
			w.in = make([]byte, len(rest))
		}
		w.end = copy(w.in, rest)
	}
	longBuffers.Put(b.long)
	b.long, b.start, b.end = nil, 0, 0
}
