package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// pieces is a client of a scrape that records how its answer arrives.
type pieces struct {
	// writes counts the pieces; largest is the size of the largest, and total that of all.
	writes, largest, total int
	// fails makes every write fail.
	fails bool
}

func (p *pieces) Write(data []byte) (int, error) {
	p.writes++
	p.largest = max(p.largest, len(data))
	p.total += len(data)
	if p.fails {
		return 0, errors.New("gone")
	}
	return len(data), nil
}

// siteOfMany returns the host of a site of scrapeOfSites; all hosts have the same length.
func siteOfMany(i int) string { return fmt.Sprintf("site-%05d.example.test", i) }

// scrapeOfSites returns the scrape of a daemon with many sites. The first used ones have had a request of each method,
// each with another status and with every number that a request can have.
func scrapeOfSites(t testing.TB, sites, used int) *scrape {
	t.Helper()
	p := startPath(t, "127.0.0.1:1", func(o *pathOptions) { o.output = io.Discard })
	hosts := make([]string, sites)
	for i := range hosts {
		hosts[i] = siteOfMany(i)
	}
	dynamic := dynamicOf(1, hosts...)
	m := p.shared.metrics
	m.adopt(dynamic)
	for _, host := range hosts[:used] {
		for i, method := range methodClasses {
			x := countedExchange(dynamic.sites.find(0, host).series, method, 200+100*(i%4))
			x.sent, x.connectTime, x.responseTime, x.upstreamAtFault = 1<<40, time.Millisecond, time.Second, true
			m.request(x, time.Hour+time.Nanosecond)
		}
	}
	return &scrape{dynamic: p.pipeline.dynamic, shared: p.shared, pipeline: p.pipeline, draining: func() bool { return false }}
}

// TestIdleSitesCostAScrapeNothing compares the answer for one site with that for ten thousand, with one site in use in
// both.
func TestIdleSitesCostAScrapeNothing(t *testing.T) {
	one, many := scrapeOfSites(t, 1, 1), scrapeOfSites(t, 10_000, 1)
	few, all := samples(t, answerOf(one)), samples(t, answerOf(many))
	for series := range all {
		if _, ok := few[series]; !ok {
			t.Errorf("got the series %s of a site without a request, want none", series)
		}
	}
	for series := range few {
		if _, ok := all[series]; !ok {
			t.Errorf("got no series %s among idle sites, want those of the site in use", series)
		}
	}
	if got := len(many.totals); got != 2 {
		t.Errorf("got the numbers of %d sites in memory, want two: of the site in use and of none", got)
	}
}

// TestASiteHasAllItsSeriesFromItsFirstRequestOn checks what alerting rules rely on: the series that would show a failure
// exist before it.
func TestASiteHasAllItsSeriesFromItsFirstRequestOn(t *testing.T) {
	m := newMetrics()
	dynamic := dynamicOf(1, "a.test", "b.test")
	m.adopt(dynamic)
	m.request(countedExchange(dynamic.sites.find(0, "a.test").series, "GET", 200), time.Millisecond)
	s := &scrape{shared: &sharedState{metrics: m}, series: m.inUse()}
	for _, series := range s.series {
		s.totals = append(s.totals, series.sum())
	}
	for name, want := range map[string]map[string]string{
		"reverse_proxy_requests_total": {
			`{site="a.test",listener="listener-0:443",method="GET",status="2xx"}`: "1", `{site="a.test",listener="listener-0:443",method="GET",status="5xx"}`: "0",
			`{site="",listener="",method="GET",status="5xx"}`: "0", `{site="b.test",listener="listener-0:443",method="GET",status="2xx"}`: "",
		},
		"reverse_proxy_request_duration_seconds":          {`_count{site="a.test",listener="listener-0:443"}`: "1", `_count{site="",listener=""}`: "0", `_count{site="b.test",listener="listener-0:443"}`: ""},
		"reverse_proxy_request_body_bytes_total":          {`{site="a.test",listener="listener-0:443"}`: "0", `{site="",listener=""}`: "0", `{site="b.test",listener="listener-0:443"}`: ""},
		"reverse_proxy_response_body_bytes_total":         {`{site="a.test",listener="listener-0:443"}`: "0", `{site="",listener=""}`: "0", `{site="b.test",listener="listener-0:443"}`: ""},
		"reverse_proxy_upstream_connect_duration_seconds": {`_count{site="a.test",listener="listener-0:443"}`: "0", `_count{site="b.test",listener="listener-0:443"}`: ""},
		"reverse_proxy_upstream_response_duration_seconds": {
			`_bucket{site="a.test",listener="listener-0:443",le="0.001"}`: "0", `_bucket{site="a.test",listener="listener-0:443",le="+Inf"}`: "0", `_count{site="b.test",listener="listener-0:443"}`: "",
		},
		"reverse_proxy_upstream_errors_total": {`{site="a.test",listener="listener-0:443"}`: "0", `{site="b.test",listener="listener-0:443"}`: ""},
	} {
		got := written(t, s, name)
		for labels, value := range want {
			if got[name+labels] != value {
				t.Errorf("%s%s: got %q, want %q", name, labels, got[name+labels], value)
			}
		}
	}
}

