package http1

import "math"

// ChunkedDecoder decodes a chunked body with its trailer section, in place and in pieces of any size (RFC 9112, section
// 7.1). It does not read from a source itself. The zero value is ready for one body; Reset prepares it for the next.
type ChunkedDecoder struct {
	state     chunkState
	digits    int    // hex digits of the size read so far
	remaining uint64 // in a chunk's data: its bytes still to come; in a chunk's line: its size so far
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
	chunkName                   // after a semicolon; extension reads this and the following states
	chunkInName
	chunkAfterName // white space after a name
	chunkValue     // after an equals sign
	chunkInValue
	chunkQuoted
	chunkAfterQuoted // after the closing quote
	chunkAfterValue  // white space after a value
	chunkEscape      // after a backslash in a quoted value
	chunkLineEnd     // after the CR of the line
	chunkData        // in the data
	chunkDataCR      // after the data
	chunkDataLF      // after the CR after the data
	chunkTrailer     // in the trailer section
	chunkFinished    // all read
)

const (
	// maxChunkDigits bounds the hex digits of a size, including leading zeros: 16 cannot overflow.
	maxChunkDigits = 16
	// maxChunkSize bounds a size in bytes to half of the largest length. No real chunk is that long. Readers that
	// double the size, as net/http does, would overflow above this bound and see a different body.
	maxChunkSize = math.MaxInt64 / 2
)

// Reset prepares the decoder for the next body and keeps the memory for its trailers.
func (d *ChunkedDecoder) Reset() {
	*d = ChunkedDecoder{trailer: d.trailer[:0], fields: d.fields[:0]}
}

// Decode decodes src, which continues where the bytes consumed by the last call ended. It returns the next piece of
// data, which is a part of src and may be empty; the number of bytes of src that it consumed; and whether the body has
// ended, including its trailers. Bytes that are not consumed then belong to the next message. If the body has not ended
// and bytes are left, the caller calls Decode again with the rest. An error is an *Error with status 400 or 431; if the
// body is that of a response, the status to answer is 502. Data before the fault is returned with the error, and every
// later call returns the same error.
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

// Trailers returns the trailer fields of a body that has ended, or none. They are valid until Reset.
func (d *ChunkedDecoder) Trailers() Fields { return d.fields }

// take takes as much of the chunk's data as src holds.
func (d *ChunkedDecoder) take(src []byte, i int) (data []byte, next int) {
	n := len(src) - i
	if uint64(n) >= d.remaining {
		n = int(d.remaining)
		d.state = chunkDataCR
	}
	d.remaining -= uint64(n)
	return src[i : i+n : i+n], i + n
}

// frame reads what comes between the data of two chunks. It returns the index at which data begins, or at which the
// body or src ends. It stores a fault in d.err.
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
			// The grammar allows white space before the semicolon only because recipients tolerate it. Not all do.
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

// accountLine reports whether the chunk lines so far are in proportion to their data. Like net/http, it allows each
// line 16 bytes plus twice the size of its chunk.
func (d *ChunkedDecoder) accountLine() bool {
	data := int64(min(d.remaining, MaxChunkExcessBytes)) // a larger value changes nothing, and twice the largest size overflows
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
