package balance

import (
	"sync"
	"sync/atomic"
	"time"
)

// Registry holds the states of all upstreams. Reloads keep them (S-18.3).
type Registry struct {
	clock func() time.Time
	// start is a time before all others.
	start time.Time
	// Changed is called after an upstream has gone out of service or come back. It may be nil, and must be set before
	// the first request.
	Changed func(Change)

	mu     sync.Mutex
	states map[Key]*State
	totals map[Site]*Totals
	// tallies holds the counters of each address of a site.
	tallies map[siteAddress]*tally
	// drained holds when an operator drained upstreams, by host and address.
	drained map[place]time.Time
}

// siteAddress identifies the address of a site that requests and failures are counted for.
type siteAddress struct {
	Site
	address string
}

// tally has the counters of an address of a site. All its states share them, so a change of the check neither loses the
// requests in flight nor resets the counters.
type tally struct {
	inFlight          atomic.Int64
	retries, failures atomic.Uint64
}

// place identifies the upstreams that an order to drain applies to.
type place struct{ host, address string }

// Change reports that an upstream went out of service or came back.
type Change struct {
	Key
	// Down reports whether it went out of service. Checked reports whether checks decided that.
	Down, Checked bool
	// Err is the last failure.
	Err error
	// After is how long the upstream had been in its previous state.
	After time.Duration
}

// NewRegistry returns an empty registry. clock is time.Now except in tests.
func NewRegistry(clock func() time.Time) *Registry {
	return &Registry{clock: clock, start: clock().Add(-time.Second), states: map[Key]*State{}, totals: map[Site]*Totals{},
		tallies: map[siteAddress]*tally{}, drained: map[place]time.Time{}}
}

// ticks returns a time on the registry's own clock, which does not jump when the clock of the machine is set. It is
// positive.
func (r *Registry) ticks(t time.Time) int64 { return int64(t.Sub(r.start)) }

// State returns the state of an upstream, which stays the same one over reloads.
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

// Totals returns the counters of a site, which stay the same ones over reloads.
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

// Keep forgets all states except the given ones. It also forgets counters and orders to drain that belong to none of
// the given states.
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

// Drain takes the upstream with that address out of service at all sites with that host: it gets no new requests. It
// reports whether the upstream was not drained before.
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

// order drains an upstream, or puts it back in service if since is zero. The caller holds mu.
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
