package http2

import (
	"golang.org/x/net/http2/hpack"

	"reverse-proxy/proxy/http1"
)

// HeadDecoder decodes the header blocks of one connection, one after another. Every block must go through it, including
// those of refused streams: the blocks share a table (RFC 7541, section 2.2).
type HeadDecoder struct {
	hpack *hpack.Decoder
	// response reports whether the blocks are those of responses.
	response bool
	// head receives the fields of the block. It is nil for a block that is decoded only to keep the table in step.
	head *Head
	// encoded is the size of the block so far, continuations its number of CONTINUATION frames, and inflated its
	// decoded size.
	encoded, continuations, inflated int
}

// NewHeadDecoder returns the decoder for a connection.
func NewHeadDecoder() *HeadDecoder {
	d := &HeadDecoder{}
	d.hpack = hpack.NewDecoder(HeaderTableBytes, d.field)
	d.hpack.SetMaxStringLength(MaxHeaderBlockBytes)
	return d
}

func (d *HeadDecoder) field(f hpack.HeaderField) {
	d.inflated += int(f.Size())
	if d.head == nil {
		return
	}
	if d.inflated > MaxHeaderListBytes && d.head.tooLarge == "" {
		d.head.tooLarge = listTooLarge
		if d.response {
			d.head.tooLarge = responseTooLarge
		}
	}
	d.head.add(f.Name, f.Value)
}

// Begin begins a block with its first fragment. The fields go into head. If head is nil, the block is decoded only to
// keep the table in step. trailer reports whether the block holds the trailers of a request.
func (d *HeadDecoder) Begin(head *Head, trailer bool, fragment []byte) *Error {
	d.head = head
	d.encoded, d.continuations, d.inflated = 0, 0, 0
	if head != nil {
		head.reset(trailer)
		head.response = d.response
	}
	return d.write(fragment)
}

// Continue decodes the fragment of a CONTINUATION frame. A block with more bytes or frames than any honest one ends the
// connection.
func (d *HeadDecoder) Continue(fragment []byte) *Error {
	if d.continuations++; d.continuations > MaxContinuations {
		return connectionError(EnhanceYourCalm, "endless CONTINUATION")
	}
	return d.write(fragment)
}

func (d *HeadDecoder) write(fragment []byte) *Error {
	if d.encoded += len(fragment); d.encoded > MaxHeaderBlockBytes {
		return connectionError(EnhanceYourCalm, "a header block is too large")
	}
	if _, err := d.hpack.Write(fragment); err != nil {
		return connectionError(CompressionError, "a header block cannot be decoded")
	}
	if d.inflated > MaxInflatedBytes {
		return connectionError(EnhanceYourCalm, "a header block inflates")
	}
	return nil
}

// End ends the block. malformed and refused are the results of Head.finish, if the block has a head.
func (d *HeadDecoder) End() (malformed string, refused *http1.Error, err *Error) {
	head := d.head
	d.head = nil
	if d.hpack.Close() != nil {
		return "", nil, connectionError(CompressionError, "a header block is not complete")
	}
	if head == nil {
		return "", nil, nil
	}
	malformed, refused = head.finish()
	return malformed, refused, nil
}
