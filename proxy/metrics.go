package proxy

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// metrics holds the numbers of the process that requests and connections count, from its start on and over every reload.
// What it says of requests is kept by site, and by a few classes: whatever clients send, the series are as many as the
// configuration makes them.
//
// Counting is the data path's own and not a library's: it costs a request no lock and no allocation, and each core adds
// to memory of its own.
type metrics struct {
	// started is when the process started, within what reading the configuration took.
	started time.Time
	// free hands out lanes: a core that puts one back gets the same again.
	free sync.Pool
	// count is how many lanes there are.
	count uint32

	// mu guards sites; no request takes it.
	mu sync.Mutex
	// sites are the series of the routes.
	sites map[routeID]*siteSeries
	// none is that of requests that were sent to no site.
	none *siteSeries
	// process are the numbers that belong to no site.
	process processSeries
}

// maxLanes bounds the memory of a site's numbers; more cores share lanes.
const maxLanes = 16

// lane is one of several places to which the same number is counted; its value is the sum over all.
type lane struct{ index uint32 }

func newMetrics() *metrics {
	m := &metrics{started: now(), count: 1, sites: map[routeID]*siteSeries{}}
	for m.count < maxLanes && int(m.count) < runtime.GOMAXPROCS(0) {
		m.count *= 2
	}
	var next atomic.Uint32
	m.free.New = func() any { return &lane{index: (next.Add(1) - 1) % m.count} }
	m.none = m.newSeries("")
	m.process.lanes = make([]processLane, m.count)
	return m
}

func (m *metrics) newSeries(host string) *siteSeries {
	return &siteSeries{host: host, lanes: make([]atomic.Pointer[siteLane], m.count)}
}

// adopt gives the routes of a configuration, before it is used, their series: a host that had one keeps it, also on another
// listener. Those of hosts that are gone are dropped, so that reloads do not make them ever more; a request that is still
// under way counts for nobody then.
func (m *metrics) adopt(dynamic *DynamicConfig) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sites := make(map[routeID]*siteSeries, dynamic.Sites)
	for _, r := range dynamic.routes.all() {
		id := r.id()
		if sites[id] == nil {
			if sites[id] = m.sites[id]; sites[id] == nil {
				sites[id] = m.newSeries(id.host)
			}
		}
		r.series = sites[id]
	}
	m.sites = sites
}

// inUse returns the series of requests without a site, and after it those of the sites that have had a request, in the order
// of their hosts. A site without one costs a scrape neither bytes nor memory.
func (m *metrics) inUse() []*siteSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	used := []*siteSeries{m.none}
	for _, series := range m.sites {
		if series.used() {
			used = append(used, series)
		}
	}
	slices.SortFunc(used[1:], func(a, b *siteSeries) int { return strings.Compare(a.host, b.host) })
	return used
}

// siteTraffic sums up what the site has served since the process started, or since the site was added by a reload. The
// host "" stands for the requests that were sent to no site: to unknown hosts, over the rate limit, malformed, and to the
// health path.
func (m *metrics) siteTraffic(host string) TrafficCounts {
	series := m.none
	if host != "" {
		m.mu.Lock()
		series = m.sites[routeID{host}]
		m.mu.Unlock()
	}
	if series == nil {
		return TrafficCounts{}
	}
	total := series.sum()
	counts := TrafficCounts{UpstreamErrors: total.upstreamErrors, BytesIn: total.bytesIn, BytesOut: total.bytesOut}
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
