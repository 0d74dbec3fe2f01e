package proxy

import "reverse-proxy/proxy/http2"

// h2DirectBytes is the length from which the payload of a DATA frame is read directly into a chunk. Such a payload
// nearly fills the chunk, so a body takes no more memory than in chunks that are filled one after another (S-12.8).
const h2DirectBytes = 15 << 10

// h2Direct is a DATA frame whose payload is read into the chunk in which it waits for the upstream. This saves the copy
// from the connection's read buffer, which would be one of three copies of an upload. Only the reading goroutine uses
// it.
type h2Direct struct {
	// chunk is nil while no frame is read in this way. Its used field counts what has arrived.
	chunk *h2Chunk
	head  http2.Header
}

// begin starts a frame whose payload begins with part.
func (d *h2Direct) begin(head http2.Header, part []byte) {
	d.chunk, d.head = takeChunk(int64(head.Length)), head
	d.chunk.used = copy(d.chunk.data, part)
}

// room returns where the rest of the payload goes.
func (d *h2Direct) room() []byte { return d.chunk.data[d.chunk.used:d.head.Length] }

// whole reports whether there is a frame, and all of its payload has arrived.
func (d *h2Direct) whole() bool { return d.chunk != nil && d.chunk.used == d.head.Length }

// end forgets the frame, and releases the chunk unless a stream has taken it.
func (d *h2Direct) end() {
	if d.chunk != nil {
		d.chunk.release()
	}
	*d = h2Direct{}
}

// take hands the chunk to the stream if the chunk holds exactly the data; otherwise it returns nil. A padded frame's
// payload is longer than its data.
func (d *h2Direct) take(data []byte) *h2Chunk {
	chunk := d.chunk
	if chunk == nil || len(data) != chunk.used {
		return nil
	}
	d.chunk = nil
	return chunk
}
