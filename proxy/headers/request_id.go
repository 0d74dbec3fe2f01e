package headers

import (
	"encoding/hex"
	"math/rand/v2"
	"time"
	"unsafe"
)

// RequestIDBytes is the length of a request ID.
const RequestIDBytes = 36

// NewRequestID makes an ID for a request that began at the given time. It writes the ID into room, whose bytes must not
// change while the ID is in use. The ID is a UUIDv7 (RFC 9562, section 5.7), so IDs sort by time. Its 74 random bits come
// from math/rand/v2, whose ChaCha8 generator is seeded by the runtime and needs no system call and no lock. That is enough:
// an ID is not a secret, but no client can guess one or force a collision.
func NewRequestID(room *[RequestIDBytes]byte, at time.Time) string {
	return unsafe.String(&room[0], len(appendUUIDv7(room[:0], at, rand.Uint64(), rand.Uint64())))
}

// appendUUIDv7 appends the UUID for a time and random bits. It uses the lowest 12 bits of a and the lowest 62 of b.
func appendUUIDv7(dst []byte, at time.Time, a, b uint64) []byte {
	var id [16]byte
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[7] = 0x70|byte(a>>8)&0x0f, byte(a)
	for i := range 8 {
		id[8+i] = byte(b >> (56 - 8*i))
	}
	id[8] = 0x80 | id[8]&0x3f
	for i, ends := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[[...]int{0, 4, 6, 8, 10}[i]:ends])
	}
	return dst
}
