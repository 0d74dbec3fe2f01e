package proxy

import (
	"net/http"
)

// routeHost finds the route for the request's host on its listener (S-6.1). Before that, it answers requests whose answer
// does not depend on the host: the health path (S-6.2), and methods that make no sense to a reverse proxy (S-6.14).
func (p *pipeline) routeHost(x *exchange) *answer {
	r := x.request
	switch r.Method {
	case http.MethodConnect, http.MethodTrace:
		return answerStatus(statusMethodNotAllowed)
	case http.MethodGet, http.MethodHead:
		if path := x.config.HealthPath; path != "" && withoutQuery(r.Target) == path {
			return answerStatus(statusOK)
		}
	}
	if x.host == "" {
		return answerStatus(statusBadRequest)
	}
	found := x.config.routes.find(x.listener, x.host)
	if found == nil {
		return answerStatus(statusNotFound)
	}
	if found.redirects(x.host) {
		x.route = found
		return redirectTo(http.StatusPermanentRedirect, found.site.Host, r.Port, r.Target)
	}
	if found.site.Upstream == "" {
		return answerStatus(statusNotFound)
	}
	if r.LastHop { // RFC 9110, section 7.6.2
		return &answer{status: statusOK, fields: Fields{{Name: "Allow", Value: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}}}
	}
	x.route = found
	return nil
}
