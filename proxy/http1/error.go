package http1

import "errors"

// ErrIncomplete means that the buffer does not hold the whole head yet, and that nothing in it is wrong so far.
var ErrIncomplete = errors.New("incomplete head")

// Error is the rejection of a message.
type Error struct {
	// Status is the status to answer: 400, 414, 431, 501 or 505 for a request, always 502 for a response.
	Status int
	// Reason is for the log. It contains no received bytes.
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// reject makes an Error. It is not inlined, which keeps the hot paths of the parsers small.
//
//go:noinline
func reject(status int, reason string) *Error { return &Error{Status: status, Reason: reason} }
