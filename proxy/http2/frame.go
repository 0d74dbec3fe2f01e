package http2

import "encoding/binary"

// Type is the type of a frame.
type Type uint8

// These are the frame types that this codec knows. Others are ignored (RFC 9113, section 5.5).
const (
	TypeData           Type = 0x0
	TypeHeaders        Type = 0x1
	TypePriority       Type = 0x2
	TypeRSTStream      Type = 0x3
	TypeSettings       Type = 0x4
	TypePushPromise    Type = 0x5
	TypePing           Type = 0x6
	TypeGoAway         Type = 0x7
	TypeWindowUpdate   Type = 0x8
	TypeContinuation   Type = 0x9
	TypePriorityUpdate Type = 0x10 // RFC 9218, section 7.1
)

// These are the flags of frames.
const (
	FlagEndStream  = 0x1 // DATA, HEADERS
	FlagAck        = 0x1 // SETTINGS, PING
	FlagEndHeaders = 0x4 // HEADERS, CONTINUATION
	flagPadded     = 0x8 // DATA, HEADERS
	flagPriority   = 0x20
)

// HeaderBytes is the length of a frame's header.
const HeaderBytes = 9

// Header is the header of a frame (RFC 9113, section 4.1).
type Header struct {
	Length int
	Type   Type
	Flags  uint8
	Stream uint32
}

// Has reports whether a flag is set.
func (h Header) Has(flag uint8) bool { return h.Flags&flag != 0 }

// CheckOrder checks that a frame is allowed at this point: SETTINGS must come first, and nothing may interrupt a header
// block. greeted reports whether the first frame has come. block is the stream whose header block has begun but not
// ended, or 0.
func CheckOrder(h Header, greeted bool, block uint32) *Error {
	switch {
	case block != 0 && (h.Type != TypeContinuation || h.Stream != block):
		return connectionError(ProtocolError, "a header block is interrupted")
	case !greeted && (h.Type != TypeSettings || h.Has(FlagAck)):
		return connectionError(ProtocolError, "the first frame is not SETTINGS")
	}
	return nil
}

// ParseHeader parses the header of a frame from the first HeaderBytes bytes of b, which must have at least that length.
// A frame longer than MaxFrameBytes ends the connection, whatever its type, because the rest is not read.
func ParseHeader(b []byte) (Header, *Error) {
	_ = b[HeaderBytes-1]
	h := Header{
		Length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		Type:   Type(b[3]),
		Flags:  b[4],
		Stream: binary.BigEndian.Uint32(b[5:]) &^ (1 << 31), // the reserved bit is ignored
	}
	if h.Length > MaxFrameBytes {
		return h, connectionError(FrameSizeError, "a frame is longer than SETTINGS_MAX_FRAME_SIZE")
	}
	return h, nil
}

// unpad removes the padding from a payload (RFC 9113, section 6.1).
func unpad(h Header, p []byte) ([]byte, *Error) {
	if !h.Has(flagPadded) {
		return p, nil
	}
	if len(p) == 0 {
		return nil, connectionError(FrameSizeError, "a padded frame has no pad length")
	}
	padding := int(p[0])
	if padding >= len(p) {
		return nil, connectionError(ProtocolError, "the padding is longer than the frame")
	}
	return p[1 : len(p)-padding], nil
}

// ParseData returns the data of a DATA frame, without its padding. The whole payload counts for flow control.
func ParseData(h Header, p []byte) ([]byte, *Error) {
	if h.Stream == 0 {
		return nil, connectionError(ProtocolError, "DATA on stream 0")
	}
	return unpad(h, p)
}

// ParseHeaders returns the fragment of a header block in a HEADERS frame. It ignores the priority of RFC 7540, which is
// deprecated. But a stream that depends on itself is still an error: self reports whether it does.
func ParseHeaders(h Header, p []byte) (fragment []byte, self bool, err *Error) {
	if h.Stream == 0 {
		return nil, false, connectionError(ProtocolError, "HEADERS on stream 0")
	}
	p, err = unpad(h, p)
	if err != nil || !h.Has(flagPriority) {
		return p, false, err
	}
	if len(p) < priorityBytes {
		return nil, false, connectionError(FrameSizeError, "HEADERS is too short for its priority")
	}
	return p[priorityBytes:], dependsOnItself(h, p), nil
}

