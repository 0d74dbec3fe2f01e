package proxy

import (
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// upstreamInfo is the state of an upstream of a site.
type upstreamInfo struct {
	*site
	// listener is the name of the site's listener.
	listener string
	key      balance.Key
	balance.Info
	// only reports whether it is the only upstream of all routes that have it.
	only bool
}

// upstreamInfos lists the states of the upstreams of all sites, each once, in the order of the sites and of the file.
func (d *DynamicConfig) upstreamInfos() []upstreamInfo {
	var infos []upstreamInfo
	at := map[*balance.State]int{}
	for s := range d.sites.all() {
		for r := range s.all() {
			if !r.forwards() {
				continue
			}
			for _, member := range r.list.Members() {
				i, known := at[member.State]
				if !known {
					i = len(infos)
					at[member.State] = i
					key := member.State.Key()
					infos = append(infos, upstreamInfo{s, d.sites[s.listener].name, key, member.State.Info(), true})
				}
				infos[i].only = infos[i].only && !r.several()
			}
		}
	}
	return infos
}

// status describes the upstream for an operator.
func (i upstreamInfo) status() admin.UpstreamStatus {
	s := admin.UpstreamStatus{Host: i.config.Host, Listener: i.listener, Upstream: i.key.Via + "://" + i.key.Address, Check: i.key.What, Only: i.only,
		State: i.State, Since: i.Since.UTC(), Slow: i.Slow, InFlight: i.InFlight, FailedConnections: i.Failures, Retries: i.Retries}
	if i.LastError != nil {
		s.LastError, s.LastErrorAt = wording.Cause(i.LastError).Error(), new(i.ErrorAt.UTC())
	}
	if !i.TryAt.IsZero() {
		s.TryAt = new(i.TryAt.UTC())
	}
	return s
}

// upstreamStatus describes all upstreams, and the sites that have several.
func upstreamStatus(d *DynamicConfig) (all []admin.UpstreamStatus, sites []admin.FailOverStatus) {
	for _, info := range d.upstreamInfos() {
		all = append(all, info.status())
	}
	for _, s := range d.balancedSites() {
		counts := s.totals.Counts()
		sites = append(sites, admin.FailOverStatus{Host: s.config.Host, Listener: d.sites[s.listener].name, FailOpen: counts.FailOpen,
			Retries: counts.Retries, RetriesRefused: counts.Refused})
	}
	return all, sites
}

// balancedSites lists the sites that have several upstreams, or checks.
func (d *DynamicConfig) balancedSites() []*site {
	var sites []*site
	for s := range d.sites.all() {
		for r := range s.all() {
			if r.several() || r.forwards() && r.config.Health.Path != "" {
				sites = append(sites, s)
				break
			}
		}
	}
	return sites
}

// Drain takes an upstream of a site out of service: it gets no new requests (S-18.6).
func (d *Daemon) Drain(order admin.DrainOrder) admin.DrainResult { return d.setDrained(order, true) }

// Undrain puts a drained upstream back in service.
func (d *Daemon) Undrain(order admin.DrainOrder) admin.DrainResult { return d.setDrained(order, false) }

// setDrained drains the upstream of an order if on is set, and else puts it back in service.
func (d *Daemon) setDrained(order admin.DrainOrder, on bool) admin.DrainResult {
	dynamic, states := d.dynamic.Load(), d.shared.upstreams.states
	host, err := dynamic.drainable(order, on)
	if err != nil {
		return admin.DrainResult{Status: admin.StatusError, Message: err.Error(), Path: d.config.Path}
	}
	change, status := states.Undrain, "off"
	if on {
		change, status = states.Drain, "on"
	}
	result := admin.DrainResult{Status: admin.StatusOK, Path: d.config.Path, Changed: change(host, order.Address)}
	if result.Changed {
		d.shared.log.Log(eventlog.LevelInfo, "UPSTREAM_DRAIN", eventlog.Str("host", host), eventlog.Str("upstream", order.Address), eventlog.Str("status", status))
	}
	for _, info := range dynamic.upstreamInfos() {
		if info.config.Host == host && info.key.Address == order.Address {
			result.Upstreams = append(result.Upstreams, info.status())
		}
	}
	return result
}

// drainable finds the host of the site that an order names. It refuses an order that would leave a route without an
// upstream in service.
func (d *DynamicConfig) drainable(order admin.DrainOrder, on bool) (host string, err error) {
	name := strings.TrimSuffix(strings.ToLower(order.Host), ".")
	var known []string
	found := false
	for s := range d.sites.all() {
		if !slices.Contains(s.config.Names(), name) {
			continue
		}
		host = s.config.Host
		for r := range s.all() {
			if !r.forwards() {
				continue
			}
			own := "" // the state of the upstream, if it is one of the route's
			others := map[string]int{}
			for _, member := range r.list.Members() {
				address, state := member.State.Key().Address, member.State.Info().State
				known = append(known, address)
				if address == order.Address {
					own = state
				} else {
					others[state]++
				}
			}
			found = found || own != ""
			if !on || own == "" {
				continue
			}
			switch up := others[balance.Up] + others[balance.Starting]; {
			case up+others[balance.Down] == 0:
				return "", fmt.Errorf("%s is the only upstream that %s has and that is not drained; `maintenance` or `pause` holds the whole site back",
					order.Address, r.placeText())
			case up == 0 && own != balance.Down:
				return "", fmt.Errorf("%s is the only upstream of %s in service: the others are down or drained; wait until `status` shows one of them up",
					order.Address, r.placeText())
			}
		}
	}
	switch {
	case host == "":
		return "", fmt.Errorf("no site has the host or alias %s", wording.Quoted(name))
	case !found:
		err := fmt.Errorf("%s has no upstream %s", host, wording.Quoted(order.Address))
		if near, ok := wording.Nearest(order.Address, known); ok {
			err = fmt.Errorf("%w; did you mean %s?", err, wording.Quoted(near))
		}
		return "", err
	}
	return host, nil
}

// placeText names the site or the route for an operator.
func (r *route) placeText() string { return r.site.config.Host + r.config.Path }
