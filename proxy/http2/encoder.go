package http2

import (
	"hash/maphash"
	"strconv"

	"golang.org/x/net/http2/hpack"
)

// HeadEncoder encodes the header blocks of one connection, in the order in which they are sent. Fields that are likely to
// come again go into the table that both sides keep, and later cost one byte.
type HeadEncoder struct {
	table table
	// lookUp finds a name in the static table and decides how its field is sent.
	lookUp func(name []byte) (index int, how manner)
	// resized reports whether the next block must begin with the new size of the table, preceded by the smallest size
	// that the table has had since the last block (RFC 7541, section 4.2).
	resized  bool
	smallest int
	// name is the buffer for lower-cased names.
	name [maxLoweredName]byte
}

// maxLoweredName is the length up to which names are lower-cased without an allocation and looked up in the tables.
const maxLoweredName = 64

// NewHeadEncoder returns the encoder for a connection.
func NewHeadEncoder() *HeadEncoder {
	return &HeadEncoder{lookUp: lookUp, table: table{limit: HeaderTableBytes, seed: maphash.MakeSeed()}}
}

// SetTableSize applies the client's SETTINGS_HEADER_TABLE_SIZE. The encoder never uses more than HeaderTableBytes.
func (e *HeadEncoder) SetTableSize(size uint32) {
	limit := int(min(size, HeaderTableBytes))
	if limit == e.table.limit && !e.resized {
		return
	}
	if !e.resized {
		e.smallest = limit
	}
	e.smallest = min(e.smallest, limit)
	e.resized = true
	e.table.resize(limit)
}

// AppendStatus begins the block of a response.
func (e *HeadEncoder) AppendStatus(dst []byte, status int) []byte {
	dst = e.begin(dst)
	switch status {
	case 200:
		return append(dst, 0x80|8)
	case 204:
		return append(dst, 0x80|9)
	case 206:
		return append(dst, 0x80|10)
	case 304:
		return append(dst, 0x80|11)
	case 400:
		return append(dst, 0x80|12)
	case 404:
		return append(dst, 0x80|13)
	case 500:
		return append(dst, 0x80|14)
	}
	return append(dst, 8, 3, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10))
}

// Begin begins the block of trailers.
func (e *HeadEncoder) Begin(dst []byte) []byte { return e.begin(dst) }

func (e *HeadEncoder) begin(dst []byte) []byte {
	if !e.resized {
		return dst
	}
	e.resized = false
	if e.smallest < e.table.limit {
		dst = appendInt(dst, 0x20, 5, uint64(e.smallest))
	}
	return appendInt(dst, 0x20, 5, uint64(e.table.limit))
}

// AppendContentLength appends a content-length field.
func (e *HeadEncoder) AppendContentLength(dst []byte, length int64) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], length, 10)
	dst = appendInt(dst, 0, 4, staticContentLength)
	dst = append(dst, byte(len(text)))
	return append(dst, text...)
}

// AppendField appends a field with its name lower-cased. The name and the value must be valid.
func (e *HeadEncoder) AppendField(dst []byte, name, value string) []byte {
	if len(name) > len(e.name) {
		lowered := make([]byte, len(name))
		lower(lowered, name)
		dst = append(dst, 0)
		dst = appendInt(dst, 0, 7, uint64(len(lowered)))
		dst = append(dst, lowered...)
		return appendString(dst, value)
	}
	lowered := e.name[:len(name)]
	lower(lowered, name)
	index, how := e.lookUp(lowered)
	switch {
	case how == never:
		return e.literal(dst, 0x10, 4, index, lowered, value)
	case how == varies || !e.table.takes(len(name)+len(value)):
		return e.literal(dst, 0, 4, index, lowered, value)
	}
	hash := e.table.hash(lowered, value)
	if found := e.table.find(hash, lowered, value); found > 0 {
		return appendInt(dst, 0x80, 7, uint64(staticEntries+found))
	}
	e.table.add(hash, lowered, value)
	return e.literalHuffman(dst, index, lowered, value)
}

// literal appends a field that is not added to the table. A name in the static table is sent as its index.
func (e *HeadEncoder) literal(dst []byte, pattern byte, bits uint, index int, name []byte, value string) []byte {
	dst = appendInt(dst, pattern, bits, uint64(index))
	if index == 0 {
		dst = appendInt(dst, 0, 7, uint64(len(name)))
		dst = append(dst, name...)
	}
	return appendString(dst, value)
}

// literalHuffman appends a field that is added to the table. It compresses the value, which is sent in full only once.
func (e *HeadEncoder) literalHuffman(dst []byte, index int, name []byte, value string) []byte {
	dst = appendInt(dst, 0x40, 6, uint64(index))
	if index == 0 {
		dst = appendInt(dst, 0, 7, uint64(len(name)))
		dst = append(dst, name...)
	}
	length := hpack.HuffmanEncodeLength(value)
	if length >= uint64(len(value)) {
		return appendString(dst, value)
	}
	dst = appendInt(dst, 0x80, 7, length)
	return hpack.AppendHuffmanString(dst, value)
}

// appendString appends a string without compression (RFC 7541, section 5.2).
func appendString(dst []byte, s string) []byte {
	dst = appendInt(dst, 0, 7, uint64(len(s)))
	return append(dst, s...)
}

// appendInt appends an integer with a prefix of the given number of bits, after the pattern in the higher bits (RFC 7541,
// section 5.1).
func appendInt(dst []byte, pattern byte, bits uint, n uint64) []byte {
	limit := uint64(1)<<bits - 1
	if n < limit {
		return append(dst, pattern|byte(n))
	}
	dst = append(dst, pattern|byte(limit))
	for n -= limit; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

// lower copies the name into dst in lower case.
func lower(dst []byte, name string) {
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst[i] = c
	}
}
