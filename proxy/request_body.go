package proxy

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// errBodyTooLarge is returned by the read of a request's body that crosses the limit.
var errBodyTooLarge = errors.New("the request's body is over body.limit_bytes")

// requestBody is a request's body as the upstream side reads it: bounded, and with a deadline that ends a stalled one. One
// goroutine at a time reads it; the atomic fields are for other goroutines.
type requestBody struct {
	source bodySource
	// left is how many bytes may still arrive.
	left int64
	// timer is set again for every byte that arrives; idle is the longest allowed time between two of them.
	timer *deadline.Timer
	idle  time.Duration
	// ended reports whether the body was read to its end, so that the connection can carry another request.
	ended atomic.Bool
	// reading reports whether a read from the client is in progress, so that a stalled body is the client's fault.
	reading atomic.Bool
	// failure is the error other than io.EOF that ended reading, if any.
	failure atomic.Pointer[error]
}

// reset forgets the body of the previous request.
func (b *requestBody) reset() {
	b.source, b.timer, b.left = nil, nil, 0
	b.ended.Store(true)
	b.reading.Store(false)
	b.failure.Store(nil)
}

// begin makes the body of a request readable, up to limit bytes.
func (b *requestBody) begin(source bodySource, limit int64) {
	b.source, b.left = source, limit
	b.ended.Store(false)
}

// timedBy makes every byte that arrives move the deadline.
func (b *requestBody) timedBy(timer *deadline.Timer, idle time.Duration) {
	b.timer, b.idle = timer, idle
}

// present reports whether the request has a body that was not read to its end.
func (b *requestBody) present() bool { return b.source != nil && !b.ended.Load() }

// isEnded reports whether no part of a body is still to come.
func (b *requestBody) isEnded() bool { return b.ended.Load() }

// read returns the next bytes as bodySource.read does. If the body is longer than the limit, it returns errBodyTooLarge and
// no byte beyond the limit.
func (b *requestBody) read(room []byte, wait bool) ([]byte, error) {
	if wait {
		b.reading.Store(true)
	}
	data, err := b.source.read(room, wait)
	if wait {
		b.reading.Store(false)
	} else if err == errNotReady {
		return nil, err
	}
	if len(data) > 0 {
		b.timer.Set(deadline.PhaseBody, b.idle)
	}
	if int64(len(data)) > b.left {
		data, err = data[:b.left], errBodyTooLarge
	}
	b.left -= int64(len(data))
	switch {
	case err == io.EOF:
		b.ended.Store(true)
	case err != nil:
		failure := err // taking the address of err itself would cost every call an allocation
		b.failure.Store(&failure)
	}
	return data, err
}

// trailers returns the trailer fields of a body that has ended.
func (b *requestBody) trailers() Fields { return b.source.trailers() }

// settleLength sets the length of a request whose body has already arrived in full, so that it is not sent in chunks. It
// removes an empty body (S-6.18).
func (b *requestBody) settleLength(r *Request) {
	if b.source == nil || r.ContentLength >= 0 {
		return
	}
	n, ok := b.source.wholeLength()
	if !ok {
		return
	}
	r.ContentLength = n
	if n == 0 {
		r.Body = nil
		b.source = nil
		b.ended.Store(true)
	}
}

// await waits until source, which must be the body's source, has bytes or no more will come. It returns how many it has.
func (b *requestBody) await(source bodyAwaiter) int {
	b.reading.Store(true)
	defer b.reading.Store(false)
	return source.await()
}

// failed returns the error of reading the body, or nil.
func (b *requestBody) failed() error {
	if err := b.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// malformedBody marks a read error caused by the client's framing: a bad chunk or an invalid trailer.
type malformedBody struct{ error }

// Unwrap returns the cause.
func (e malformedBody) Unwrap() error { return e.error }

// isMalformedBody reports whether reading the body failed because of what the client sent. That is answered with 400 if
// there is no response yet; after a broken connection there is no client left to answer.
func isMalformedBody(err error) bool {
	var malformed malformedBody
	return errors.As(err, &malformed)
}
