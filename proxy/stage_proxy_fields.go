package proxy

import (
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
	r.Fields.Add(headers.RealIP, r.ClientText)
	r.Fields.Add(headers.ForwardedFor, r.ClientText)
	r.Fields.Add(headers.ForwardedProto, "https")
	r.Fields.Add(headers.ForwardedHost, r.Authority)
	r.Fields.Add(headers.ForwardedPort, r.Port)
	if route := x.decision.route; route != nil && route.stripped() > 0 {
		r.Fields.Add(headers.ForwardedPrefix, route.config.Path)
	}
	if route := x.decision.route; route != nil && route.config.RequestHeaders != nil {
		x.ruleRequest(route.config.RequestHeaders)
	}
	return nil
}
