package http1

// readTrailer collects the trailer section, which may come in pieces, up to its empty line, and parses it (RFC 9112,
// section 7.1.2). It rejects fields that frame or route a message (RFC 9110, section 6.5.1). It returns the index in
// src up to which it has consumed the bytes.
func (d *ChunkedDecoder) readTrailer(src []byte, i int) int {
	if len(d.trailer) == 0 {
		if len(src)-i >= 2 && src[i] == '\r' && src[i+1] == '\n' {
			d.state = chunkFinished
			return i + 2
		}
		d.scan = newTrailerScan()
	}
	before := len(d.trailer)
	if before == MaxTrailerBytes {
		return d.fail(i, 431, "trailer section over 8 KiB")
	}
	d.trailer = append(d.trailer, src[i:min(len(src), i+MaxTrailerBytes-before)]...)
	found := d.scan.look(d.trailer)
	d.trailer = d.trailer[:d.scan.at] // bytes after the section belong to the next message
	if found == headGoesOn {
		return i + len(d.trailer) - before
	}
	return d.parseTrailer(i + len(d.trailer) - before)
}

// parseTrailer parses a section that is complete or whose last byte is wrong.
func (d *ChunkedDecoder) parseTrailer(i int) int {
	l := lines{fields: d.fields}
	n, err := l.parse(d.trailer, 0, kindTrailer)
	if err != nil {
		d.err = err
		return i
	}
	if n != len(d.trailer) {
		return d.fail(i, 400, "malformed trailer section")
	}
	d.fields, d.state = l.fields, chunkFinished
	return i
}
