package proxy

import (
	"net/http"

	"reverse-proxy/proxy/routing"
)

// outcome is what a decision says about a request.
type outcome uint8

const (
	// methodRefused is a method that makes no sense to a reverse proxy (S-6.14).
	methodRefused outcome = iota
	// healthChecked is a request for the health path (S-6.2).
	healthChecked
	// hostInvalid is a request without a host, or with an invalid one (S-6.1).
	hostInvalid
	// hostUnknown is a request for a host that the listener does not serve (S-6.1).
	hostUnknown
	// toOwnHost is a request for an alias that is redirected to the site's host.
	toOwnHost
	// pathAmbiguous is a request whose path other programs may read as that of another route (S-14.3).
	pathAmbiguous
	// routeMissing is a request that no route takes, and whose site has no upstream.
	routeMissing
	// atLastHop is a request that must not be forwarded (S-6.18).
	atLastHop
	// redirected, responded and forwarded are requests that a route takes, by what it does.
	redirected
	responded
	forwarded
)

// decision is what becomes of a request, as far as its head and the configuration say.
type decision struct {
	outcome outcome
	// site is the site that has the request's host; nil if there is none, or if the outcome does not depend on the
	// site.
	site *site
	// route is the route whose settings apply; nil without a site. If no route of the file takes the request, it is the
	// site's own route.
	route *route
}

// decide decides what becomes of a request for a host on a running listener (S-14.5). No other code decides this.
// decide is a pure function: the decision depends only on the configuration and the head of the request, and decide
// changes neither. host is the lower-cased host without port; "" if the request named none or an invalid one.
func (d *DynamicConfig) decide(listener int, host string, r *Request) decision {
	switch r.Method {
	case http.MethodConnect, http.MethodTrace:
		return decision{outcome: methodRefused}
	case http.MethodGet, http.MethodHead:
		if d.HealthPath != "" && withoutQuery(r.Target) == d.HealthPath {
			return decision{outcome: healthChecked}
		}
	}
	if host == "" {
		return decision{outcome: hostInvalid}
	}
	found := d.sites[listener].table.Decide(host, r.Method, r.Target)
	if found.Site == nil {
		return decision{outcome: hostUnknown}
	}
	made := decision{site: found.Site, route: found.Site.own}
	switch {
	case found.Site.redirects(host):
		made.outcome = toOwnHost
		return made
	case found.Outcome == routing.Ambiguous:
		made.outcome = pathAmbiguous
		return made
	case found.Outcome == routing.Routed:
		made.route = found.Route
	}
	made.outcome = made.route.outcome(r)
	return made
}

// outcome returns what the route does with a request.
func (r *route) outcome(of *Request) outcome {
	switch {
	case r.config.Redirect != "":
		return redirected
	case r.config.Respond != 0:
		return responded
	case !r.forwards():
		return routeMissing
	case of.Method == http.MethodOptions && of.isAtLastHop():
		return atLastHop
	}
	return forwarded
}
