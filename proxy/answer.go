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
	body, contentType := a.content()
	if !x.sendHead(a, int64(len(body)), contentType) {
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

// sendHead sends the head of an answer whose body has the given length, or -1 if that is unknown. It returns false if
// nothing may follow.
func (x *exchange) sendHead(a *answer, length int64, contentType string) bool {
	x.status = a.status
	if a.abort || !x.beginAnswer() {
		x.abort = true
		return false
	}
	fields := append(a.fields, Field{Name: "Date", Value: x.dates.now()})
	if length != 0 && contentType != "" {
		fields.Add("Content-Type", contentType)
	}
	if a.status == http.StatusNotModified {
		length = -1 // a length would be that of the answer to an unconditional request (RFC 9110, section 8.6)
	}
	x.ruleResponse(&fields)
	closing := a.closing || x.bodyUnread() || x.cancelled() != nil // a cancellation has interrupted reading from the client
	if err := x.client.Head(a.status, "", fields, length, closing); err != nil {
		x.abort = true
		return false
	}
	return true
}

// content returns the body of an answer and its type, or "" if the answer has no type.
func (a *answer) content() (body []byte, contentType string) {
	switch {
	case !mayHaveBody(a.status):
		return nil, ""
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
