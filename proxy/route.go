package proxy

import (
	"crypto/x509"
	"iter"
	"sync/atomic"

	"reverse-proxy/proxy/config"
)

// routeID identifies a route over reloads, in the metrics, `diff` and `status`. A host is served once over all listeners
// (S-2.7), so that it is all there is to tell routes apart.
type routeID struct{ host string }

// route is a site at work: what the file says of it, and what requests to it use. Of two configurations each has routes of
// its own; pools and series are found by what they are for and live on.
type route struct {
	// site is what the file says. It never changes.
	site config.Site
	// roots verify an https upstream; nil for http.
	roots *x509.CertPool
	// pool holds the connections to the upstream; found at the first request.
	pool atomic.Pointer[upstreamPool]
	// series are the numbers of the route; set before the configuration is used.
	series *siteSeries
}

// id returns the route's identity.
func (r *route) id() routeID { return routeID{r.site.Host} }

// routeTable holds the routes of a configuration by host, for each listener that runs. It never changes.
type routeTable []map[string]*route

// find returns the route that takes a request for a lower-cased host on a running listener, or nil. It is the only place
// that decides so.
func (t routeTable) find(listener int, host string) *route { return t[listener][host] }

// all yields every route with the index of its listener, those of one listener in no order.
func (t routeTable) all() iter.Seq2[int, *route] {
	return func(yield func(int, *route) bool) {
		for listener, routes := range t {
			for _, r := range routes {
				if !yield(listener, r) {
					return
				}
			}
		}
	}
}

// hosts returns the names that a running listener serves, in no order.
func (t routeTable) hosts(listener int) []string {
	hosts := make([]string, 0, len(t[listener]))
	for host := range t[listener] {
		hosts = append(hosts, host)
	}
	return hosts
}
