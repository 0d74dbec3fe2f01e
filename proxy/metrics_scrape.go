package proxy

import (
	"net/http"
	"strconv"
	"sync/atomic"
)

// metricsPath is where the health port answers scrapes.
const metricsPath = "/metrics"

// maxScrapes is how many scrapes are answered at a time; each holds its answer in memory until its client has taken it.
const maxScrapes = 4

// scrape is where the numbers of an answer come from. All of it is read without waiting: for no request, no reload and no
// upstream.
type scrape struct {
	dynamic   *atomic.Pointer[DynamicConfig]
	shared    *sharedState
	pipeline  *pipeline
	listeners listeners
	draining  func() bool

	// series and totals are those of the sites, read once an answer.
	series []*siteSeries
	totals []siteTotals
}

// append writes the whole answer behind buf.
func (s *scrape) append(buf []byte) []byte {
	s.series = s.shared.metrics.all()
	s.totals = make([]siteTotals, len(s.series))
	for i, series := range s.series {
		s.totals[i] = series.sum()
	}
	text := metricsText{buf: buf}
	families := metricFamilies()
	for i := range families {
		text.begin(&families[i])
		families[i].write(s, &text)
	}
	return text.buf
}

// newMetricsHandler answers scrapes: GET and HEAD of the path were seen to. More than maxScrapes at a time are answered
// with 503 at once.
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
		s := source // each scrape has its own totals
		answer := s.append(nil)
		w.Header().Set("Content-Type", metricsContentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer) // a scraper that has left misses nothing
	})
}
