package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"unsafe"

	"reverse-proxy/proxy/clientaddr"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
)

// maxTrustedID is the longest X-Request-Id that is taken over from a trusted proxy (S-19.4).
const maxTrustedID = 128

// viaProxy is what a trusted proxy says about a request that came through it. It is the zero value for a request from
// any other peer.
type viaProxy struct {
	// trusted reports whether the peer is a trusted proxy, and found how the client was found.
	trusted bool
	// account is the client's account, which the request holds until its end; nil if it is that of the connection.
	account *clientAccount
	found   clientaddr.Found
	// chain is the value of X-Forwarded-For for the upstream: the client and the proxies after it.
	chain string
	// proto, host and id are the X-Forwarded-Proto, X-Forwarded-Host and X-Request-Id of the proxy; each is "" unless
	// the proxy has sent exactly one and it is valid.
	proto, host, id string
	// textRoom holds the client's address as text.
	textRoom [len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")]byte
}

// find finds the client of a request that came from a trusted proxy (S-15.1). Until then the proxy counts as the
// client. find appends text that must outlive the call to scratch. It looks at the fields as they came, including those
// that Connection names.
func (v *viaProxy) find(r *Request, clients *config.Clients, scratch []byte) []byte {
	peer := r.Client
	v.trusted = true
	v.found = clientaddr.Found{Client: peer, Line: -1, End: clientaddr.NoMore}
	if clients.Header != "" {
		v.found = clientaddr.Find(peer, r.Fields, clients.Header, clients.Trusted)
	}
	v.proto = validProto(onlyValue(r.Fields, headers.ForwardedProto))
	if host := onlyValue(r.Fields, headers.ForwardedHost); http1.ValidAuthority(host) {
		v.host = host
	}
	if id := onlyValue(r.Fields, "X-Request-Id"); len(id) <= maxTrustedID && http1.ValidToken(id) {
		v.id = id
	}
	if v.found.Line < 0 {
		v.chain = r.ClientText
		return scratch
	}
	r.Client = v.found.Client
	r.ClientText = unsafeString(r.Client.AppendTo(v.textRoom[:0]))
	start := len(scratch)
	scratch = v.appendChain(scratch, r, clients.Header, peer)
	v.chain = unsafeString(scratch[start:])
	return scratch
}

// appendChain appends the client, the proxies to the right of it in the field (all of which are trusted), and the peer.
// Like every proxy, it puts the address that the request came from last.
func (v *viaProxy) appendChain(dst []byte, r *Request, header string, peer netip.Addr) []byte {
	dst = append(dst, r.ClientText...)
	dst = append(dst, r.Fields[v.found.Line].Value[v.found.At+v.found.Length:]...)
	for i := v.found.Line + 1; i < len(r.Fields); i++ {
		if http1.EqualFold(r.Fields[i].Name, header) {
			dst = append(dst, ", "...)
			dst = append(dst, r.Fields[i].Value...)
		}
	}
	dst = append(dst, ", "...)
	return peer.WithZone("").AppendTo(dst)
}

// how says how the client was found, for an explanation. fields are those that were searched.
func (v *viaProxy) how(fields Fields, header string, peer netip.Addr) string {
	proxy := "the trusted proxy " + peer.String()
	if header == "" {
		return proxy + ", whose client_ip_header is \"\""
	}
	number, of := 0, 0
	for i := range fields {
		if !http1.EqualFold(fields[i].Name, header) {
			continue
		}
		if of++; i <= v.found.Line {
			number = of
		}
	}
	if of == 0 {
		return proxy + ", which has sent no " + header
	}
	if v.found.Line < 0 {
		return fmt.Sprintf("%s; the last element of its %s is not an address", proxy, header)
	}
	place := fmt.Sprintf("named by %s in line %d of %d of %s, read from the right", proxy, number, of, header)
	switch v.found.End {
	case clientaddr.Untrusted:
		return place + ": the first address that is not a trusted proxy's"
	case clientaddr.NotAnAddress:
		return place + ": the last address before an element that is not one"
	}
	return place + ": there is no further one, and all are trusted proxies"
}

// onlyValue returns the value of a field with one line; "" for none and for several.
func onlyValue(fields Fields, name string) (value string) {
	found := false
	for i := range fields {
		if len(fields[i].Name) == len(name) && http1.EqualFold(fields[i].Name, name) {
			if found {
				return ""
			}
			value, found = fields[i].Value, true
		}
	}
	return value
}

// validProto returns a scheme of HTTP in lower case; "" for anything else.
func validProto(text string) string {
	switch {
	case strings.EqualFold(text, "https"):
		return "https"
	case strings.EqualFold(text, "http"):
		return "http"
	}
	return ""
}

// unsafeString returns a string over bytes that do not change while it is used.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
