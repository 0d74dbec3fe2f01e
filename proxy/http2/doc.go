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
	// MaxFrameBytes bounds the payload of a frame: the lowest bound that a peer may be held to (RFC 9113, section 4.2).
	// Larger frames would only delay what waits after them.
	MaxFrameBytes = 16 << 10
	// MaxHeaderListBytes bounds a decoded header list, where each field counts 32 bytes more than its name and value (RFC
	// 9113, section 6.5.2). It is the bound of a head in HTTP/1; one byte more is a 431 (S-6).
	MaxHeaderListBytes = http1.MaxHeadBytes
	// MaxFields bounds the fields of a header list, as in HTTP/1. Pseudo-header fields do not count. Nor do the cookie
	// fields of a request, which become one: browsers send one for each cookie. MaxHeaderListBytes bounds them.
	MaxFields = http1.MaxFields
	// MaxHeaderBlockBytes bounds a header block as sent, over all its frames. No honest block is longer than the largest
	// list; there is some room for heads that are a little too large, which get their 431.
	MaxHeaderBlockBytes = 2 * MaxHeaderListBytes
	// MaxContinuations is how many CONTINUATION frames one header block may have. The largest head needs four full ones;
	// an endless series of small ones is an attack (CVE-2024-27316).
	MaxContinuations = 16
	// MaxInflatedBytes bounds the decoded size of a header block before it is treated as a bomb: one-byte references to a
	// large entry of the table. Up to this size it is a head that is too large.
	MaxInflatedBytes = 8 * MaxHeaderListBytes
	// HeaderTableBytes is the size of both dynamic tables of HPACK: the default of RFC 7541. Every connection would pay
	// for more.
	HeaderTableBytes = 4096
	// MaxWindow is the largest flow-control window (RFC 9113, section 6.9.1).
	MaxWindow = 1<<31 - 1
	// InitialWindow is the window of a connection, and of a stream unless SETTINGS say otherwise.
	InitialWindow = 1<<16 - 1
)

// Preface is what a client sends before its first frame (RFC 9113, section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
