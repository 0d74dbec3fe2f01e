package proxy

import (
	"cmp"
	"slices"
	"sync/atomic"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/limit"
)

// limitPlace is a site or a route that sets a limit.
type limitPlace struct {
	site siteID
	// route is the path of the route; "" for the site itself.
	route string
}

// limitSeries counts what the limits of one place have refused.
type limitSeries struct {
	// host, listener and path are the values of the labels: all are "" for the file, and path is "" for a site.
	host, listener, path string
	refused              [limit.Kinds]atomic.Uint64
	// gates are the gates of the place with their bounds: none without `concurrent`, and several for routes with the same path.
	// They change with a reload.
	gates map[*limit.Gate]int
}

// limitReport is what the limits of one place have done.
type limitReport struct {
	host, listener, path string
	refused              [limit.Kinds]uint64
	// running and waiting are the numbers of requests at the gates, and bound is the sum of their bounds; 0 without gates.
	running, waiting, bound int
}

// report returns what the limits have done: first those of the file, then those of the places, in the order of their hosts,
// listeners and paths.
func (l *limits) report() []limitReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	reports := []limitReport{l.file.report()}
	for _, series := range l.series {
		reports = append(reports, series.report())
	}
	slices.SortFunc(reports[1:], func(a, b limitReport) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.listener, b.listener), cmp.Compare(a.path, b.path))
	})
	return reports
}

func (s *limitSeries) report() limitReport {
	report := limitReport{host: s.host, listener: s.listener, path: s.path}
	for kind := range s.refused {
		report.refused[kind] = s.refused[kind].Load()
	}
	for gate, bound := range s.gates {
		running, waiting := gate.Counts()
		report.running, report.waiting, report.bound = report.running+running, report.waiting+waiting, report.bound+bound
	}
	return report
}

// status lists what the limits have done, for `status`.
func (l *limits) status() []admin.LimitStatus {
	var list []admin.LimitStatus
	for _, r := range l.report() {
		status := admin.LimitStatus{
			Host: r.host, Listener: r.listener, Route: r.path,
			Refused: admin.LimitCounts{Client: r.refused[limit.OfClient], Total: r.refused[limit.OfTotal], Concurrent: r.refused[limit.OfConcurrent]},
		}
		if r.bound > 0 {
			status.Concurrent = &admin.ConcurrentStatus{Running: r.running, Waiting: r.waiting, Max: r.bound}
		}
		list = append(list, status)
	}
	return list
}
