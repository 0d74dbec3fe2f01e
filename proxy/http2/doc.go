// Package http2 is a strict HTTP/2 codec for a server, from bytes to bytes: it parses frames in place and appends frames
// to buffers, decodes header blocks into requests that HTTP/1.1 can carry, and encodes the heads of responses. It knows
// nothing of configuration, connections or goroutines, and allocates next to nothing in steady state.
//
// It accepts what RFC 9113, RFC 7541, RFC 8441 and RFC 9218 call valid and rejects everything else with an *Error, which
// says whether the stream or the connection ends, and with which code.
//
// Parsed payloads alias the given buffer: they are valid until it is overwritten.
package http2

import "reverse-proxy/proxy/http1"

// These constants bound what is accepted. They are in bytes unless their comments say otherwise.
const (
	// MaxFrameBytes bounds the payload of a frame. RFC 9113, section 4.2, does not allow a lower bound, and larger
	// frames would only delay the frames after them.
	MaxFrameBytes = 16 << 10
	// MaxHeaderListBytes bounds a decoded header list, where each field counts 32 bytes more than its name and value (RFC
	// 9113, section 6.5.2). It is the bound of a head in HTTP/1; one byte more is a 431 (S-6).
	MaxHeaderListBytes = http1.MaxHeadBytes
	// MaxFields bounds the fields of a header list, as in HTTP/1. Pseudo-header fields do not count. Nor do the cookie
	// fields of a request: browsers send one for each cookie, and the codec counts them as one field.
	// MaxHeaderListBytes bounds them.
	MaxFields = http1.MaxFields
	// MaxHeaderBlockBytes bounds an encoded header block, over all its frames. No honest block is longer than the
	// largest list. The rest leaves room for heads that are slightly too large, which are answered with 431.
	MaxHeaderBlockBytes = 2 * MaxHeaderListBytes
	// MaxContinuations is how many CONTINUATION frames one header block may have. The largest head needs four full ones;
	// an endless series of small ones is an attack (CVE-2024-27316).
	MaxContinuations = 16
	// MaxInflatedBytes bounds the decoded size of a header block. A longer one is treated as a bomb, made of one-byte
	// references to a large entry of the table. A shorter one is only a head that is too large.
	MaxInflatedBytes = 8 * MaxHeaderListBytes
	// HeaderTableBytes is the size of both dynamic tables of HPACK, the default of RFC 7541. More would cost memory on
	// every connection.
	HeaderTableBytes = 4096
	// MaxWindow is the largest flow-control window (RFC 9113, section 6.9.1).
	MaxWindow = 1<<31 - 1
	// InitialWindow is the initial window of a connection, and of a stream unless SETTINGS changes it.
	InitialWindow = 1<<16 - 1
)

// Preface is what a client sends before its first frame (RFC 9113, section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
