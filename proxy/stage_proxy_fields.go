package proxy

import (
	"math"
	"net/http"
	"strconv"

	"reverse-proxy/proxy/http1"
)

// The fields that the proxy sets on what it forwards (S-6.3).
const (
	fieldRealIP         = "X-Real-IP"
	fieldForwardedFor   = "X-Forwarded-For"
	fieldForwardedProto = "X-Forwarded-Proto"
	fieldForwardedHost  = "X-Forwarded-Host"
	fieldForwardedPort  = "X-Forwarded-Port"
)

// believedFields are the fields that no client may bring, with `_` for `-` or without: CGI, WSGI and their kin turn both into
// the same variable (S-6.12). They are those that the proxy sets, and those that frameworks believe from any proxy. Proxy
// would become HTTP_PROXY in a CGI environment. To add a name, add it here: the look-up is made from this list.
var believedFields = []string{
	fieldRealIP, "X-Forwarded-*", "Forwarded", "Proxy",
	"X-Original-URL", "X-Rewrite-URL", "X-Client-IP", "True-Client-IP", "Front-End-Https",
	"Host", "Content-Length", "Transfer-Encoding", // part of the framing here, so that only their variants can be met
}

var believed = newFieldSet(true, believedFields) // never written to

// proxyFields makes the request's fields those that the upstream is to see. Hop-by-hop fields go first, so that a client
// cannot remove what the proxy sets by naming it in Connection.
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

// countForwards takes one off Max-Forwards. A value that is not a number passes as it came. With the value 0 the request is
// not forwarded at all (RFC 9110, section 7.6.2).
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

// parseForwards reads the value of Max-Forwards, capped where it is larger than anybody needs. It is not ok for anything but
// digits.
func parseForwards(value string) (forwards int, ok bool) {
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, false
		}
		forwards = min(forwards*10+int(c-'0'), math.MaxInt32+1)
	}
	return forwards, value != ""
}

// forbiddenTrailer reports whether a field of that name may not be in a request's trailer section that is passed on:
// framing, routing, hop-by-hop fields, and what the proxy itself vouches for (RFC 9110, section 6.5.1).
func forbiddenTrailer(field Field) bool {
	return field.Name == "" || hopByHop.has(field.Name) || believed.has(field.Name)
}

// appendTrailerNames appends the names that Trailer announces and that may be passed on. What is not a token is left out: an
// upstream could read it in another way than its sender meant it (S-6.18).
func appendTrailerNames(names []string, fields Fields) []string {
	fields.EachToken("Trailer", func(name string) {
		if http1.ValidToken(name) && !forbiddenTrailer(Field{Name: name}) {
			names = append(names, name)
		}
	})
	return names
}
