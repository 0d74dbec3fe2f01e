package proxy

import (
	"cmp"
	"crypto/x509"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"reverse-proxy/proxy/config"
)

// routeID identifies a route across reloads, in the metrics, `diff` and `status`: the host of its site, and the index of
// the running listener, which stays the same until a restart. Two listeners may each have a site of the same host (S-2.7).
type routeID struct {
	listener int
	host     string
}

// compare orders routes by host, and those of the same host by listener.
func (id routeID) compare(other routeID) int {
	return cmp.Or(cmp.Compare(id.host, other.host), cmp.Compare(id.listener, other.listener))
}

// route is a site in use: what the file says about it, and what requests to it use. Every configuration has its own
// routes; pools and series are looked up by key and live on.
type route struct {
	// listener is the index of the running listener that serves the site, and key the site's key in the file.
	listener int
	key      string
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
func (r *route) id() routeID { return routeID{r.listener, r.site.Host} }

// pool returns the pool of a route's upstream. It is looked up at the route's first request and kept with the route.
func (u *upstreams) pool(r *route) *upstreamPool {
	pool := r.pool.Load()
	if pool == nil {
		pool = u.find(&r.site)
		r.pool.Store(pool)
	}
	return pool
}

// target returns where the calls for a route go.
func (u *upstreams) target(r *route) upstreamTarget {
	return upstreamTarget{pool: u.pool(r), site: &r.site, roots: r.roots}
}

// routeTable holds the routes of a configuration for each listener that runs. It never changes once it is in use.
type routeTable []*listenerRoutes

// listenerRoutes are the routes of one listener.
type listenerRoutes struct {
	// name is the listener's name, as in `status`.
	name string
	// routes are all routes, in the order of the file.
	routes []*route
	// exact finds a route by a lower-cased name of its site, and wildcard by what follows the `*.` of one.
	exact, wildcard map[string]*route
}

// newListenerRoutes returns an empty table for a listener.
func newListenerRoutes(name string) *listenerRoutes {
	return &listenerRoutes{name: name, exact: map[string]*route{}, wildcard: map[string]*route{}}
}

// add adds a route; it is only for the construction of a table.
func (t *listenerRoutes) add(r *route) {
	t.routes = append(t.routes, r)
	for _, name := range r.site.Names() {
		if rest, wildcard := config.IsWildcard(name); wildcard {
			t.wildcard[rest] = r
		} else {
			t.exact[name] = r
		}
	}
}

// find returns the route for a request for a lower-cased host on a running listener, or nil: the one with that name, else the
// one with a wildcard for the first label (S-14.1). It is the only place that decides this.
func (t routeTable) find(listener int, host string) *route {
	of := t[listener]
	if r, ok := of.exact[host]; ok {
		return r
	}
	_, rest, _ := strings.Cut(host, ".")
	return of.wildcard[rest]
}

// redirects reports whether a request for that host, for which the route was found, is redirected to the site's own host.
func (r *route) redirects(host string) bool { return r.site.RedirectAliases && host != r.site.Host }

// all yields every route, in the order of the listeners and of the file.
func (t routeTable) all() iter.Seq[*route] {
	return func(yield func(*route) bool) {
		for _, of := range t {
			for _, r := range of.routes {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// upstreams returns the keys of the upstreams to which the routes lead.
func (t routeTable) upstreams() map[upstreamKey]bool {
	keys := map[upstreamKey]bool{}
	for r := range t.all() {
		if r.site.Upstream == "" {
			continue
		}
		keys[upstreamKey{r.site.Upstream, r.site.UpstreamScheme}] = true
	}
	return keys
}

// hosts returns the names that a running listener serves, aliases and wildcards among them, sorted.
func (t routeTable) hosts(listener int) []string {
	var hosts []string
	for _, r := range t[listener].routes {
		hosts = append(hosts, r.site.Names()...)
	}
	slices.Sort(hosts)
	return hosts
}

// movedRoutes finds the routes that the next configuration has on another listener: for each new identity the old one. A
// host that several listeners have lost or got has not moved: which route became which cannot be told.
func movedRoutes[A, B any](before map[routeID]A, after map[routeID]B) map[routeID]routeID {
	lost, got := onlyIn(before, after), onlyIn(after, before)
	moved := make(map[routeID]routeID)
	for host, from := range lost {
		if to := got[host]; len(from) == 1 && len(to) == 1 {
			moved[to[0]] = from[0]
		}
	}
	return moved
}

// onlyIn returns the identities that routes has and others does not, by host.
func onlyIn[A, B any](routes map[routeID]A, others map[routeID]B) map[string][]routeID {
	only := make(map[string][]routeID)
	for id := range routes {
		if _, both := others[id]; !both {
			only[id.host] = append(only[id.host], id)
		}
	}
	return only
}
