package proxy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
)

// scrapeOf returns the scrape of a daemon in this process.
func scrapeOf(d *Daemon) *scrape {
	return &scrape{dynamic: d.dynamic, shared: d.shared, pipeline: d.pipeline, listeners: d.listeners, draining: d.health.draining.Load}
}

// answerOf returns the answer of a scrape.
func answerOf(s *scrape) string {
	var answer strings.Builder
	s.write(&answer)
	return answer.String()
}

// samples reads the samples of an answer, each as `name{labels}` with its value.
func samples(t testing.TB, answer string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(answer) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			t.Fatalf("got the line %q, want a sample", line)
		}
		if _, twice := found[line[:at]]; twice {
			t.Errorf("got %s twice, want each series once", line[:at])
		}
		found[line[:at]] = line[at+1:]
	}
	return found
}

// wantSamples compares some of the samples.
func wantSamples(t testing.TB, got map[string]string, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
}

// countedExchange returns an exchange that has ended, with a site's series or with none.
func countedExchange(series *siteSeries, method string, status int) *exchange {
	x := &exchange{request: &Request{Method: method, Protocol: HTTP11}, status: status}
	if series != nil {
		x.site = &site{series: series}
	}
	return x
}

func TestRequestsAreCountedByClassesWhateverClientsSend(t *testing.T) {
	for _, test := range []struct {
		method string
		status int
		want   string // method and class
	}{
		{"GET", 200, "GET 2xx"}, {"HEAD", 204, "HEAD 2xx"}, {"POST", 101, "POST 1xx"}, {"PUT", 302, "PUT 3xx"},
		{"PATCH", 404, "PATCH 4xx"}, {"DELETE", 499, "DELETE 4xx"}, {"OPTIONS", 599, "OPTIONS 5xx"},
		{"get", 200, "other 2xx"}, {"PROPFIND", 207, "other 2xx"}, {"", 400, "other 4xx"}, {"G\"\n", 100, "other 1xx"},
		{"GET", 0, "GET 5xx"}, {"GET", 99, "GET 5xx"}, {"GET", 600, "GET 5xx"}, {"GET", -1, "GET 5xx"},
	} {
		t.Run(fmt.Sprintf("%s %d", test.method, test.status), func(t *testing.T) {
			m := newMetrics()
			m.request(countedExchange(nil, test.method, test.status), time.Second)
			var got []string
			for method, classes := range m.none.sum().requests {
				for class, n := range classes {
					for range n {
						got = append(got, methodClasses[method]+" "+statusClasses[class])
					}
				}
			}
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoCountIsLostAmongGoroutines counts from many goroutines while others read.
func TestNoCountIsLostAmongGoroutines(t *testing.T) {
	m := newMetrics()
	series := m.newSeries("a.test", "a:443")
	const goroutines, requests = 16, 2000
	var counting sync.WaitGroup
	for range goroutines {
		counting.Go(func() {
			x := countedExchange(series, "GET", 200)
			x.sent, x.responseTime, x.limited = 10, time.Millisecond, true
			for range requests {
				m.request(x, time.Minute)
				if total := series.sum(); total.requests[0][1] == 0 {
					t.Error("got no request, want at least our own")
				}
			}
		})
	}
	counting.Wait()
	total := series.sum()
	want := siteTotals{bytesOut: 10 * goroutines * requests}
	want.requests[0][1] = goroutines * requests
	want.duration.buckets[len(durationBounds)] = goroutines * requests
	want.duration.sum = uint64(goroutines * requests * time.Minute)
	want.response.buckets[0] = goroutines * requests
	want.response.sum = uint64(goroutines * requests * time.Millisecond)
	if total != want {
		t.Errorf("got %+v, want %+v", total, want)
	}
	if got := m.process.limited(); got != goroutines*requests {
		t.Errorf("got %d refused, want %d", got, goroutines*requests)
	}
	if got := m.process.byProtocol(HTTP11); got != goroutines*requests {
		t.Errorf("got %d over HTTP/1.1, want %d", got, goroutines*requests)
	}
}

// dynamicOf returns a configuration of some hosts, each on every listener.
func dynamicOf(listeners int, hosts ...string) *DynamicConfig {
	dynamic := &DynamicConfig{Sites: listeners * len(hosts)}
	for listener := range listeners {
		sites := newListenerSites(fmt.Sprintf("listener-%d:443", listener))
		for _, host := range hosts {
			sites.add(newSite(listener, "", config.Site{Host: host}))
		}
		dynamic.sites = append(dynamic.sites, sites)
	}
	return dynamic
}

func TestSeriesFollowTheConfiguration(t *testing.T) {
	m := newMetrics()
	sites := func() []string {
		var sites []string
		for _, series := range m.sites {
			sites = append(sites, series.host+" on "+series.listener)
		}
		slices.Sort(sites)
		return sites
	}
	first := dynamicOf(2, "a.test", "b.test")
	m.adopt(first)
	if diff := cmp.Diff([]string{"a.test on listener-0:443", "a.test on listener-1:443", "b.test on listener-0:443", "b.test on listener-1:443"}, sites()); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	for listener := range first.sites { // each listener counts for itself
		for range listener + 1 {
			m.request(&exchange{request: &Request{Method: "GET"}, site: first.sites.find(listener, "a.test"), status: 502, exchangeCounts: exchangeCounts{upstreamAtFault: true, sent: 11}}, 0)
			m.request(&exchange{request: &Request{Method: "GET"}, site: first.sites.find(listener, "b.test"), status: 404}, 0)
		}
	}
	if diff := cmp.Diff(admin.TrafficCounts{Requests: 2, ServerErrors: 2, UpstreamErrors: 2, BytesOut: 22}, m.traffic(siteID{1, "a.test"}, "")); diff != "" {
		t.Errorf("traffic on the second listener (-want +got):\n%s", diff)
	}

	m.adopt(dynamicOf(1, "c.test", "a.test"))
	if diff := cmp.Diff([]string{"a.test on listener-0:443", "c.test on listener-0:443"}, sites()); diff != "" {
		t.Errorf("after a reload (-want +got):\n%s", diff)
	}
	m.request(&exchange{request: &Request{Method: "GET"}, site: first.sites.find(0, "b.test"), status: 200}, 0) // still in progress
	want := map[string]admin.TrafficCounts{
		"a.test": {Requests: 1, ServerErrors: 1, UpstreamErrors: 1, BytesOut: 11}, "b.test": {}, "c.test": {},
	}
	for host, counts := range want {
		if diff := cmp.Diff(counts, m.traffic(siteID{0, host}, "")); diff != "" {
			t.Errorf("traffic of %q after a reload (-want +got):\n%s", host, diff)
		}
	}

	moved := dynamicOf(2)
	moved.sites[1].add(newSite(1, "", config.Site{Host: "a.test"}))
	m.adopt(moved)
	if diff := cmp.Diff([]string{"a.test on listener-1:443"}, sites()); diff != "" {
		t.Errorf("after a move to the second listener (-want +got):\n%s", diff)
	}
	if got := m.traffic(siteID{1, "a.test"}, "").Requests; got != 1 {
		t.Errorf("after a move to the second listener: got %d requests, want the 1 from before", got)
	}

	m.adopt(dynamicOf(1, "b.test"))
	if diff := cmp.Diff(admin.TrafficCounts{}, m.traffic(siteID{0, "b.test"}, "")); diff != "" {
		t.Errorf("a site that came back starts from zero (-want +got):\n%s", diff)
	}
	for i := range 1000 {
		m.adopt(dynamicOf(1, fmt.Sprintf("site-%d.test", i)))
	}
	if got := len(m.sites); got != 1 {
		t.Errorf("got the series of %d sites after a thousand reloads, want those of one", got)
	}
}
