package proxy

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/share"
)

// maxReplyBytes is the longest body of a reply (S-16.3).
const maxReplyBytes = 64 << 10

// These are the reasons why a question has no reply.
var (
	errReplyLate  = errors.New("no whole answer within 5 seconds")
	errReplyLarge = errors.New("the answer has more than 64 KiB")
)

// question is a request without a body that the proxy itself sends to a service. It is the owner of its call. It has
// nothing else to interrupt, and no client for interim responses.
type question struct {
	call upstreamCall
	body requestBody
}

// reply is what a service has replied. It shares no memory with the connection.
type reply struct {
	status int
	fields Fields
	body   []byte
}

// asker is what a question needs from the exchange or task that asks it.
type asker struct {
	// timer is used for the phases of the call. client is the account that its connection counts for.
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

// askUpstream sends a request without a body and reads the whole response. It ends with the context, or after within.
func askUpstream(ctx context.Context, to upstreamTarget, r *Request, by asker, within time.Duration) (*reply, error) {
	q := new(question)
	c := &q.call
	c.reset(q, r, &q.body, by.timer)
	c.to, c.client, c.log, c.start = to, by.client, by.log, time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, within, errReplyLate)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.cancel(context.Cause(ctx)) })
	defer stop()
	conn, err := c.roundTrip()
	if err != nil {
		return nil, c.failure(err)
	}
	conn.body.begin(conn.upstreamResponse, r.Method)
	got, err := readReply(conn.upstreamResponse)
	if err != nil {
		c.release(conn)
		return nil, c.failure(err)
	}
	c.giveBack(conn)
	c.releaseResponse()
	return got, nil
}

// failure returns why a call has failed: the cause of its cancellation, or else err.
func (c *upstreamCall) failure(err error) error {
	if cause := c.cancelled(); cause != nil {
		return cause
	}
	return err
}

// readReply reads the rest of a response, and copies all of it.
func readReply(from *upstreamResponse) (*reply, error) {
	got := &reply{status: from.head.Status}
	cleanResponse(&from.head.Fields)
	for _, field := range from.head.Fields {
		got.fields = append(got.fields, Field{Name: strings.Clone(field.Name), Value: strings.Clone(field.Value)})
	}
	for {
		data, err := from.body.next()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(got.body)+len(data) > maxReplyBytes {
			return nil, errReplyLarge
		}
		got.body = append(got.body, data...)
		if err == io.EOF {
			return got, nil
		}
	}
}
