package proxy

import (
	"cmp"
	"iter"
	"slices"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/routing"
)

// siteID identifies a site across reloads, in the metrics, `diff` and `status`: its host, and the index of the running
// listener, which stays the same until a restart. Two listeners may each have a site of the same host (S-2.7).
type siteID struct {
	listener int
	host     string
}

// compare orders sites by host, and those of the same host by listener.
func (id siteID) compare(other siteID) int {
	return cmp.Or(cmp.Compare(id.host, other.host), cmp.Compare(id.listener, other.listener))
}

// site is a site in use: what the file says about it, and what requests to it use. Every configuration has its own sites;
// pools and series are looked up by key and live on.
type site struct {
	// listener is the index of the running listener that serves the site, and key the site's key in the file.
	listener int
	key      string
	// config is the configuration of the site. It never changes.
	config config.Site
	// demand is what the site asks of the certificates of its clients; nil for nothing.
	demand *clientDemand
	// own is the route for requests that no other route takes. Its path is "".
	own *route
	// routes are the other routes, in the order of the file.
	routes []*route
	// series holds the numbers of the site; set before the configuration is used.
	series *siteSeries
	// totals holds the counters and the retry budget of all upstreams of the site together; set before the configuration is
	// used.
	totals *balance.Totals
	// holds are the orders of an operator for the site; set before the configuration is used.
	holds *hold.Site
}

// newSite returns a site of a running listener with its routes. key is the site's key in the file.
func newSite(listener int, key string, of config.Site) *site {
	s := &site{listener: listener, key: key, config: of}
	s.demand = newClientDemand(&s.config)
	s.own = newRoute(s, key, config.Route{Upstreams: of.Upstreams, Settings: of.Settings})
	for i, routeConfig := range of.Routes {
		s.routes = append(s.routes, newRoute(s, config.IndexKey(config.ChildKey(key, "routes"), i), routeConfig))
	}
	return s
}

// id returns the site's identity.
func (s *site) id() siteID { return siteID{s.listener, s.config.Host} }

// redirects reports whether a request for that host, which is one of the site's names, is redirected to the site's own host.
func (s *site) redirects(host string) bool {
	return s.config.RedirectAliases && host != s.config.Host
}

// all yields the routes of the site, its own first.
func (s *site) all() iter.Seq[*route] {
	return func(yield func(*route) bool) {
		if !yield(s.own) {
			return
		}
		for _, r := range s.routes {
			if !yield(r) {
				return
			}
		}
	}
}

// siteTable holds the sites of a configuration for each listener that runs. It never changes once it is in use.
type siteTable []*listenerSites

// listenerSites are the sites of one listener.
type listenerSites struct {
	// name is the listener's name, as in `status`; addresses are its addresses with their port, and port is its https_port.
	name      string
	addresses []string
	port      string
	// clients says how clients behind trusted proxies are found.
	clients config.Clients
	// clientField holds the name of the field in which the trusted proxies name the client. It is nil if there is none,
	// or if no client may send that field anyway.
	clientField *headers.NameSet
	// sites are all sites, in the order of the file.
	sites []*site
	// demanding reports whether any site asks for certificates of clients.
	demanding bool
	// table finds the site and the route of a request.
	table routing.Table[*site, *route]
}

// newListenerSites returns an empty table for a listener.
func newListenerSites(name string) *listenerSites { return &listenerSites{name: name} }

// trust sets how clients behind trusted proxies are found; it is only for the construction of a table.
func (t *listenerSites) trust(clients config.Clients) {
	t.clients = clients
	if clients.Header != "" && !headers.Believed.Has(clients.Header) {
		t.clientField = headers.NewNameSet(true, []string{clients.Header})
	}
}

// add adds a site; it is only for the construction of a table.
func (t *listenerSites) add(s *site) {
	t.sites = append(t.sites, s)
	t.demanding = t.demanding || s.demand != nil
	rules := make([]routing.Rule[*route], len(s.routes))
	for i, r := range s.routes {
		rules[i] = routing.Rule[*route]{Path: r.config.Path, Exact: r.config.Exact, Methods: r.config.Methods, Stripped: r.stripped() > 0, Value: r}
	}
	t.table.Add(s.config.Names(), s, rules)
}

// demandOf returns what the site with that lower-cased name asks of the certificates of its clients; nil for nothing.
func (t *listenerSites) demandOf(name string) *clientDemand {
	if !t.demanding {
		return nil
	}
	if s, ok := t.table.Site(name); ok {
		return s.demand
	}
	return nil
}

// find returns the site with that lower-cased name on a running listener, or nil.
func (t siteTable) find(listener int, host string) *site {
	s, _ := t[listener].table.Site(host)
	return s
}

// all yields every site, in the order of the listeners and of the file.
func (t siteTable) all() iter.Seq[*site] {
	return func(yield func(*site) bool) {
		for _, of := range t {
			for _, s := range of.sites {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// upstreams returns the keys of the upstreams to which the routes of all sites lead.
func (t siteTable) upstreams() map[config.UpstreamID]bool {
	keys := map[config.UpstreamID]bool{}
	for s := range t.all() {
		for r := range s.all() {
			for _, upstream := range r.config.Upstreams {
				keys[r.config.UpstreamID(upstream.Address)] = true
			}
			if r.service != nil {
				keys[r.service.upstreamID()] = true
			}
		}
	}
	return keys
}

// hosts returns the names that a running listener serves, aliases and wildcards among them, sorted.
func (t siteTable) hosts(listener int) []string {
	var hosts []string
	for _, s := range t[listener].sites {
		hosts = append(hosts, s.config.Names()...)
	}
	slices.Sort(hosts)
	return hosts
}

// movedSites finds the sites that the next configuration has on another listener: for each new identity the old one. A
// host that several listeners have lost or gained does not count as moved, because it is unknown which site became
// which.
func movedSites[A, B any](before map[siteID]A, after map[siteID]B) map[siteID]siteID {
	lost, got := onlyIn(before, after), onlyIn(after, before)
	moved := make(map[siteID]siteID)
	for host, from := range lost {
		if to := got[host]; len(from) == 1 && len(to) == 1 {
			moved[to[0]] = from[0]
		}
	}
	return moved
}

// onlyIn returns the identities that sites has and others does not, by host.
func onlyIn[A, B any](sites map[siteID]A, others map[siteID]B) map[string][]siteID {
	only := make(map[string][]siteID)
	for id := range sites {
		if _, both := others[id]; !both {
			only[id.host] = append(only[id.host], id)
		}
	}
	return only
}

// obey gives the sites of a configuration the orders for them, before it is used. Those of sites that are gone are forgotten,
// unless one is in force.
func (d *DynamicConfig) obey(holds *hold.Holds) {
	hosts := map[string]bool{}
	for s := range d.sites.all() {
		s.holds = holds.Site(s.config.Host)
		hosts[s.config.Host] = true
	}
	holds.Keep(hosts)
}
