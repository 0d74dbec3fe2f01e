package proxy

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// relayBufferBytes is the size of the buffer through which a response's body is copied: large enough that a long body
// costs few system calls.
const relayBufferBytes = 64 << 10

var relayBuffers = sync.Pool{New: func() any { b := make([]byte, relayBufferBytes); return &b }}

// Causes for which an exchange with an upstream is cancelled.
var (
	errClientIdle   = errors.New("the client sent no byte of its body within body_idle_timeout_secs")
	errBodyIdle     = errors.New("no byte of a body moved within body_idle_timeout_secs")
	errExchangeOver = errors.New("the exchange is over")
)

// forward sends the request to the site's upstream and its response to the client, both bodies streaming (S-6.7).
func (p *pipeline) forward(clientCtx context.Context, x *exchange) *answer {
	ctx, cancel := context.WithCancelCause(clientCtx)
	defer cancel(errExchangeOver)
	watch := newIdleWatch(p.bodyIdle, func() {
		if x.body.stalledByClient() {
			cancel(errClientIdle)
		} else {
			cancel(errBodyIdle)
		}
		x.client.Interrupt()
	})
	defer watch.stop()
	if x.body != nil {
		x.body.watch = watch
		watch.begin()
	}

	inform := func(status int, fields Fields) {
		removeHopByHop(&fields)
		_ = x.client.Inform(status, fields) // a client that is gone is noticed by what follows
	}
	response, err := p.upstreams.client.exchange(ctx, x.site, x.request, x.body, inform)
	if err != nil {
		return p.forwardFailed(clientCtx, x, context.Cause(ctx), err)
	}
	defer response.Body.Close()
	p.relay(ctx, x, watch, response)
	return nil
}

// forwardFailed finds the answer for an exchange that ended without a response, and logs whose fault it was (S-6,
// Errors; S-6.10). cancelled is why the exchange was cancelled, nil if it was not.
func (p *pipeline) forwardFailed(clientCtx context.Context, x *exchange, cancelled, err error) *answer {
	bodyError := x.body.failed()
	switch {
	case errors.Is(bodyError, errBodyTooLarge):
		return answerStatus(statusPayloadTooLarge)
	case cancelled == errClientIdle:
		return answerStatus(statusRequestTimeout)
	case cancelled == errBodyIdle:
		logUpstreamError(p.log, x.host, x.site.Upstream, errBodyIdle)
		return answerStatus(statusGatewayTimeout)
	case clientCtx.Err() != nil: // after the idle watch, which interrupts the client's side too
		return p.clientGone(x, context.Cause(clientCtx))
	case bodyError != nil && isMalformedBody(bodyError):
		return answerStatus(statusBadRequest)
	case bodyError != nil:
		return p.clientGone(x, bodyError)
	}
	logUpstreamError(p.log, x.host, x.site.Upstream, err)
	if isTimeout(err) {
		return answerStatus(statusGatewayTimeout)
	}
	return answerStatus(statusBadGateway)
}

// clientGone ends an exchange whose client went away before there was a response.
func (p *pipeline) clientGone(x *exchange, cause error) *answer {
	p.logClientGone(x, cause)
	return &answer{status: statusClientGone, abort: true}
}

func (p *pipeline) logClientGone(x *exchange, cause error) {
	p.log.Log(LevelDebug, "CLIENT_GONE", Str("client_ip", x.request.Client.String()), Str("host", x.host), Err(cause))
}

// relay sends an upstream's response to the client, each part as soon as it has come.
func (p *pipeline) relay(ctx context.Context, x *exchange, watch *idleWatch, response *Response) {
	removeHopByHop(&response.Fields)
	response.Fields.Remove(func(field Field) bool { return strings.EqualFold(field.Name, "Server") }) // S-6.5
	x.client.AnnounceTrailers(response.TrailerNames)
	x.status = response.Status
	watch.begin()
	defer watch.end()
	err := x.client.Head(response.Status, response.Fields, response.ContentLength, x.bodyUnread())
	if err == nil {
		err = x.client.Flush()
	}
	if err != nil {
		x.abort = true
		p.logClientGone(x, err)
		return
	}
	read, write := copyBody(x.client, response.Body, watch)
	switch cancelled := context.Cause(ctx); {
	case write != nil || cancelled != nil && cancelled != errBodyIdle:
		x.abort = true
		p.logClientGone(x, errors.Join(write, cancelled))
	case read != nil:
		// The client has a head that promises more than came: only a cut connection tells it so (S-6.10).
		x.abort = true
		if cancelled != nil {
			read = cancelled
		}
		if x.body.failed() == nil {
			logUpstreamError(p.log, x.host, x.site.Upstream, read)
		}
	case response.Trailers != nil:
		trailers := response.Trailers()
		trailers.Remove(forbiddenTrailer)
		x.client.Trailers(trailers)
	}
}

// copyBody copies a response's body to the client and flushes whatever has come, so that an event that the upstream
// flushed is not held back (S-6.7). It returns the error of reading and that of writing, nil at the body's end.
func copyBody(client clientWriter, body io.Reader, watch *idleWatch) (read, write error) {
	buffer := relayBuffers.Get().(*[]byte)
	defer relayBuffers.Put(buffer)
	for {
		n, err := body.Read(*buffer)
		if n > 0 {
			watch.moved(n)
			if _, write := client.Write((*buffer)[:n]); write != nil {
				return nil, write
			}
			if write := client.Flush(); write != nil {
				return nil, write
			}
			watch.moved(n)
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
}
