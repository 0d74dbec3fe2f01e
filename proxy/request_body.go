package proxy

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
)

// errBodyTooLarge is what reading a request's body returns on the byte that crosses the limit.
var errBodyTooLarge = errors.New("the request's body is over body.limit_bytes")

// requestBody is a request's body as the upstream side reads it: bounded, and watched so that one that stands still
// ends. One goroutine at a time reads it; the atomic fields are what others look at meanwhile.
type requestBody struct {
	source bodySource
	// left is how many bytes may still come.
	left int64
	// watch is told of every byte; idle is how long none may come.
	watch *deadline.Watch
	idle  time.Duration
	// ended reports whether the body was read to its end, so that the connection can carry another request.
	ended atomic.Bool
	// reading reports whether a read of the client is under way, so that a body that stands still is the client's doing.
	reading atomic.Bool
	// failure is the error that reading ended with, if it was not io.EOF.
	failure atomic.Pointer[error]
}

// reset forgets the body of the request before.
func (b *requestBody) reset() {
	b.source, b.watch, b.left = nil, nil, 0
	b.ended.Store(true)
	b.reading.Store(false)
	b.failure.Store(nil)
}

// begin makes the body of a request readable, of which at most limit bytes are let through.
func (b *requestBody) begin(source bodySource, limit int64) {
	b.source, b.left = source, limit
	b.ended.Store(false)
}

// watched makes each byte that comes move the deadline.
func (b *requestBody) watched(w *deadline.Watch, idle time.Duration) { b.watch, b.idle = w, idle }

// present reports whether the request has a body that was not read to its end.
func (b *requestBody) present() bool { return b.source != nil && !b.ended.Load() }

// isEnded reports whether nothing of a body is still to come.
func (b *requestBody) isEnded() bool { return b.ended.Load() }

// read returns the next bytes as bodySource.read does. It returns errBodyTooLarge, and no byte beyond the limit, when the
// body is longer.
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
		b.watch.Set(deadline.PhaseBody, b.idle)
	}
	if int64(len(data)) > b.left {
		data, err = data[:b.left], errBodyTooLarge
	}
	b.left -= int64(len(data))
	switch {
	case err == io.EOF:
		b.ended.Store(true)
	case err != nil:
		failure := err // the address of err itself would cost every call an allocation
		b.failure.Store(&failure)
	}
	return data, err
}

// trailers returns the trailer fields of a body that has ended.
func (b *requestBody) trailers() Fields { return b.source.trailers() }

// settleLength notes the length of a body whose end has come by now, so that it is not sent in chunks, and that there is
// none where it is empty (S-6.18).
func (x *exchange) settleLength() {
	if x.body.source == nil || x.request.ContentLength >= 0 {
		return
	}
	n, ok := x.body.source.wholeLength()
	if !ok {
		return
	}
	x.request.ContentLength = n
	if n == 0 {
		x.request.Body = nil
		x.body.source = nil
		x.body.ended.Store(true)
	}
}

// await waits until the source, which is the body's, has bytes or no more will come. It returns how many it has.
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

// malformedBody marks an error of reading the body that is the client's framing: a bad chunk, or a trailer that is none.
type malformedBody struct{ error }

// Unwrap returns the cause.
func (e malformedBody) Unwrap() error { return e.error }

// isMalformedBody reports whether reading the body failed because of what the client sent, which is a 400 as long as
// there is no response; a connection that broke has nobody to answer to.
func isMalformedBody(err error) bool {
	var malformed malformedBody
	return errors.As(err, &malformed)
}
