package http2

import "strconv"

// Code is an error code of RFC 9113, section 7.
type Code uint32

// These are the error codes of RFC 9113, section 7.
const (
	NoError            Code = 0x0
	ProtocolError      Code = 0x1
	InternalError      Code = 0x2
	FlowControlError   Code = 0x3
	SettingsTimeout    Code = 0x4
	StreamClosed       Code = 0x5
	FrameSizeError     Code = 0x6
	RefusedStream      Code = 0x7
	Cancel             Code = 0x8
	CompressionError   Code = 0x9
	ConnectError       Code = 0xa
	EnhanceYourCalm    Code = 0xb
	InadequateSecurity Code = 0xc
	HTTP11Required     Code = 0xd
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String returns the name of the code in RFC 9113, or its number.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "code " + strconv.FormatUint(uint64(c), 10)
}

// Error is the rejection of something that the peer sent.
type Error struct {
	// Code is the error code to send.
	Code Code
	// Stream is the stream to end, or 0 to end the connection.
	Stream uint32
	// Reason is for the log. It contains no received bytes.
	Reason string
}

// Error returns the code and the reason.
func (e *Error) Error() string { return e.Code.String() + ": " + e.Reason }

// connectionError returns an error that ends the connection.
func connectionError(code Code, reason string) *Error { return &Error{Code: code, Reason: reason} }

// streamError returns an error that ends a stream.
func streamError(stream uint32, code Code, reason string) *Error {
	return &Error{Code: code, Stream: stream, Reason: reason}
}
