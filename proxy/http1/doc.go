// Package http1 is a strict HTTP/1.1 codec, from bytes to bytes: it parses request and response heads in place, decides
// the framing of bodies, decodes and encodes chunked bodies with their trailers, and appends heads to buffers. It knows
// nothing of configuration, connections or goroutines, and allocates nothing in steady state.
//
// It accepts what RFC 9112 and RFC 9110 call valid and rejects everything that two readers could take differently: a
// proxy that is more tolerant than what stands behind it is how requests are smuggled. Each rejection is an *Error with
// the status to answer; the connection has to be closed after it, because where the next message begins is not known.
//
// Strings in what was parsed alias the buffer that was given: they hold as long as it is not overwritten.
package http1

// The bounds of what is accepted. All are in bytes but those of fields.
const (
	// MaxHeadBytes bounds a request or response head with its final empty line, and with the empty lines before a
	// request; one byte more is a 431 (S-6).
	MaxHeadBytes = 64 << 10
	// MaxFields bounds the field lines of a request head or a trailer section, those of the framing counted; more are a 431.
	// It bounds also the options in Connection; more are a 400.
	MaxFields = 128
	// MaxResponseFields bounds the field lines of a response head: some applications set a cookie for each of a hundred
	// things.
	MaxResponseFields = 256
	// MaxMethodBytes bounds a method; a longer one is none that anybody implements: 501 (RFC 9112, section 3).
	MaxMethodBytes = 32
	// MaxTargetBytes bounds a request target; a longer one is a 414. RFC 9112, section 3, asks for 8000 at least.
	MaxTargetBytes = 32 << 10
	// MaxChunkLineBytes bounds the line before a chunk with its extensions and its CRLF.
	MaxChunkLineBytes = 512
	// MaxChunkExcessBytes bounds what the chunk lines of a body hold beyond 16 bytes each and twice their data: one-byte
	// chunks are slow but honest, long extensions on them are an attack.
	MaxChunkExcessBytes = 16 << 10
	// MaxTrailerBytes bounds a trailer section with its final empty line.
	MaxTrailerBytes = 8 << 10
	// maxEmptyLines bounds the empty lines that are skipped before a request line: old clients sent one after the body
	// of a POST (RFC 9112, section 2.2).
	maxEmptyLines = 4
)
