package proxy

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// errBodyTooLarge is what reading a request's body returns on the byte that crosses the limit.
var errBodyTooLarge = errors.New("the request's body is over body.limit_bytes")

// requestBody is a request's body as the upstream side reads it: bounded, and watched so that one that stands still
// ends. It is read by one goroutine at a time, which may be another than that of the exchange; the atomic fields are
// what the exchange reads meanwhile.
type requestBody struct {
	// mu is held while the source is read, so that detach can wait for the end of a read.
	mu     sync.Mutex
	source io.Reader
	// left is how many bytes may still come.
	left int64
	// watch is told of every byte; nil before the forward stage.
	watch *idleWatch
	// ended tells that the body was read to its end, so that the connection can carry another request.
	ended atomic.Bool
	// reading tells that a read of the client is under way, so that a body that stands still is the client's doing.
	reading atomic.Bool
	// failure is the error that reading ended with, if it was not io.EOF.
	failure atomic.Pointer[error]
}

// newRequestBody wraps the body of r, of which at most limit bytes are let through.
func newRequestBody(r *Request, limit int64) *requestBody {
	return &requestBody{source: r.Body, left: limit}
}

// Read implements io.Reader. It returns errBodyTooLarge, and no byte beyond the limit, when the body is longer.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.source == nil {
		return 0, errExchangeOver
	}
	b.reading.Store(true)
	n, err := b.source.Read(p)
	b.reading.Store(false)
	b.watch.moved(n)
	if int64(n) > b.left {
		n, err = int(b.left), errBodyTooLarge
	}
	b.left -= int64(n)
	switch {
	case err == io.EOF:
		b.watch.end()
		b.ended.Store(true)
	case err != nil:
		b.failure.Store(&err)
	}
	return n, err
}

// detach waits for a read that is under way and lets no other reach the source. The caller has made reads of the source
// fail, or would wait for bytes of the client.
func (b *requestBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = nil
}

// failed returns the error of reading the body, or nil.
func (b *requestBody) failed() error {
	if b == nil {
		return nil
	}
	if err := b.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// stalledByClient reports whether the body stands still because the client sends nothing, and not because the upstream
// takes nothing. It may be called on a nil body, which never stands still.
func (b *requestBody) stalledByClient() bool { return b != nil && b.reading.Load() }

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
