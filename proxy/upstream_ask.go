package proxy

import (
	"context"
	"errors"
	"io"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/share"
)

// maxReplyBytes is the longest body of a reply (S-16.3).
const maxReplyBytes = 64 << 10

// shortReplyBytes is the longest body of a refusal that is read before anything of it is sent to the client. A client can have
// a service refuse as many requests as there are upstream connections, for a few bytes each, so the rest of longer bodies
// must not be held in memory (S-12.8).
const shortReplyBytes = 8 << 10

// These are the reasons why a question has no reply.
var (
	errReplyLate  = errors.New("no whole answer within 5 seconds")
	errReplyLarge = errors.New("the answer has more than 64 KiB")
)

// question is a request without a body that the proxy itself sends to a service. It is the owner of its call. It has
// nothing else to interrupt, and no client for interim responses.
type question struct {
	call  upstreamCall
	body  requestBody
	reply reply
}

// reply is what a service has replied. Its fields, and the bytes in last, are in the memory of the response, until release or
// until an exchange has taken it over and sent it.
type reply struct {
	// call is the question's call. It holds the response.
	call     *upstreamCall
	response *upstreamResponse
	status   int
	fields   Fields
	// rest is the connection from which more of the body comes, or nil if the whole body was read.
	rest *upstreamConn
	// copied and last are what was read of the body of a refusal, in this order.
	copied, last []byte
}

// asker is what a question needs from the exchange or task that asks it.
type asker struct {
	// timer is used for the phases of the call. client is the account that the call's connection counts for.
	timer  *deadline.Timer
	client *share.Client
	log    *eventlog.Logger
}

// inform implements callOwner.
func (*question) inform(int, string, Fields) {}

// stopBody implements callOwner.
func (*question) stopBody() {}

// stop implements callOwner.
func (*question) stop() {}

// placed implements callOwner.
func (*question) placed() {}

// acknowledged implements callOwner.
func (*question) acknowledged() (uint64, bool) { return 0, false }

// newQuestion returns the question whether a request, which has no body, passes.
func newQuestion(to upstreamTarget, r *Request, by asker) *question {
	q := new(question)
	c := &q.call
	c.reset(q, r, &q.body, by.timer)
	c.to, c.client, c.log, c.start = to, by.client, by.log, time.Now()
	return q
}

// ask sends the request and reads the response: all of it, or the beginning of a long refusal. It gives up when the context
// ends, or after the duration within.
func (q *question) ask(ctx context.Context, within time.Duration) (*reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errReplyLate)
	defer cancel()
	c := &q.call
	stop := context.AfterFunc(ctx, func() { c.cancel(context.Cause(ctx)) })
	defer stop()
	conn, err := c.roundTrip()
	if err != nil {
		return nil, c.failure(err)
	}
	return q.received(conn)
}

// received returns the reply whose head was received on a connection.
func (q *question) received(conn *upstreamConn) (*reply, error) {
	c, got := &q.call, &q.reply
	conn.body.begin(conn.upstreamResponse, c.request.Method)
	got.call, got.response, got.status = c, conn.upstreamResponse, conn.head.Status
	cleanResponse(&conn.head.Fields)
	got.fields = conn.head.Fields
	whole, err := got.read()
	switch {
	case err != nil:
	case whole:
		c.giveBack(conn)
		return got, nil
	case c.use(nil): // the context no longer interrupts the connection
		got.rest = conn
		return got, nil
	}
	c.release(conn)
	return nil, c.failure(err)
}

// failure returns why a call has failed: the cause of its cancellation, or else err.
func (c *upstreamCall) failure(err error) error {
	if cause := c.cancelled(); cause != nil {
		return cause
	}
	return err
}

// passes reports whether the service lets the request pass.
func (r *reply) passes() bool { return r.status/100 == 2 }

// read reads the body: all of it, or of a long one that is for the client the beginning.
func (r *reply) read() (whole bool, err error) {
	head := &r.response.head
	if head.HasContentLength && head.ContentLength > maxReplyBytes && mayHaveBody(r.status) {
		return false, errReplyLarge
	}
	sent := !r.passes() && mayHaveBody(r.status) // others read it to the end, but need nothing of it
	for n := 0; ; {
		if sent {
			r.response.accepts(int64(shortReplyBytes + 1 - n)) // no more than shows that it is long
		}
		data, err := r.response.body.next()
		if err != nil && err != io.EOF {
			return false, err
		}
		if n += len(data); n > maxReplyBytes {
			return false, errReplyLarge
		}
		if sent && (err == io.EOF || n > shortReplyBytes) {
			r.last = data
			return err == io.EOF, nil
		}
		if err == io.EOF {
			return true, nil
		}
		if sent {
			r.copied = append(r.copied, data...)
		}
	}
}

// length returns how many bytes the body has, or -1 if that is unknown.
func (r *reply) length(client Protocol) int64 {
	if r.rest == nil {
		return int64(len(r.copied) + len(r.last))
	}
	return r.response.lengthFor(client)
}

// release gives up the memory and the connection of the reply, unless an exchange has taken it over.
func (r *reply) release() {
	if r.rest != nil {
		r.call.release(r.rest)
		r.rest = nil
	}
	r.call.releaseResponse()
}

// takeOver makes the call the one that receives a reply, in place of the question's. From then on it is the cancellation of
// this call that interrupts the reading. idle is how long the body may stall.
func (c *upstreamCall) takeOver(got *reply, idle time.Duration) {
	from := got.call
	c.to, c.request, c.body, c.client, c.pin, c.log = from.to, from.request, from.body, from.client, nil, from.log
	c.body.timedBy(c.timer, idle)
	c.seen = from.seen
	if got.rest == nil {
		c.response, from.response = from.response, nil
		return
	}
	c.to.pool.handOver(got.rest, c)
	if !c.use(got.rest) {
		got.rest.interrupt() // as the cancellation would have
	}
}
