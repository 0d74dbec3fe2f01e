package proxy

import (
	"context"
	"sync"
	"sync/atomic"
)

// upstreamCall is one request to one upstream, from the wait for a connection to the last byte of the response. An exchange
// has one.
type upstreamCall struct {
	// pin keeps an upstream connection that only the client's own connection may use; nil over HTTP/2.
	pin *upstreamPin
	// goOn ends the wait for 100 (Continue).
	goOn chan struct{}
	// seen records events of the call that decide whether the connection may be used again.
	seen seenUse
	// pump is the second goroutine, if there is one.
	pump bodyPump
	// out is the buffer from which the request is sent; nil at other times. composed reports whether it holds all of the
	// request, gathered whether it holds bytes of the body, which cannot be read again.
	out                *[]byte
	composed, gathered bool
	// response is the part that was read of a response whose connection was given back; nil before that and after its
	// release.
	response *upstreamResponse

	// mu guards the fields that a cancellation needs.
	mu sync.Mutex
	// cause is why the call was cancelled, or nil.
	cause error
	// conn is the connection in use, or nil.
	conn *upstreamConn
	// stopDial ends the dial in progress; nil if there is none. opening is the connection that is being dialed.
	stopDial context.CancelFunc
	opening  *upstreamConn
	// uses distinguishes this use of the connection from others.
	uses uint64
	// blockedSince is the time, on the sweeper's clock, at which the call began to wait for its client; 0 while it does not
	// wait.
	blockedSince atomic.Int64
}
