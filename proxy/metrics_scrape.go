package proxy

import (
	"io"
	"net/http"
	"sync/atomic"
)

// metricsPath is where the health port answers scrapes.
const metricsPath = "/metrics"

// maxScrapes is the number of scrapes answered at a time. Each holds the numbers of the sites in use until its client has
// taken the answer.
const maxScrapes = 4

// scrape holds the sources of an answer's numbers. All of them are read without waiting for a request, a reload or an
// upstream.
type scrape struct {
	dynamic   *atomic.Pointer[DynamicConfig]
	shared    *sharedState
	pipeline  *pipeline
	listeners listeners
	draining  func() bool

	// series are those of the sites in use, and totals their numbers, read once per answer.
	series []*siteSeries
	totals []siteTotals
	// routes and routeTotals are the same for routes.
	routes      []*siteSeries
	routeTotals []siteTotals
}

// write writes the whole answer to out, in pieces: its size grows with the sites in use, but the memory of a scrape does
// not. It ends early if out fails.
func (s *scrape) write(out io.Writer) {
	s.series = s.shared.metrics.inUse()
	s.totals = sumOf(s.series)
	s.routes = s.shared.metrics.routesInUse(s.series)
	s.routeTotals = sumOf(s.routes)
	text := metricsText{out: out}
	families := metricFamilies()
	for i := range families {
		text.begin(&families[i])
		families[i].write(s, &text)
		if text.failed {
			return
		}
	}
	text.flush()
}

// sumOf reads the numbers of all the series.
func sumOf(series []*siteSeries) []siteTotals {
	totals := make([]siteTotals, len(series))
	for i := range series {
		totals[i] = series[i].sum()
	}
	return totals
}

// newMetricsHandler answers scrapes; the caller has checked the method and the path. A scrape beyond maxScrapes at a
// time is answered 503 immediately.
func newMetricsHandler(source scrape) http.Handler {
	slots := make(chan struct{}, maxScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			w.Header().Set("Retry-After", "1")
			writeHealthError(w, http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", metricsContentType)
		if r.Method == http.MethodHead {
			return
		}
		s := source // each scrape has its own totals
		s.write(w)
	})
}
