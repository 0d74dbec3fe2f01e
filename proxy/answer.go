package proxy

import (
	"net/http"
	"strconv"
	"time"
)

// answerLater makes an answer that asks the client to come back after d, in whole seconds (RFC 9110, section 10.2.3).
func answerLater(status int, d time.Duration) *answer {
	seconds := max(1, int((d+time.Second-1)/time.Second))
	return &answer{status: status, fields: Fields{{Name: "Retry-After", Value: strconv.Itoa(seconds)}}}
}

// send sends the proxy's own answer to the client. If the request's body was not read to its end, the connection ends with
// the answer, so that the rest of the body is never read as a request (S-6.13).
func (x *exchange) send(a *answer) {
	x.turn.give()
	if a.abort {
		x.abort = true
		x.status = a.status
		return
	}
	x.status = a.status
	if !x.beginAnswer() {
		x.abort = true
		return
	}
	body, contentType := a.content()
	length := int64(len(body))
	if a.status == http.StatusNotModified {
		length = -1 // it would be that of the answer to a request without a condition (RFC 9110, section 8.6)
	}
	fields := append(a.fields, Field{Name: "Date", Value: x.dates.now()})
	if len(body) > 0 && contentType != "" {
		fields.Add("Content-Type", contentType)
	}
	x.ruleResponse(&fields)
	closing := a.closing || x.bodyUnread() || x.cancelled() != nil // a cancellation has interrupted reading from the client
	if err := x.client.Head(a.status, "", fields, length, closing); err != nil {
		x.abort = true
		return
	}
	if len(body) > 0 {
		if _, err := x.client.Write(body); err != nil {
			x.abort = true
			return
		}
		x.wrote(len(body))
	}
	if err := x.client.End(nil); err != nil {
		x.abort = true
	}
}

// content returns the body of an answer and its type, or "" if the answer has no type.
func (a *answer) content() (body []byte, contentType string) {
	switch {
	case a.status == http.StatusNoContent || a.status == http.StatusResetContent || a.status == http.StatusNotModified:
		return nil, "" // they have no body (RFC 9110, section 15)
	case len(a.body) == 0 && !a.bare:
		body = []byte(statusBody(a.status))
	default:
		body = a.body
	}
	if a.contentType == "" && !a.bare {
		return body, "text/plain; charset=utf-8"
	}
	return body, a.contentType
}

// bodyUnread reports whether bytes of the request's body may still be on their way.
func (x *exchange) bodyUnread() bool {
	return x.request.Body != nil && (x.body.source == nil || !x.body.isEnded())
}
