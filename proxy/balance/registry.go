package balance

import (
	"sync"
	"sync/atomic"
	"time"
)

// Registry holds the states of all upstreams, over reloads that keep them (S-18.3).
type Registry struct {
	clock func() time.Time
	// start is a time before all others.
	start time.Time
	// Changed is called after an upstream went out of service or came back. It may be nil, and must be set before the first
	// request.
	Changed func(Change)

	mu     sync.Mutex
	states map[Key]*State
	totals map[Site]*Totals
	// tallies are the numbers of each address of a site.
	tallies map[siteAddress]*tally
	// drained holds the times at which an operator drained upstreams, by host and address.
	drained map[place]time.Time
}

// siteAddress is what requests and failures are counted for.
type siteAddress struct {
	Site
	address string
}

// tally has the numbers of an address of a site. All its states share them: another check neither ends the requests in flight
// nor sets the counters back.
type tally struct {
	inFlight          atomic.Int64
	retries, failures atomic.Uint64
}

// place is what an order to drain names.
type place struct{ host, address string }

// Change says that an upstream went out of service or came back.
type Change struct {
	Key
	// Down reports whether it went out, and Checked whether checks have decided that.
	Down, Checked bool
	// Err is what has failed last.
	Err error
	// After is how long the upstream was in the state before.
	After time.Duration
}

// NewRegistry returns a registry that reads the time from clock, which is time.Now except in tests.
func NewRegistry(clock func() time.Time) *Registry {
	return &Registry{clock: clock, start: clock().Add(-time.Second), states: map[Key]*State{}, totals: map[Site]*Totals{},
		tallies: map[siteAddress]*tally{}, drained: map[place]time.Time{}}
}

// ticks returns a time on the registry's own clock, which does not jump when the clock of the machine is set. It is above 0.
func (r *Registry) ticks(t time.Time) int64 { return int64(t.Sub(r.start)) }

// State returns the state of an upstream, the same one over reloads.
func (r *Registry) State(key Key) *State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.states[key]
	if s == nil {
		at := siteAddress{key.Site, key.Address}
		numbers := r.tallies[at]
		if numbers == nil {
			numbers = new(tally)
			r.tallies[at] = numbers
		}
		s = newState(r, key, numbers)
		s.drain(r.drained[place{key.Host, key.Address}])
		r.states[key] = s
	}
	return s
}

// Totals returns the numbers of a site, the same ones over reloads.
func (r *Registry) Totals(site Site) *Totals {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.totals[site]
	if t == nil {
		t = newTotals(r)
		r.totals[site] = t
	}
	return t
}

// Keep forgets all states that a new configuration does not have, with the numbers of sites and the orders that concern none
// of the others.
func (r *Registry) Keep(states map[*State]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sites, addresses, places := map[Site]bool{}, map[siteAddress]bool{}, map[place]bool{}
	for key, s := range r.states {
		if !states[s] {
			delete(r.states, key)
			continue
		}
		sites[key.Site], addresses[siteAddress{key.Site, key.Address}], places[place{key.Host, key.Address}] = true, true, true
	}
	for site := range r.totals {
		if !sites[site] {
			delete(r.totals, site)
		}
	}
	for at := range r.tallies {
		if !addresses[at] {
			delete(r.tallies, at)
		}
	}
	for at := range r.drained {
		if !places[at] {
			delete(r.drained, at)
		}
	}
}

// Drain takes the upstream with an address out of service at all sites with a host: it gets no new requests. It reports whether
// it was in service before.
func (r *Registry) Drain(host, address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{host, address}
	if _, was := r.drained[at]; was {
		return false
	}
	r.order(at, r.clock())
	return true
}

// Undrain puts a drained upstream back in service, and reports whether it was drained.
func (r *Registry) Undrain(host, address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := place{host, address}
	if _, was := r.drained[at]; !was {
		return false
	}
	r.order(at, time.Time{})
	return true
}

// order drains an upstream, or puts it back if since is zero. The caller holds mu.
func (r *Registry) order(at place, since time.Time) {
	if since.IsZero() {
		delete(r.drained, at)
	} else {
		r.drained[at] = since
	}
	for key, s := range r.states {
		if key.Host == at.host && key.Address == at.address {
			s.drain(since)
		}
	}
}
