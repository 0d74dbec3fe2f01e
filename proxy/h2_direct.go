package proxy

import "reverse-proxy/proxy/http2"

// h2DirectBytes is the length from which the payload of a DATA frame is read directly into a chunk. It nearly fills the chunk,
// so that a body takes no more memory than in chunks that are filled one after the other (S-12.8).
const h2DirectBytes = 15 << 10

// h2Direct is a DATA frame whose payload is read into the chunk in which it waits for the upstream: it is not copied from
// the connection's read buffer, which was one of three copies of an upload. Only the reading goroutine uses it.
type h2Direct struct {
	// chunk is nil while no frame is read like this. Its used counts what has arrived.
	chunk *h2Chunk
	head  http2.Header
}

// readDirectly has the rest of an incomplete frame, whose beginning is all that is in the buffer, read directly if it is a
// long DATA frame.
func (h *h2Conn) readDirectly(head http2.Header) {
	if head.Type != http2.TypeData || head.Length < h2DirectBytes {
		return
	}
	chunk := takeChunk(int64(head.Length))
	chunk.used = copy(chunk.data, (*h.in)[h.start+http2.HeaderBytes:h.end])
	h.direct = h2Direct{chunk, head}
	h.start, h.end = 0, 0
	h.releaseInput()
}

// fillDirect reads more of the payload.
func (h *h2Conn) fillDirect() error {
	d := &h.direct
	n, err := h.conn.Read(d.chunk.data[d.chunk.used:d.head.Length])
	d.chunk.used += n
	if n == 0 {
		return noProgress(err)
	}
	return nil
}

// directFrame handles the frame once its payload is complete.
func (h *h2Conn) directFrame() error {
	d := &h.direct
	if d.chunk == nil || d.chunk.used < d.head.Length {
		return nil
	}
	err := h.handle(d.head, d.chunk.data[:d.head.Length])
	if d.chunk != nil { // no stream has taken it
		d.chunk.release()
	}
	*d = h2Direct{}
	return err
}

// take gives up the chunk to the stream that gets the data, if that is what the chunk holds; else it returns nil. The payload
// of a padded frame is more than its data.
func (d *h2Direct) take(data []byte) *h2Chunk {
	chunk := d.chunk
	if chunk == nil || len(data) != chunk.used {
		return nil
	}
	d.chunk = nil
	return chunk
}
