package http1

import "math"

// ChunkedDecoder decodes a chunked body with its trailer section, in place and in pieces of any size (RFC 9112, section
// 7.1). It reads nothing by itself. The zero value is ready for one body; Reset makes it ready for the next.
type ChunkedDecoder struct {
	state     chunkState
	digits    int    // hex digits of the size read so far
	remaining uint64 // of the chunk, while its data is read; its size, while its line is
	line      int    // bytes of the chunk line read so far
	excess    int64  // bytes of chunk lines beyond what their data allows
	err       *Error
	trailer   []byte   // the trailer section read so far
	scan      headScan // of the trailer section
	fields    Fields
}

type chunkState uint8

const (
	chunkSize chunkState = iota // in the hex digits of a chunk line
	chunkName                   // behind a semicolon; for this and what follows see extension
	chunkInName
	chunkAfterName // white space behind a name
	chunkValue     // behind an equals sign
	chunkInValue
	chunkQuoted
	chunkAfterQuoted // behind the closing quote
	chunkAfterValue  // white space behind a value
	chunkEscape      // behind a backslash in a quoted value
	chunkLineEnd     // behind the CR of the line
	chunkData        // in the data
	chunkDataCR      // behind the data
	chunkDataLF      // behind the CR behind the data
	chunkTrailer     // in the trailer section
	chunkFinished    // all read
)

const (
	// maxChunkDigits bounds the hex digits of a size, zeros in front counted: 16 cannot overflow.
	maxChunkDigits = 16
	// maxChunkSize bounds a size in bytes to half of the greatest length. No chunk is that long, and readers who reckon
	// with twice the size, as net/http does, overflow above it and see another body.
	maxChunkSize = math.MaxInt64 / 2
)

// Reset forgets the body and keeps the memory for its trailers.
func (d *ChunkedDecoder) Reset() {
	*d = ChunkedDecoder{trailer: d.trailer[:0], fields: d.fields[:0]}
}

// Decode decodes from the beginning of src, which continues where the bytes consumed by the last call ended. It returns
// the next piece of data, a part of src that may be empty, how many bytes of src are used up, and whether the body is at
// its end, trailers and all; what is not consumed then belongs to the next message. It wants more bytes only when it has
// consumed all of src, else it is to be called again with the rest. An error is an *Error with status 400 or 431 (for a
// response it means 502); data in front of the fault comes with it, and every later call returns it again.
func (d *ChunkedDecoder) Decode(src []byte) (data []byte, consumed int, done bool, err error) {
	i := 0
	if d.state == chunkData {
		data, i = d.take(src, 0)
	}
	for d.err == nil && i < len(src) && d.state != chunkFinished {
		if d.state == chunkData {
			if data != nil {
				break
			}
			data, i = d.take(src, i)
			continue
		}
		i = d.frame(src, i)
	}
	if d.err != nil {
		return data, i, false, d.err
	}
	return data, i, d.state == chunkFinished, nil
}

// Trailers returns the trailer fields of a body that is at its end, empty when there were none. They hold until Reset.
func (d *ChunkedDecoder) Trailers() Fields { return d.fields }

// take takes as much of the chunk's data as there is.
func (d *ChunkedDecoder) take(src []byte, i int) (data []byte, next int) {
	n := len(src) - i
	if uint64(n) >= d.remaining {
		n = int(d.remaining)
		d.state = chunkDataCR
	}
	d.remaining -= uint64(n)
	return src[i : i+n : i+n], i + n
}

// frame reads what stands between the data of two chunks, and returns the index at which data begins, the body is at its
// end, or src is. A fault is in d.err.
func (d *ChunkedDecoder) frame(src []byte, i int) int {
	for i < len(src) {
		c := src[i]
		switch d.state {
		case chunkDataCR:
			if c != '\r' {
				return d.fail(i, 400, "chunk longer than its size")
			}
			d.state = chunkDataLF
		case chunkDataLF:
			if c != '\n' {
				return d.fail(i, 400, "chunk longer than its size")
			}
			d.state, d.digits, d.line = chunkSize, 0, 0
		case chunkSize:
			d.line++
			if digit := hexValue(c); digit < 16 {
				if d.digits++; d.digits > maxChunkDigits {
					return d.fail(i, 400, "chunk size too large")
				}
				d.remaining = d.remaining<<4 | uint64(digit)
				break
			}
			if d.digits == 0 {
				return d.fail(i, 400, "malformed chunk size")
			}
			if c == '\r' {
				d.state = chunkLineEnd
				break
			}
			// White space may stand before the semicolon by the grammar, as what a recipient puts up with; not all do.
			if c != ';' {
				return d.fail(i, 400, "malformed chunk size")
			}
			d.state = chunkName
		case chunkLineEnd:
			d.line++
			if c != '\n' {
				return d.fail(i, 400, "bare CR in a chunk line")
			}
			if d.remaining > maxChunkSize {
				return d.fail(i, 400, "chunk size too large")
			}
			if d.line > MaxChunkLineBytes || !d.accountLine() {
				return d.fail(i, 400, "chunk extensions too long")
			}
			if d.remaining != 0 {
				d.state = chunkData
				return i + 1
			}
			d.state = chunkTrailer
		case chunkTrailer:
			return d.readTrailer(src, i)
		default:
			if d.line++; d.line > MaxChunkLineBytes {
				return d.fail(i, 400, "chunk extensions too long")
			}
			if !d.extension(c) {
				return d.fail(i, 400, "malformed chunk extension")
			}
		}
		i++
	}
	return i
}

// accountLine reports whether the chunk lines so far are in proportion to their data: each may have 16 bytes, and twice
// the size of its chunk, for nothing (the bounds of net/http).
func (d *ChunkedDecoder) accountLine() bool {
	data := int64(min(d.remaining, MaxChunkExcessBytes)) // more would do no more, and twice the greatest size overflow
	d.excess = max(0, d.excess+int64(d.line)-16-2*data)
	return d.excess <= MaxChunkExcessBytes
}

func (d *ChunkedDecoder) fail(i, status int, reason string) int {
	d.err = reject(status, reason)
	return i
}

// hexValue returns the value of a hex digit, and 16 for any other byte.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
