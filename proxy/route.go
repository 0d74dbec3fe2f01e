package proxy

import (
	"crypto/x509"
	"iter"
	"sync/atomic"

	"reverse-proxy/proxy/config"
)

// routeID identifies a route across reloads, in the metrics, `diff` and `status`. A host is served only once over all
// listeners (S-2.7), so it identifies a route.
type routeID struct{ host string }

// route is a site in use: what the file says about it, and what requests to it use. Every configuration has its own
// routes; pools and series are looked up by key and live on.
type route struct {
	// site is the configuration of the site. It never changes.
	site config.Site
	// roots verify an https upstream; nil for http.
	roots *x509.CertPool
	// pool holds the connections to the upstream; looked up at the first request.
	pool atomic.Pointer[upstreamPool]
	// series holds the numbers of the route; set before the configuration is used.
	series *siteSeries
}

// id returns the route's identity.
func (r *route) id() routeID { return routeID{r.site.Host} }

// routeTable holds the routes of a configuration by host, for each listener that runs. It never changes.
type routeTable []map[string]*route

// find returns the route for a request for a lower-cased host on a running listener, or nil. It is the only place that
// decides this.
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
