package proxy

import (
	"crypto/tls"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/share"
)

// written returns the samples that a function of the table writes.
func written(t *testing.T, s *scrape, name string) map[string]string {
	t.Helper()
	families := metricFamilies()
	for i := range families {
		if families[i].name == name {
			var answer strings.Builder
			text := metricsText{out: &answer, family: &families[i]}
			families[i].write(s, &text)
			text.flush()
			return samples(t, answer.String())
		}
	}
	t.Fatalf("got no metric %s, want one", name)
	return nil
}

// fixedSource is a cert.Source with given certificates.
type fixedSource struct {
	tableSource
	certificates []cert.Info
}

func (s *fixedSource) Certificates() []cert.Info { return s.certificates }

func TestEachNameHasTheExpiryThatComesFirst(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	s := &scrape{listeners: listeners{
		{source: &fixedSource{certificates: []cert.Info{
			{Listener: "a:1", Source: config.TLSModeManual, Names: []string{"x.test", "y.test"}, NotAfter: at(300)},
			{Listener: "a:1", Source: config.TLSModeManual, Names: []string{"x.test", "x.test"}, NotAfter: at(200)}, // its RSA twin
			{Listener: "a:1", Source: config.TLSModeManual, Names: []string{"y.test"}, NotAfter: at(400)},
			{Listener: "a:1", Source: config.TLSModeManual, NotAfter: at(100)}, // without a name
		}}},
		{source: &fixedSource{certificates: []cert.Info{{Listener: "b:1", Source: config.TLSModeACME, Names: []string{"x.test", "*.x.test"}, NotAfter: at(500)}}}},
	}}
	const name = "reverse_proxy_certificate_expiry_timestamp_seconds"
	want := map[string]string{
		name + `{listener="a:1",name="x.test",source="manual"}`: "200",
		name + `{listener="a:1",name="y.test",source="manual"}`: "300",
		name + `{listener="b:1",name="x.test",source="acme"}`:   "500",
		name + `{listener="b:1",name="*.x.test",source="acme"}`: "500",
	}
	if diff := cmp.Diff(want, written(t, s, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheWarningComesAtAThirdOfTheLifetimeAtTheLatest(t *testing.T) {
	at := func(days int64) time.Time { return time.Unix(days*24*3600, 0) }
	s := &scrape{listeners: listeners{{source: &fixedSource{certificates: []cert.Info{
		{Listener: "a:1", Source: config.TLSModeManual, Names: []string{"x.test"}, NotBefore: at(0), NotAfter: at(90)},
		{Listener: "a:1", Source: config.TLSModeManual, Names: []string{"y.test"}, NotBefore: at(1), NotAfter: at(7)},
	}}}}}
	const name = "reverse_proxy_certificate_expiry_warning_seconds"
	want := map[string]string{name + `{listener="a:1",name="x.test",source="manual"}`: "1209600", name + `{listener="a:1",name="y.test",source="manual"}`: "172800"}
	if diff := cmp.Diff(want, written(t, s, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// attemptedSource is a source that has asked a CA for one name.
type attemptedSource struct {
	tableSource
	counted cert.Attempts
}

func (s *attemptedSource) Attempts() cert.Attempts { return s.counted }

func (s *attemptedSource) Names() []cert.NameStatus {
	return []cert.NameStatus{{Domain: "a.example.test"}}
}

func TestAttemptsAreWrittenByTheirResult(t *testing.T) {
	source, other := &attemptedSource{counted: cert.Attempts{2, 1, 1}}, &attemptedSource{counted: cert.Attempts{0, 2, 0}}
	s := &scrape{listeners: listeners{{source: source}, {source: other}, {source: &fixedSource{}}}}
	const name = "reverse_proxy_acme_attempts_total"
	want := map[string]string{name + `{result="success"}`: "2", name + `{result="refused"}`: "3", name + `{result="unreachable"}`: "1"}
	if diff := cmp.Diff(want, written(t, s, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantSamples(t, written(t, s, "reverse_proxy_acme_failing_names"), map[string]string{"reverse_proxy_acme_failing_names": "0"})
}

func TestHandshakesAreCountedByResultAndVersion(t *testing.T) {
	m := newMetrics()
	for _, h := range []struct {
		result  handshakeResult
		version uint16
	}{
		{handshakeDone, tls.VersionTLS12}, {handshakeDone, tls.VersionTLS13}, {handshakeDone, tls.VersionTLS13},
		{handshakeFailed, 0}, {handshakeFailed, tls.VersionTLS12}, {handshakeFailed, 0x0300},
		{handshakeClosed, tls.VersionTLS13}, {handshakeLate, 0},
	} {
		m.process.handshake(h.result, h.version)
	}
	const name = "reverse_proxy_tls_handshakes_total"
	want := map[string]string{
		name + `{result="success",version="1.2"}`: "1", name + `{result="success",version="1.3"}`: "2",
		name + `{result="error",version=""}`: "2", name + `{result="error",version="1.2"}`: "1", name + `{result="error",version="1.3"}`: "0",
		name + `{result="closed",version=""}`: "1", name + `{result="timeout",version=""}`: "1",
	}
	if diff := cmp.Diff(want, written(t, &scrape{shared: &sharedState{metrics: m}}, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPoolsAreCountedByAddress(t *testing.T) {
	all := newUpstreams(100)
	site := func(address, scheme string) *route {
		return siteTo("a", address, scheme)
	}
	plain, secure, other := all.pool(site("127.0.0.1:1", "http"), 0), all.pool(site("127.0.0.1:1", "https"), 0), all.pool(site("127.0.0.1:2", "http"), 0)
	conn := func(pool *upstreamPool) *upstreamConn {
		c, _ := pooledConn(t)
		share.Enter(&all.nobody, &pool.share)
		pool.use(c, nil)
		return c
	}
	first, second := conn(plain), conn(plain)
	conn(secure)
	plain.put(first)
	plain.drop(second)
	if got := plain.take(nil); got != first {
		t.Fatal("got another connection, want the one that was put back")
	}
	plain.put(first)
	other.put(conn(other))
	other.close()
	const name = "reverse_proxy_upstream_connections"
	want := map[string]string{
		name + `{upstream="127.0.0.1:1",state="idle"}`: "1", name + `{upstream="127.0.0.1:1",state="active"}`: "1",
		name + `{upstream="127.0.0.1:2",state="idle"}`: "0", name + `{upstream="127.0.0.1:2",state="active"}`: "0",
	}
	if diff := cmp.Diff(want, written(t, &scrape{shared: &sharedState{upstreams: all}}, name)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAScrapeWaitsForNoReloadAndNoLog scrapes while a reload is in progress and while the log is stuck.
func TestAScrapeWaitsForNoReloadAndNoLog(t *testing.T) {
	d := startDaemon(t, rawUpstream(t, answerOK), "")
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.log.Lock() // the writer of the log waits for it
	defer d.log.Unlock()
	d.shared.log.Log(eventlog.LevelInfo, "SHUTDOWN")
	answered := make(chan string, 1)
	go func() { answered <- answerOf(scrapeOf(d.Daemon)) }()
	select {
	case answer := <-answered:
		wantSamples(t, samples(t, answer), map[string]string{"reverse_proxy_sites": "1"})
	case <-time.After(patience):
		t.Error("the scrape has not ended within 10 s, want it to wait for nothing")
	}
}

// TestReloadsAreCounted reloads a daemon, with a good file and a bad one.
func TestReloadsAreCounted(t *testing.T) {
	upstream := rawUpstream(t, answerOK)
	d := startDaemon(t, upstream, "")
	at := func() map[string]string {
		found := written(t, scrapeOf(d.Daemon), "reverse_proxy_config_reloads_total")
		maps.Copy(found, written(t, scrapeOf(d.Daemon), "reverse_proxy_config_last_reload_successful"))
		return found
	}
	const success, failure, last = `reverse_proxy_config_reloads_total{result="success"}`, `reverse_proxy_config_reloads_total{result="error"}`,
		"reverse_proxy_config_last_reload_successful"
	wantSamples(t, at(), map[string]string{success: "0", failure: "0", last: "1"})
	d.writeConfig(t, upstream, "nonsense = 1")
	d.Reload()
	wantSamples(t, at(), map[string]string{success: "0", failure: "1", last: "0"})
	d.writeConfig(t, upstream, "")
	d.Reload()
	wantSamples(t, at(), map[string]string{success: "1", failure: "1", last: "1"})
}

// BenchmarkScrape measures the cost of an answer with many sites, with none of them in use and with all.
func BenchmarkScrape(b *testing.B) {
	for name, used := range map[string]int{"idle": 0, "used": 10_000} {
		b.Run(name, func(b *testing.B) {
			s := scrapeOfSites(b, 10_000, used)
			var size pieces
			b.ReportAllocs()
			for b.Loop() {
				size = pieces{}
				s.write(&size)
			}
			b.SetBytes(int64(size.total))
		})
	}
}

// BenchmarkCountARequest measures the cost of counting a request.
func BenchmarkCountARequest(b *testing.B) {
	m := newMetrics()
	series := m.newSeries("a.test", "a:443")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := countedExchange(series, "GET", 200)
		x.sent, x.responseTime = 1000, time.Millisecond
		for pb.Next() {
			m.request(x, 2*time.Millisecond)
		}
	})
}
