package proxy

import "net/http"

// errAmbiguousPath is the error in the log for a path that some upstream may read as a path of another route.
const errAmbiguousPath = "ambiguous path"

// routeHost answers the requests that reach no route, as the decision says (S-6.1, S-6.2, S-6.14, S-14).
func (p *pipeline) routeHost(x *exchange) *answer {
	r, made := x.request, &x.decision
	x.site, x.route = made.site, made.route
	if site := made.site; site != nil && !r.Identity.isFor(site.config.Host, site.demand) {
		a := x.refuse(byCertificate, errMisdirected, http.StatusMisdirectedRequest) // RFC 9110, section 15.5.20
		a.closing = r.Protocol != HTTP2                                             // a client that tries again needs another connection
		x.client.Misdirected(x.host)
		return a
	}
	switch made.outcome {
	case methodRefused:
		return answerStatus(statusMethodNotAllowed)
	case healthChecked:
		return answerStatus(statusOK)
	case hostInvalid:
		return answerStatus(statusBadRequest)
	case hostUnknown:
		return answerStatus(statusNotFound)
	case pathAmbiguous:
		x.problem = errAmbiguousPath
		return answerStatus(statusBadRequest)
	case toOwnHost:
		return redirectTo(http.StatusPermanentRedirect, made.site.config.Host, r.Port, r.Target)
	}
	return nil
}

// answerRoute returns the answers of routes that do not forward. It runs after the rules of access, which protect these
// answers too.
func (x *exchange) answerRoute() *answer {
	switch x.decision.outcome {
	case routeMissing:
		return answerStatus(statusNotFound)
	case atLastHop: // RFC 9110, section 7.6.2
		return &answer{status: statusOK, fields: Fields{{Name: "Allow", Value: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}}
	case redirected:
		return x.route.redirect(x.host, x.request.Target)
	case responded:
		return x.route.respond()
	}
	return nil
}

// redirect returns the answer of a route that redirects, or 400 if the request has a part that cannot be in a Location
// (S-14.6).
func (r *route) redirect(host, target string) *answer {
	location, ok := r.location.Append(nil, host, target)
	if !ok {
		return answerStatus(statusBadRequest)
	}
	return &answer{status: r.config.RedirectStatus, fields: Fields{{Name: "Location", Value: string(location)}}}
}

// respond returns the answer of a route with a fixed response. An error without a body has the text of its status, like
// the proxy's own errors.
func (r *route) respond() *answer {
	a := &answer{status: r.config.Respond, body: r.config.RespondBody, contentType: r.config.RespondType}
	a.bare = len(a.body) == 0 && a.status < 400
	return a
}
