package proxy

import (
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
)

// forbiddenTrailer reports whether a field must not be passed on in a request's trailer section: framing, routing and
// hop-by-hop fields, credentials, and fields that the proxy itself vouches for (RFC 9110, section 6.5.1).
func forbiddenTrailer(field Field) bool {
	return field.Name == "" || headers.HopByHop.Has(field.Name) || headers.Believed.Has(field.Name) || headers.Credentials.Has(field.Name)
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
