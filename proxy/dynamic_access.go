package proxy

import (
	"iter"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
)

// boundServices gives each service of `forward_auth` the connection limit of the sites and routes with the same
// upstream. They share a connection pool, and a pool has only one limit.
func (d *DynamicConfig) boundServices() {
	bounds := map[config.UpstreamID]int{}
	for s := range d.sites.all() {
		for r := range s.all() {
			for _, upstream := range r.config.Upstreams {
				bounds[r.config.UpstreamID(upstream.Address)] = r.config.MaxConnections
			}
		}
	}
	for s := range d.sites.all() {
		for r := range s.all() {
			if r.service != nil {
				r.service.config.MaxConnections = bounds[r.service.upstreamID()]
			}
		}
	}
}

// vouch finds for each route the fields that tell the upstream who was let in. No client may send them (S-16.3). A
// route has the fields of all routes of its site and of all routes with the same upstream, because an upstream believes
// them whichever way a request comes.
func (d *DynamicConfig) vouch() {
	byUpstream := map[string]map[string]bool{}
	bySite := map[*site]map[string]bool{}
	for s := range d.sites.all() {
		for r := range s.all() {
			for _, name := range r.config.Access.HeadersOf() {
				name = headers.Request.Key(name)
				if bySite[s] == nil {
					bySite[s] = map[string]bool{}
				}
				bySite[s][name] = true
				for _, upstream := range r.config.Upstreams {
					place := samePlace(upstream.Address)
					if byUpstream[place] == nil {
						byUpstream[place] = map[string]bool{}
					}
					byUpstream[place][name] = true
				}
			}
		}
	}
	if len(bySite) == 0 {
		return
	}
	for s := range d.sites.all() {
		for r := range s.all() {
			r.vouchFor(bySite[s], byUpstream)
		}
	}
}

// vouchFor sets the fields that vouch finds for one route.
func (r *route) vouchFor(ofSite map[string]bool, byUpstream map[string]map[string]bool) {
	names := map[string]bool{}
	maps.Copy(names, ofSite)
	for _, upstream := range r.config.Upstreams {
		maps.Copy(names, byUpstream[samePlace(upstream.Address)])
	}
	if len(names) > 0 {
		r.vouched = headers.NewNameSet(true, slices.Sorted(maps.Keys(names)))
	}
}

// samePlace returns the address of an upstream in a form that is the same for all its spellings. All loopback addresses
// count as one: an application usually listens on several of them.
func samePlace(address string) string {
	if path, ok := config.SocketPath(address); ok {
		return "unix:" + filepath.Clean(path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	number, _ := strconv.ParseUint(port, 10, 16)
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		host = ip.String()
		if ip.IsLoopback() || ip.IsUnspecified() {
			host = "localhost"
		}
	}
	if strings.HasSuffix(host, ".localhost") || host == "ip6-localhost" || host == "ip6-loopback" {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10))
}

// routesAndServices yields the routes of the site, and the services that they ask.
func (s *site) routesAndServices() iter.Seq[*route] {
	return func(yield func(*route) bool) {
		for r := range s.all() {
			if !yield(r) || r.service != nil && !yield(r.service) {
				return
			}
		}
	}
}

// upstreamID identifies the only upstream of a service.
func (r *route) upstreamID() config.UpstreamID {
	return r.config.UpstreamID(r.config.Upstreams[0].Address)
}
