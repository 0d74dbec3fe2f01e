package proxy

import (
	"math"
	"net/http"
	"strconv"

	"reverse-proxy/proxy/http1"
)

// These are the fields that the proxy sets on forwarded requests (S-6.3).
const (
	fieldRealIP         = "X-Real-IP"
	fieldForwardedFor   = "X-Forwarded-For"
	fieldForwardedProto = "X-Forwarded-Proto"
	fieldForwardedHost  = "X-Forwarded-Host"
	fieldForwardedPort  = "X-Forwarded-Port"
)

// believedFields are the fields that no client may send, also with `_` for `-`: CGI, WSGI and the like turn both into the
// same variable (S-6.12). They are the fields that the proxy sets and those that frameworks believe from any proxy. Proxy
// would become HTTP_PROXY in a CGI environment. To add a name, add it here: the look-up table is made from this list.
var believedFields = []string{
	fieldRealIP, "X-Forwarded-*", "Forwarded", "Proxy",
	"X-Original-URL", "X-Rewrite-URL", "X-Client-IP", "True-Client-IP", "Front-End-Https",
	"Host", "Content-Length", "Transfer-Encoding", // the real ones are not in Fields, so that only variants match
}

var believed = newFieldSet(true, believedFields) // never written to

// proxyFields turns the request's fields into those for the upstream. It removes hop-by-hop fields first, so that a client
// cannot remove a field that the proxy sets by naming it in Connection.
func (p *pipeline) proxyFields(x *exchange) *answer {
	r := x.request
	r.AcceptsTrailers = r.Fields.HasToken("TE", "trailers")
	removeHopByHop(&r.Fields, believed)
	if r.Method == http.MethodOptions {
		r.countForwards()
	}
	r.Fields.Add(fieldRealIP, r.ClientText)
	r.Fields.Add(fieldForwardedFor, r.ClientText)
	r.Fields.Add(fieldForwardedProto, "https")
	r.Fields.Add(fieldForwardedHost, r.Authority)
	r.Fields.Add(fieldForwardedPort, r.Port)
	return nil
}

// countForwards decrements Max-Forwards. A value that is not a number is passed on unchanged. A request with the value 0 is
// not forwarded (RFC 9110, section 7.6.2).
func (r *Request) countForwards() {
	for i := range r.Fields {
		if field := &r.Fields[i]; http1.EqualFold(field.Name, "Max-Forwards") {
			switch left, ok := parseForwards(field.Value); {
			case ok && left == 0:
				r.LastHop = true
			case ok:
				field.Value = strconv.Itoa(left - 1)
			}
		}
	}
}

// parseForwards parses the value of Max-Forwards, capped at a value larger than any useful one. It accepts only digits.
func parseForwards(value string) (forwards int, ok bool) {
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, false
		}
		forwards = min(forwards*10+int(c-'0'), math.MaxInt32+1)
	}
	return forwards, value != ""
}

// forbiddenTrailer reports whether a field must not be passed on in a request's trailer section: framing, routing and
// hop-by-hop fields, and fields that the proxy itself vouches for (RFC 9110, section 6.5.1).
func forbiddenTrailer(field Field) bool {
	return field.Name == "" || hopByHop.has(field.Name) || believed.has(field.Name)
}

// appendTrailerNames appends the names that Trailer announces and that may be passed on. It leaves out names that are not
// tokens: an upstream could read them differently than the sender meant (S-6.18).
func appendTrailerNames(names []string, fields Fields) []string {
	fields.EachToken("Trailer", func(name string) {
		if http1.ValidToken(name) && !forbiddenTrailer(Field{Name: name}) {
			names = append(names, name)
		}
	})
	return names
}