// TestAScrapeIsBoundedWhenEverySiteIsInUse checks that a site costs no more than the largest number of series that it
// can have, and that the answer is never whole in memory.
func TestAScrapeIsBoundedWhenEverySiteIsInUse(t *testing.T) {
	const sites = 2000
	s := scrapeOfSites(t, sites, sites)
	var got pieces
	s.write(&got)
	var least pieces
	scrapeOfSites(t, 1, 0).write(&least)
	if a := (got.total - least.total) / sites; a > 12<<10 {
		t.Errorf("got %d bytes for a site, want at most 12 KiB", a)
	}
	if want := metricsPiece + 1<<10; got.largest > want {
		t.Errorf("got %d bytes at a time, want at most %d", got.largest, want)
	}
	sample := samples(t, answerOf(s))
	for _, i := range []int{0, sites / 2, sites - 1} {
		wantSamples(t, sample, map[string]string{
			fmt.Sprintf(`reverse_proxy_requests_total{site=%q,listener="listener-0:443",method="GET",status="2xx"}`, siteOfMany(i)):            "1",
			fmt.Sprintf(`reverse_proxy_upstream_response_duration_seconds_bucket{site=%q,listener="listener-0:443",le="+Inf"}`, siteOfMany(i)): "8",
			fmt.Sprintf(`reverse_proxy_upstream_connect_duration_seconds_count{site=%q,listener="listener-0:443"}`, siteOfMany(i)):             "8",
		})
	}
}

// TestAScrapeOfAClientThatHasLeftEnds checks that writing stops once it shows that the client has left.
func TestAScrapeOfAClientThatHasLeftEnds(t *testing.T) {
	s := scrapeOfSites(t, 1000, 1000)
	gone := pieces{fails: true}
	s.write(&gone)
	if gone.writes != 1 {
		t.Errorf("got %d writes, want one", gone.writes)
	}
}

func TestHEADOfTheMetricsHasTheTypeAndNoBody(t *testing.T) {
	answer := httptest.NewRecorder()
	newMetricsHandler(*scrapeOfSites(t, 1, 1)).ServeHTTP(answer, httptest.NewRequest("HEAD", metricsPath, nil))
	if got := answer.Header().Get("Content-Type"); answer.Code != 200 || got != metricsContentType || answer.Body.Len() > 0 {
		t.Errorf("got %d of the type %q with %d bytes, want 200, the type and no byte", answer.Code, got, answer.Body.Len())
	}
}

// TestAPieceEndsWithALine checks that a scrape that is cut off between two pieces has no half sample.
func TestAPieceEndsWithALine(t *testing.T) {
	s := scrapeOfSites(t, 100, 100)
	s.write(writerFunc(func(data []byte) {
		if !strings.HasSuffix(string(data), "\n") {
			t.Errorf("got a piece that ends with %q, want a whole line", data[max(0, len(data)-40):])
		}
	}))
}

// writerFunc is a writer that passes everything to a function.
type writerFunc func(data []byte)

func (f writerFunc) Write(data []byte) (int, error) {
	f(data)
	return len(data), nil
}