// ParseContinuation checks a CONTINUATION frame, whose payload is a fragment of a header block.
func ParseContinuation(h Header, p []byte) ([]byte, *Error) {
	if h.Stream == 0 {
		return nil, connectionError(ProtocolError, "CONTINUATION on stream 0")
	}
	return p, nil
}

const priorityBytes = 5

func dependsOnItself(h Header, p []byte) bool {
	return binary.BigEndian.Uint32(p)&^(1<<31) == h.Stream
}

// CheckPriority checks a PRIORITY frame, which is otherwise ignored (RFC 9113, section 6.3).
func CheckPriority(h Header, p []byte) *Error {
	switch {
	case h.Stream == 0:
		return connectionError(ProtocolError, "PRIORITY on stream 0")
	case len(p) != priorityBytes:
		return streamError(h.Stream, FrameSizeError, "PRIORITY is not 5 bytes long")
	case dependsOnItself(h, p):
		return streamError(h.Stream, ProtocolError, "a stream depends on itself")
	}
	return nil
}

// ParseRSTStream returns the error code of a RST_STREAM frame.
func ParseRSTStream(h Header, p []byte) (Code, *Error) {
	switch {
	case h.Stream == 0:
		return 0, connectionError(ProtocolError, "RST_STREAM on stream 0")
	case len(p) != 4:
		return 0, connectionError(FrameSizeError, "RST_STREAM is not 4 bytes long")
	}
	return Code(binary.BigEndian.Uint32(p)), nil
}

// ParsePing returns the data of a PING frame.
func ParsePing(h Header, p []byte) (data [8]byte, err *Error) {
	switch {
	case h.Stream != 0:
		return data, connectionError(ProtocolError, "PING on a stream")
	case len(p) != 8:
		return data, connectionError(FrameSizeError, "PING is not 8 bytes long")
	}
	return [8]byte(p), nil
}

// ParseGoAway returns the error code of a GOAWAY frame.
func ParseGoAway(h Header, p []byte) (Code, *Error) {
	switch {
	case h.Stream != 0:
		return 0, connectionError(ProtocolError, "GOAWAY on a stream")
	case len(p) < 8:
		return 0, connectionError(FrameSizeError, "GOAWAY is shorter than 8 bytes")
	}
	return Code(binary.BigEndian.Uint32(p[4:])), nil
}

// ParseWindowUpdate returns the increment of a WINDOW_UPDATE frame. An increment of 0 is an error of the stream, or of
// the connection on stream 0 (RFC 9113, section 6.9).
func ParseWindowUpdate(h Header, p []byte) (uint32, *Error) {
	if len(p) != 4 {
		return 0, connectionError(FrameSizeError, "WINDOW_UPDATE is not 4 bytes long")
	}
	increment := binary.BigEndian.Uint32(p) &^ (1 << 31)
	if increment == 0 {
		return 0, streamError(h.Stream, ProtocolError, "WINDOW_UPDATE of 0")
	}
	return increment, nil
}

// ParsePriorityUpdate returns the stream and the priority of a PRIORITY_UPDATE frame (RFC 9218, section 7.1).
func ParsePriorityUpdate(h Header, p []byte) (stream uint32, priority string, err *Error) {
	switch {
	case h.Stream != 0:
		return 0, "", connectionError(ProtocolError, "PRIORITY_UPDATE on a stream")
	case len(p) < 4:
		return 0, "", connectionError(FrameSizeError, "PRIORITY_UPDATE is shorter than 4 bytes")
	}
	stream = binary.BigEndian.Uint32(p) &^ (1 << 31)
	if stream == 0 {
		return 0, "", connectionError(ProtocolError, "PRIORITY_UPDATE for stream 0")
	}
	return stream, string(p[4:]), nil
}
