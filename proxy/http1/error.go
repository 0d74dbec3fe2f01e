package http1

import "errors"

// ErrIncomplete says that the buffer does not hold the whole head yet, and that nothing in it is wrong so far.
var ErrIncomplete = errors.New("incomplete head")

// Error is the rejection of a message.
type Error struct {
	// Status is what to answer: 400, 414, 431, 501 or 505 for a request, always 502 for a response.
	Status int
	// Reason is for the log. It holds nothing that was received.
	Reason string
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason }

// reject makes an Error. It is not inlined, so that the parsers stay small where they are fast.
//
//go:noinline
func reject(status int, reason string) *Error { return &Error{Status: status, Reason: reason} }
