package proxy

import "reverse-proxy/proxy/http1"

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
