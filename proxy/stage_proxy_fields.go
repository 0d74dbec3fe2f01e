package proxy

import (
	"cmp"
	"net/http"

	"reverse-proxy/proxy/headers"
)

// proxyFields turns the request's fields into those for the upstream. It removes hop-by-hop fields first, so that a client
// cannot remove a field that the proxy sets by naming it in Connection.
func (p *pipeline) proxyFields(x *exchange) *answer {
	r := x.request
	r.AcceptsTrailers = r.Fields.HasToken("TE", "trailers")
	removeHopByHop(&r.Fields, headers.Believed)
	if r.Method == http.MethodOptions {
		r.countForwards()
	}
	chain, proto, host := r.ClientText, "https", r.Authority
	if x.via.trusted {
		chain, proto, host = x.via.chain, cmp.Or(x.via.proto, proto), cmp.Or(x.via.host, host)
	}
	if of := x.config.sites[x.listener]; of.clientField != nil {
		x.ownClientField(of.clientField, of.clients.Header)
	}
	r.Fields.Add(headers.RealIP, r.ClientText)
	r.Fields.Add(headers.ForwardedFor, chain)
	r.Fields.Add(headers.ForwardedProto, proto)
	r.Fields.Add(headers.ForwardedHost, host)
	r.Fields.Add(headers.ForwardedPort, r.Port)
	if r.Identity.isVerified() {
		r.Fields.Add(headers.ClientCertSubject, r.Identity.subject)
		r.Fields.Add(headers.ClientCertFingerprint, r.Identity.fingerprint)
	}
	route := x.decision.route
	if route == nil {
		return nil
	}
	if route.stripped() > 0 {
		r.Fields.Add(headers.ForwardedPrefix, route.config.Path)
	}
	if route.access != nil {
		x.takeCredentials()
	}
	if route.vouched != nil { // fields that identify the user, whoever sent them (S-16.3)
		r.Vouched = route.vouched
		r.forbid(route.vouched)
	}
	if route.config.RequestHeaders != nil {
		x.ruleRequest(route.config.RequestHeaders)
	}
	return nil
}

// ownClientField replaces the field in which trusted proxies name the client with the client's address. From requests
// that did not come through a trusted proxy it only removes the field, because an upstream may believe it.
func (x *exchange) ownClientField(names *headers.NameSet, name string) {
	r := x.request
	r.Owned = names
	r.forbid(names)
	if x.via.trusted {
		r.Fields.Add(name, r.ClientText)
	}
}
