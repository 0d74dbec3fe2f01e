// Package http2 is a strict HTTP/2 codec for a server, from bytes to bytes: it parses frames in place and appends frames to
// buffers, decodes header blocks into requests that HTTP/1.1 can carry, and encodes the heads of responses. It knows
// nothing of configuration, connections or goroutines, and allocates next to nothing in steady state.
//
// It accepts what RFC 9113, RFC 7541, RFC 8441 and RFC 9218 call valid and rejects everything else with an *Error, which
// reports whether the stream or the connection ends by it, and with which code.
//
// Payloads that were parsed alias the buffer that was given: they hold as long as it is not overwritten.
package http2

import "reverse-proxy/proxy/http1"

// The bounds of what is accepted. All are in bytes but those that say otherwise.
const (
	// MaxFrameBytes bounds the payload of a frame: the least that a peer may be held to (RFC 9113, section 4.2). Larger
	// ones would only delay what waits behind them.
	MaxFrameBytes = 16 << 10
	// MaxHeaderListBytes bounds a decoded header list, each field counted with 32 bytes more than its name and value
	// (RFC 9113, section 6.5.2). It is what HTTP/1 allows a head to have; one byte more is a 431 (S-6).
	MaxHeaderListBytes = http1.MaxHeadBytes
	// MaxFields bounds the fields of a header list, as in HTTP/1. Pseudo-header fields do not count, and neither do the cookie
	// fields of a request, which become one: browsers send one for each cookie. MaxHeaderListBytes bounds them.
	MaxFields = http1.MaxFields
	// MaxHeaderBlockBytes bounds a header block as it is sent, over all its frames. A block longer than the largest list
	// has no honest reason; some room is left for heads that are a little too large, which get their 431.
	MaxHeaderBlockBytes = 2 * MaxHeaderListBytes
	// MaxContinuations is how many CONTINUATION frames one header block may have. The largest head needs four full ones;
	// an endless row of small ones is an attack (CVE-2024-27316).
	MaxContinuations = 16
	// MaxInflatedBytes bounds what a header block may decode to before it is taken for a bomb: references of one byte to
	// a large entry of the table. Up to here it is a head that is too large.
	MaxInflatedBytes = 8 * MaxHeaderListBytes
	// HeaderTableBytes is the size of both dynamic tables of HPACK: what RFC 7541 has as the default. More would be paid
	// by every connection.
	HeaderTableBytes = 4096
	// MaxWindow is the largest flow-control window (RFC 9113, section 6.9.1).
	MaxWindow = 1<<31 - 1
	// InitialWindow is the window of a connection, and of a stream where no SETTINGS say otherwise.
	InitialWindow = 1<<16 - 1
)

// Preface is what a client sends before its first frame (RFC 9113, section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
