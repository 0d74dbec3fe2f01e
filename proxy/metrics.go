package proxy

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/admin"
)

// metrics holds the counters of requests and connections since the process started. Reloads keep them. Requests are
// counted by site and by a few classes. So only the configuration determines the number of series, whatever clients
// send.
//
// The counters are part of the data path, not of a library: counting costs a request no lock and no allocation, and
// each core adds to its own memory.
type metrics struct {
	// started is when the process started. It is late by the time that reading the configuration took.
	started time.Time
	// free hands out lanes: a core that puts one back gets the same one again.
	free sync.Pool
	// count is the number of lanes.
	count uint32

	// mu guards sites; no request takes it.
	mu sync.Mutex
	// sites are the series of the sites.
	sites map[siteID]*siteSeries
	// none is the series of requests that were sent to no site.
	none *siteSeries
	// process holds the numbers that belong to no site.
	process processSeries
}

// maxLanes bounds the memory of a site's numbers; beyond it, cores share lanes.
const maxLanes = 16

// lane is one of several places in which the same number is counted; its value is the sum over all lanes.
type lane struct{ index uint32 }

func newMetrics() *metrics {
	m := &metrics{started: now(), count: 1, sites: map[siteID]*siteSeries{}}
	for m.count < maxLanes && int(m.count) < runtime.GOMAXPROCS(0) {
		m.count *= 2
	}
	var next atomic.Uint32
	m.free.New = func() any { return &lane{index: (next.Add(1) - 1) % m.count} }
	m.none = m.newSeries("", "")
	m.process.lanes = make([]processLane, m.count)
	return m
}

func (m *metrics) newSeries(host, listener string) *siteSeries {
	return &siteSeries{host: host, listener: listener, lanes: make([]atomic.Pointer[siteLane], m.count)}
}

// adopt assigns series to the sites of a configuration before it is used. A site that had a series keeps it, and a site that
// moves to another listener keeps its numbers, so that sums over the listeners do not fall. The series of sites that are gone
// are dropped, so that reloads do not accumulate them. A request to such a site that is still in progress counts for no site.
func (m *metrics) adopt(dynamic *DynamicConfig) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sites := make(map[siteID]*siteSeries, dynamic.Sites)
	for s := range dynamic.sites.all() {
		sites[s.id()] = m.sites[s.id()]
	}
	moved := movedSites(m.sites, sites)
	for s := range dynamic.sites.all() {
		id := s.id()
		if sites[id] == nil {
			sites[id] = m.newSeries(id.host, dynamic.sites[id.listener].name)
			if from, ok := moved[id]; ok {
				sites[id].lanes = m.sites[from].lanes
			}
		}
		s.series = sites[id]
		from, ok := moved[id]
		if !ok {
			from = id
		}
		m.adoptRoutes(s, m.sites[from])
	}
	m.sites = sites
}

// adoptRoutes assigns series to the routes of a site, whose own series is already set. before is the series that the
// site had under the previous configuration; nil for none. A route is the same as before if it has the same path.
func (m *metrics) adoptRoutes(s *site, before *siteSeries) {
	routes := make(map[string]*siteSeries, len(s.routes))
	for _, r := range s.routes {
		path := r.config.Path
		if routes[path] == nil {
			routes[path] = m.newSeries(s.series.host, s.series.listener)
			routes[path].route = path
			if before != nil && before.routes[path] != nil {
				routes[path].lanes = before.routes[path].lanes
			}
		}
		r.series = routes[path]
	}
	s.series.routes = routes
}

// routesInUse returns the series of those routes of the given sites that have had a request. They are in the order of
// the sites, and those of one site in the order of their paths.
func (m *metrics) routesInUse(sites []*siteSeries) []*siteSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	var used []*siteSeries
	for _, site := range sites {
		first := len(used)
		for _, series := range site.routes {
			if series.used() {
				used = append(used, series)
			}
		}
		slices.SortFunc(used[first:], func(a, b *siteSeries) int { return cmp.Compare(a.route, b.route) })
	}
	return used
}

// inUse returns the series of requests without a site, followed by those of the sites that have had a request, in the order
// of their hosts and listeners. An unused site costs a scrape neither bytes nor memory.
func (m *metrics) inUse() []*siteSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	used := []*siteSeries{m.none}
	for _, series := range m.sites {
		if series.used() {
			used = append(used, series)
		}
	}
	slices.SortFunc(used[1:], func(a, b *siteSeries) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.listener, b.listener))
	})
	return used
}

// traffic sums up what a site, or its routes with the given path, have served since the process started or a reload
// added them. path is "" for the whole site.
func (m *metrics) traffic(id siteID, path string) admin.TrafficCounts {
	m.mu.Lock()
	series := m.sites[id]
	if series != nil && path != "" {
		series = series.routes[path]
	}
	m.mu.Unlock()
	if series == nil {
		return admin.TrafficCounts{}
	}
	total := series.sum()
	counts := admin.TrafficCounts{UpstreamErrors: total.upstreamErrors, BytesIn: total.bytesIn, BytesOut: total.bytesOut}
	for _, classes := range total.requests {
		for class, n := range classes {
			counts.Requests += n
			switch class {
			case 4 - 1:
				counts.ClientErrors += n
			case 5 - 1:
				counts.ServerErrors += n
			}
		}
	}
	return counts
}
