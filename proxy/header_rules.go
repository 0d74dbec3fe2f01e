package proxy

import (
	"slices"

	"reverse-proxy/proxy/headers"
)

// maxKeptScratch bounds the memory for values that an exchange keeps for the next one.
const maxKeptScratch = 1 << 10

// headerScratch is what an exchange needs to apply header rules. Strings of the exchange's fields point into it.
type headerScratch struct {
	// scratch holds values that were put together.
	scratch []byte
	// id is the request's ID, in idRoom; "" until a rule uses it.
	id     string
	idRoom [headers.RequestIDBytes]byte
}

// reset prepares for the next exchange.
func (h *headerScratch) reset() {
	h.id = ""
	if h.scratch = h.scratch[:0]; cap(h.scratch) > maxKeptScratch {
		h.scratch = nil
	}
}

// HeaderValue implements headers.Values.
func (x *exchange) HeaderValue(is headers.Placeholder) string {
	switch is {
	case headers.ClientIP:
		return x.request.ClientText
	case headers.Host:
		return x.host
	case headers.RequestID:
		return x.requestID()
	case headers.Scheme:
		return "https" // no rules apply on the redirect port
	}
	return ""
}

// requestID returns the ID of the request, the same one every time (S-19.4): the one from a trusted proxy, or else a
// new one. Only a request whose rules use an ID has one. An X-Request-Id from the client itself is not used.
func (x *exchange) requestID() string {
	if x.id == "" {
		x.id = x.via.id
	}
	if x.id == "" {
		x.id = headers.NewRequestID(&x.idRoom, x.start)
	}
	return x.id
}

// loggedID returns the ID for the log, even if the answer that has it is not sent yet; "" if no rule uses it.
func (x *exchange) loggedID() string {
	if x.id == "" && x.responseRules().Uses(headers.RequestID) {
		return x.requestID()
	}
	return x.id
}

// responseRules returns the rules for the response to the request: those of its route or site, or those of the file if
// the request has reached no site (S-19.3). No rules apply to a response over plain HTTP, which must not have
// Strict-Transport-Security (RFC 6797, section 7.2).
func (x *exchange) responseRules() *headers.Rules {
	switch {
	case x.config == nil || x.request.Plain:
		return nil
	case x.decision.route != nil:
		return x.decision.route.config.ResponseHeaders
	}
	return x.config.ResponseHeaders
}

// ruleResponse applies the rules to the fields of a final response.
func (x *exchange) ruleResponse(fields *Fields) {
	if x.setCookies != nil {
		x.addCookies(fields)
	}
	if rules := x.responseRules(); rules != nil {
		x.scratch = rules.Apply(fields, x, x.scratch)
	}
}

// ruleRequest applies the rules to the fields of the request (S-19.1). A client can send none of the fields that the
// rules set or remove. It cannot send them as trailers either, because some servers merge trailers with the header
// fields.
func (x *exchange) ruleRequest(rules *headers.Rules) {
	r := x.request
	r.Rules = rules
	if len(r.Cookies) > 0 && rules.Replaces("Cookie") {
		r.Cookies = nil
	}
	r.TrailerNames = slices.DeleteFunc(r.TrailerNames, rules.Replaces)
	x.scratch = rules.Apply(&r.Fields, x, x.scratch)
	host, scratch, ok := rules.Host(x, x.scratch)
	if x.scratch = scratch; ok {
		r.Authority = host
	}
}
