package proxy

import (
	"crypto/x509"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/routing"
)

// route is a route in use: what is done with some of the requests for a site.
type route struct {
	// site is the route's site, and key the route's key in the file, or the site's.
	site *site
	key  string
	// config is the configuration of the route. It never changes.
	config config.Route
	// location is the target of a redirect.
	location routing.Location
	// roots verify an https upstream; nil for http.
	roots *x509.CertPool
	// series holds the numbers of the route; nil for a site's own, which has those of the site. It is set before the
	// configuration is used.
	series *siteSeries
	routeUpstreams
	// limits are the limits of the route; nil if only those of the file apply. They are set before the configuration is
	// used.
	limits *routeLimits
	// access are the rules that say who may use the route; nil for none.
	access *config.Access
	// service is what forward_auth asks; nil for nothing. It is a route that only the proxy uses.
	service *route
	// vouched are the fields that say who has passed, which no client may send; nil for none.
	vouched *headers.NameSet
}

// newRoute returns a route of a site. Its configuration is valid.
func newRoute(s *site, key string, of config.Route) *route {
	r := &route{site: s, key: key, config: of, routeUpstreams: newRouteUpstreams(of.Upstreams)}
	if of.Access.Restricts() {
		r.access = of.Access
		if asked := of.Access.ForwardAuth; asked != nil {
			r.service = newRoute(s, config.ChildKey(key, "access"), asked.Service)
		}
	}
	if of.Redirect != "" {
		r.location, _ = routing.ParseLocation(of.Redirect)
	}
	return r
}

// forwards reports whether the route has an upstream.
func (r *route) forwards() bool { return r.config.Upstreams != nil }

// stripped returns the number of bytes at the beginning of a path that are not forwarded (S-14.4).
func (r *route) stripped() int {
	if !r.config.StripPrefix || r.config.Path == "/" {
		return 0
	}
	return len(r.config.Path)
}

// pool returns the pool of one of a route's upstreams. It is looked up at the first request and kept with the route.
func (u *upstreams) pool(r *route, i int) *upstreamPool {
	pool := r.pools[i].Load()
	if pool == nil {
		pool = u.find(r.config.Upstreams[i].Address, &r.config)
		r.pools[i].Store(pool)
	}
	return pool
}

// target returns the target for calls to one of the route's upstreams.
func (u *upstreams) target(r *route, i int) upstreamTarget {
	return upstreamTarget{pool: u.pool(r, i), address: r.config.Upstreams[i].Address, host: r.site.config.Host, config: &r.config, roots: r.roots, stripped: r.stripped()}
}
