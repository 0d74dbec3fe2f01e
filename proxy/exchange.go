package proxy

import (
	"context"
	"time"
)

// exchange is one request on its way through the stages, with all that they find out about it. One goroutine works on
// it from the head of the request to the last byte of the response.
type exchange struct {
	// request is what the client sent; the header stages change its fields.
	request *Request
	// client is where the answer goes.
	client clientWriter
	// config is the dynamic configuration that this request is served by to its end (S-3.1).
	config *DynamicConfig
	// listener is the index of the listener that took the request.
	listener int
	// body is the request's body behind the limit and the idle watch; nil without a body.
	body *requestBody
	// host is the lower-cased host without port; "" when the request named none, or none that is valid.
	host string
	// site is where routing sends the request; nil before routing, and where the proxy answers by itself.
	site *Site
	// status is the status of the final response that was sent, for the log; 0 before that.
	status int
	// abort tells that the response was begun and could not be completed: the adapter cuts the connection or stream,
	// so that a truncated body never ends cleanly (S-6.10).
	abort bool
	// start is when the head of the request was complete.
	start time.Time
}

// answer is a response that the proxy gives by itself instead of forwarding.
type answer struct {
	status int
	fields Fields
	// abort tells to send nothing and cut the connection: there is nobody left to answer.
	abort bool
}

// answerStatus makes the answer of a status without further fields.
func answerStatus(status int) *answer { return &answer{status: status} }

// stage is one step of a request's way: it returns an answer to end the exchange with, or nil to let it go on.
type stage struct {
	name string
	run  func(ctx context.Context, x *exchange) *answer
}
