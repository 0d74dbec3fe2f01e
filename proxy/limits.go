package proxy

import (
	"strings"
	"sync"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/limit"
)

// leastPlaces is how many requests may wait at the gates even if few connections are allowed: enough for a page of
// pictures over one HTTP/2 connection.
const leastPlaces = 256

// limits holds what the limits of sites and routes count, over all reloads (S-7.4).
type limits struct {
	limiter *limit.Limiter
	gates   *limit.Gates

	// mu guards series and their gates; no request takes it.
	mu sync.Mutex
	// series holds the counters of each site and route that sets a limit. file holds those of the file.
	series map[limitPlace]*limitSeries
	file   *limitSeries
}

// routeLimits are the limits of a route in use. It never changes.
type routeLimits struct {
	rule limit.Rule
	// gate bounds how many requests run at the same time; nil for no bound. Further requests wait for up to wait.
	gate *limit.Gate
	wait time.Duration
	// setBy are the places that set each kind of limit.
	setBy [limit.Kinds]*limitSeries
}

func newLimits(connections int) *limits {
	return &limits{
		limiter: limit.New(time.Now), gates: limit.NewGates(max(connections/2, leastPlaces), time.Now),
		series: map[limitPlace]*limitSeries{}, file: &limitSeries{},
	}
}

// adopt gives the routes of a configuration their limits before the configuration is used. A site or route that already
// has buckets, gates and counters keeps them.
func (l *limits) adopt(dynamic *DynamicConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := adoption{limits: l, dynamic: dynamic, series: map[limitPlace]*limitSeries{}, bounds: map[*limit.Gate]int{}, totals: map[*limit.Total]bool{}}
	for s := range dynamic.sites.all() {
		for r := range s.all() {
			r.limits = a.of(r)
		}
	}
	l.series = a.series
	l.limiter.KeepTotals(a.totals)
	l.gates.Bound(a.bounds)
}

// adoption is the state of one adopt.
type adoption struct {
	*limits
	dynamic *DynamicConfig
	series  map[limitPlace]*limitSeries
	bounds  map[*limit.Gate]int
	totals  map[*limit.Total]bool
}

// of returns the limits of a route; nil if only those of the file apply.
func (a *adoption) of(r *route) *routeLimits {
	of := r.config.Limits
	if of.RateFrom == config.LevelDefault && of.Total == 0 && of.Concurrent == 0 {
		return nil
	}
	made := &routeLimits{rule: limit.Rule{Rate: a.dynamic.RateLimit.Rate()}, wait: of.Wait}
	made.setBy[limit.OfClient] = a.file
	if of.RateFrom != config.LevelDefault {
		series, scope := a.place(r, of.RateFrom)
		made.setBy[limit.OfClient], made.rule.Scope, made.rule.Rate = series, scope, of.Rate
	}
	if of.Total > 0 {
		series, scope := a.place(r, of.TotalFrom)
		made.setBy[limit.OfTotal] = series
		made.rule.Total, made.rule.TotalRate = a.limiter.Total(scope), limit.TotalRate(of.Total)
		a.totals[made.rule.Total] = true
	}
	if of.Concurrent > 0 && r.forwards() {
		series, scope := a.place(r, of.ConcurrentFrom)
		made.setBy[limit.OfConcurrent], made.gate = series, a.gates.Gate(scope)
		series.gates[made.gate] = of.Concurrent
		a.bounds[made.gate] = of.Concurrent
	}
	return made
}

// place returns the counters and the scope of the site or route, by level, that has set a limit of the route r. Routes
// with the same path share the counters, but each has a scope of its own.
func (a *adoption) place(r *route, level config.Level) (*limitSeries, limit.Scope) {
	place, identity := limitPlace{site: r.site.id()}, ""
	if level == config.LevelRoute {
		place.route, identity = r.config.Path, r.identity()
	}
	listener := a.dynamic.sites[place.site.listener].name
	series := a.series[place]
	if series == nil {
		if series = a.limits.series[place]; series == nil {
			series = &limitSeries{host: place.site.host, listener: listener, path: place.route}
		}
		series.gates = map[*limit.Gate]int{}
		a.series[place] = series
	}
	return series, a.limiter.Scope(listener + "\n" + place.site.host + "\n" + identity)
}

// identity distinguishes the route from the others of its site, whatever their order. It is never "".
func (r *route) identity() string {
	kind := "below "
	if r.config.Exact {
		kind = "exactly "
	}
	return kind + r.config.Path + " " + strings.Join(r.config.Methods, ",")
}
