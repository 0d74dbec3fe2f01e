package http1

import "bytes"

// readTrailer collects the trailer section, which may come in pieces, up to its empty line, and parses it (RFC 9112,
// section 7.1.2). Fields that frame or route a message are rejected in it (RFC 9110, section 6.5.1). It returns the index
// up to which src is used up.
func (d *ChunkedDecoder) readTrailer(src []byte, i int) int {
	if len(d.trailer) == 0 && len(src)-i >= 2 && src[i] == '\r' && src[i+1] == '\n' {
		d.state = chunkFinished
		return i + 2
	}
	for i < len(src) {
		end := bytes.IndexByte(src[i:], '\n') + 1
		whole := end > 0
		if !whole {
			end = len(src) - i
		}
		if len(d.trailer)+end > MaxTrailerBytes {
			return d.fail(i, 431, "trailer section too large")
		}
		d.trailer = append(d.trailer, src[i:i+end]...)
		i += end
		if !whole {
			return i
		}
		line := d.trailer[d.lineStart:]
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return d.fail(i, 400, "bare LF in the trailer section")
		}
		d.lineStart = len(d.trailer)
		if len(line) == 2 {
			return d.parseTrailer(i)
		}
	}
	return i
}

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
