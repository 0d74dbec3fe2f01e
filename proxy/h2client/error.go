package h2client

import (
	"errors"
	"fmt"

	"reverse-proxy/proxy/http2"
)

// Error is why a stream has failed.
type Error struct {
	// Reason is for the log. It contains no received bytes.
	Reason string
	// Unprocessed reports whether the server has certainly not processed the request, so that it may be sent again
	// whatever its method (RFC 9113, section 8.7).
	Unprocessed bool
	// Reset is the code with which the server reset the stream, or NoError if it did not.
	Reset http2.Code
	// Lost reports whether the connection has ended, so that it is unknown what became of the request.
	Lost bool
	// Blames reports whether the server is to blame as for a failed connection (S-18.5). The connection ended without an
	// answer to any request, or the server refused the request although no earlier one was open. For the end of a
	// connection, only one stream gets an error with Blames. The others get the same error without it.
	Blames bool
	// Progress reports whether the server has answered another request on the connection that it ends, or works on one. Sending
	// the request again on a new connection then makes progress, as each connection takes at least one request. It is never set
	// for REFUSED_STREAM: a server that refuses requests because it is busy must not get them again and again.
	Progress bool
	// Cause is the error of the network, or nil.
	Cause error
}

// Error returns the reason, followed by the cause if there is one.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Reason, e.Cause)
	}
	return e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// unprocessed returns the same error for a request that the server has certainly not acted on. progress is as in Error.
func (e *Error) unprocessed(progress bool) *Error {
	same := *e
	same.Unprocessed, same.Progress = true, progress
	return &same
}

// ErrInterrupted is the error of a call that Interrupt has ended.
var ErrInterrupted = errors.New("the stream was interrupted")

// errStopped is the error of a write that the server no longer needs, because it has answered without the rest of the
// request.
var errStopped = &Error{Reason: "the server has answered, and stopped the request"}

// resetBy returns the error of a stream that the server has reset.
func resetBy(code http2.Code) *Error {
	return &Error{Reason: "the upstream has reset the stream with " + code.String(), Unprocessed: code == http2.RefusedStream, Reset: code}
}

// brokenBy returns the error of all streams of a connection on which the server has broken the rules.
func brokenBy(err *http2.Error) *Error {
	return &Error{Reason: "the upstream breaks the rules of HTTP/2: " + err.Reason, Lost: true}
}
