package proxy

import (
	"strings"
	"sync/atomic"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
)

// routeUpstreams is what a route chooses its upstreams from.
type routeUpstreams struct {
	// list chooses among them; set before the configuration is used.
	list *balance.List
	// pools hold the connections to each upstream, in the order of the configuration; looked up at the first request.
	pools []atomic.Pointer[upstreamPool]
	// tokens are what the cookie holds for each upstream; nil unless the route balances by cookie.
	tokens []string
}

// newRouteUpstreams returns the upstreams of a route that is not in use yet.
func newRouteUpstreams(of config.Upstreams) routeUpstreams {
	return routeUpstreams{pools: make([]atomic.Pointer[upstreamPool], len(of))}
}

// several reports whether there is anything to choose.
func (r *routeUpstreams) several() bool { return len(r.pools) > 1 }

// methods are what the list of a route does for each value of `balance`. A cookie is a preference on top of that.
var methods = map[string]balance.Method{
	config.BalanceRoundRobin: balance.RoundRobin, config.BalanceClient: balance.ByKey,
	config.BalanceLeastRequests: balance.LeastRequests, config.BalanceCookie: balance.LeastRequests,
}

// balanceOn gives the routes of a configuration their lists, before it is used. An upstream that had a state keeps it.
func (d *DynamicConfig) balanceOn(u *upstreams) {
	for s := range d.sites.all() {
		s.totals = u.states.Totals(s.balanceSite())
		for r := range s.all() {
			if !r.forwards() {
				continue
			}
			members := make([]balance.Member, len(r.config.Upstreams))
			for i, upstream := range r.config.Upstreams {
				members[i] = balance.Member{State: u.states.State(r.stateKey(upstream.Address)), Weight: max(upstream.Weight, 1), Backup: upstream.Backup}
			}
			r.list = balance.NewList(methods[r.config.Balance], s.totals, members...)
			r.tokens = u.cookies.tokens(&r.config, s.config.Host)
		}
	}
}

// balanceSite identifies the site of a state.
func (s *site) balanceSite() balance.Site {
	return balance.Site{Listener: s.listener, Host: s.config.Host}
}

// stateKey identifies the state of an upstream of the route (S-18.3).
func (r *route) stateKey(address string) balance.Key {
	id := r.config.UpstreamID(address)
	key := balance.Key{Site: r.site.balanceSite(), Address: address, Via: id.Scheme,
		Connection: strings.Join([]string{id.Protocol, string(id.Proxy), id.TLS}, " ")}
	if health := r.config.Health; health.Path != "" {
		key.Check = balance.Check{What: health.String(), Interval: health.Interval, Rise: health.Rise, Fall: health.Fall}
	}
	return key
}

// settleUpstreams adapts the process's pools, states and checks to a configuration that is in use from now on. It ends those
// that no route needs any more, and begins the checks of new upstreams.
func (d *DynamicConfig) settleUpstreams(u *upstreams) {
	u.keep(d.sites.upstreams())
	states, checks := map[*balance.State]bool{}, map[*balance.State]upstreamCheck{}
	for s := range d.sites.all() {
		for r := range s.all() {
			if !r.forwards() {
				continue
			}
			for i, member := range r.list.Members() {
				states[member.State] = true
				if r.config.Health.Path != "" {
					checks[member.State] = upstreamCheck{u.target(r, i), s.config.CheckedHost(), r.config.Health}
				}
			}
		}
	}
	u.states.Keep(states)
	u.checks.keep(checks)
}
