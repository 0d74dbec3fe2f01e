// Package http1 is a strict HTTP/1.1 codec, from bytes to bytes: it parses request and response heads in place,
// determines the framing of bodies, decodes and encodes chunked bodies with their trailers, and appends heads to buffers.
// It knows nothing of configuration, connections or goroutines, and allocates nothing in steady state.
//
// It accepts what RFC 9112 and RFC 9110 call valid and rejects everything that two readers could interpret differently,
// because a proxy that is more tolerant than the server after it makes request smuggling possible. Each rejection is an
// *Error with the status to answer. The connection must then be closed, because it is unknown where the next message
// begins.
//
// Strings in parsed values alias the given buffer: they are valid until it is overwritten.
package http1

// These constants bound what is accepted. They are in bytes, except for numbers of fields and lines.
const (
	// MaxHeadBytes bounds a request or response head, including the final empty line and the empty lines before a
	// request; one byte more is a 431 (S-6).
	MaxHeadBytes = 64 << 10
	// MaxFields bounds the field lines of a request head or a trailer section, including those of the framing; more are a
	// 431. It also bounds the options in Connection; more are a 400.
	MaxFields = 128
	// MaxResponseFields bounds the field lines of a response head. It is larger because some applications set a hundred
	// cookies.
	MaxResponseFields = 256
	// MaxMethodBytes bounds a method. A longer one is a 501, because nothing implements it (RFC 9112, section 3).
	MaxMethodBytes = 32
	// MaxTargetBytes bounds a request target; a longer one is a 414. RFC 9112, section 3, asks for at least 8000.
	MaxTargetBytes = 32 << 10
	// MaxChunkLineBytes bounds the line before a chunk, including its extensions and its CRLF.
	MaxChunkLineBytes = 512
	// MaxChunkExcessBytes bounds the excess bytes in the chunk lines of a body. A line may have 16 bytes plus twice the
	// size of its chunk; the rest is excess. One-byte chunks are slow but honest; long extensions on them are an
	// attack.
	MaxChunkExcessBytes = 16 << 10
	// MaxTrailerBytes bounds a trailer section, including its final empty line.
	MaxTrailerBytes = 8 << 10
	// maxEmptyLines bounds the empty lines that are skipped before a request line. Old clients sent one after the body
	// of a POST (RFC 9112, section 2.2).
	maxEmptyLines = 4
)
