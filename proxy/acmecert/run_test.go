package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/waittest"
)

// acmeTimes records when something happened.
type acmeTimes struct {
	mu    sync.Mutex
	times []time.Time
}

func (a *acmeTimes) add(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, t)
}

func (a *acmeTimes) all() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.times)
}

// runACME runs the schedule of one name in a synctest bubble. obtain makes the attempts. The first certificate is new
// and valid for 90 days.
func runACME(t *testing.T, obtain func(ctx context.Context, d *domain) outcome,
	check func(s *Source, log *waittest.Buffer)) {
	t.Helper()
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, makeACMETestCert(t, acmeTestName, now, now.AddDate(0, 0, 90)))
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		s.manager.obtain = obtain
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.manager.asked.Store(true) // no probe
		s.manager.suggest = nil
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		check(s, &log)
		cancel()
		run.Wait()
	})
}

// acmeTestDays lets days pass in the bubble, with everything that is due in them.
func acmeTestDays(days float64) {
	time.Sleep(time.Duration(days * 24 * float64(time.Hour)))
	synctest.Wait()
}

func TestACMERenewal(t *testing.T) {
	t.Run("comes a third of the lifetime before the end, once", func(t *testing.T) {
		var tries acmeTimes
		runACME(t, func(context.Context, *domain) outcome {
			now := time.Now()
			tries.add(now)
			return outcome{certificate: makeACMETestCert(t, acmeTestName, now, now.AddDate(0, 0, 90)), origin: ordered}
		}, func(s *Source, log *waittest.Buffer) {
			start := time.Now()
			old := s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName})
			acmeTestDays(59.9)
			if len(tries.all()) != 0 {
				t.Fatalf("got tries at %v, want none before day 60", tries.all())
			}
			acmeTestDays(10)
			if len(tries.all()) != 1 || tries.all()[0].Sub(start) > 63*24*time.Hour+time.Minute {
				t.Fatalf("got tries at %v, want one within three days of day 60", tries.all())
			}
			if s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}) == old {
				t.Error("got the old certificate in handshakes, want the new one")
			}
			wantACMELogLine(t, log, "INFO ACME_RENEWED domain="+acmeTestName, "not_after=")
		})
	})
	t.Run("that is refused is tried again after growing waits, and an expired certificate serves on", func(t *testing.T) {
		var tries acmeTimes
		runACME(t, func(context.Context, *domain) outcome {
			tries.add(time.Now())
			return outcome{err: errors.New("urn:x: no"), refused: true}
		}, func(s *Source, log *waittest.Buffer) {
			acmeTestDays(66) // up to three days of jitter after day 60, and then a day and two hours of waits
			want := []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}
			if len(tries.all()) < 5 {
				t.Fatalf("got %d tries, want more than 4", len(tries.all()))
			}
			for i, w := range want {
				if got := tries.all()[i+1].Sub(tries.all()[i]); got < w || got > w+2*time.Second {
					t.Errorf("wait %d: got %v, want %v", i+1, got, w)
				}
			}
			wantACMELogLine(t, log, "WARN ACME_ERROR domain="+acmeTestName, "directory="+acmeTestDirectory, `"urn:x: no"`,
				"next_try=")
			if strings.Contains(log.String(), "CERT_EXPIRED") {
				t.Error("got CERT_EXPIRED while the certificate is valid")
			}
			acmeTestDays(30)
			wantACMELogLine(t, log, "ERROR CERT_EXPIRED domain="+acmeTestName, "not_after=")
			if s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}) == nil {
				t.Error("got no certificate, want the expired one")
			}
		})
	})
	t.Run("of a CA that is away is tried again soon, then hourly, and nothing is remembered", func(t *testing.T) {
		var tries acmeTimes
		var back atomic.Bool
		runACME(t, func(context.Context, *domain) outcome {
			now := time.Now()
			tries.add(now)
			if !back.Load() {
				return outcome{err: errors.New("connection refused")}
			}
			return outcome{certificate: makeACMETestCert(t, acmeTestName, now, now.AddDate(0, 0, 90)), origin: ordered}
		}, func(s *Source, log *waittest.Buffer) {
			acmeTestDays(64)
			if len(tries.all()) < 10 {
				t.Fatalf("got %d tries, want more", len(tries.all()))
			}
			if first, last := tries.all()[1].Sub(tries.all()[0]), tries.all()[len(tries.all())-1].Sub(tries.all()[len(tries.all())-2]); first >
				2*time.Minute || last < time.Hour || last > 61*time.Minute {
				t.Errorf("got a first wait of %v and a last of %v, want a minute and an hour", first, last)
			}
			if _, ok := s.manager.refusals.get(acmeTestDirectory, acmeTestName); ok {
				t.Error("got a remembered refusal, want none")
			}
			back.Store(true)
			acmeTestDays(0.1)
			wantACMELogLine(t, log, "ACME_RENEWED")
			if got := s.Names()[0]; got.LastError != "" || time.Until(got.NextTry) < 50*24*time.Hour {
				t.Errorf("got status %+v, want the failures forgotten", got)
			}
		})
	})
	t.Run("that was refused before a restart waits on after it", func(t *testing.T) {
		cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName,
				makeACMETestCert(t, acmeTestName, now.AddDate(0, 0, -80), now.AddDate(0, 0, 10)))
			refusals, _ := loadRefusals(testDisk(cfg.ACMECacheDir))
			e, err := refusals.refuse(t.Context(), acmeTestDirectory, acmeTestName, "no", 5*time.Hour, 0, now)
			if err != nil {
				t.Fatal(err)
			}
			s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
			if err := s.Provision(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if got := s.Names()[0].NextTry; !got.Equal(e.NextTry) {
				t.Errorf("got the next try at %v, want %v", got, e.NextTry)
			}
		})
	})
}

func TestACMEGeneralFailureIsNotRepeatedForEveryName(t *testing.T) {
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("n%d.example.test", i))
	}
	cfg := acmeTestConfig(t, acmeTestDirectory, "", names...)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, name := range names {
			cacheACMETestCert(t, cfg.ACMECacheDir, name, makeACMETestCert(t, name, now.AddDate(0, 0, -80), now.AddDate(0, 0, 10)))
		}
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		var tries atomic.Int32
		s.manager.obtain = func(context.Context, *domain) outcome {
			tries.Add(1)
			time.Sleep(time.Second) // a CA that answers slowly
			return outcome{err: errors.New("connection refused")}
		}
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.manager.renewDue(t.Context())
		if got := tries.Load(); got != maxAtOnce {
			t.Errorf("got %d tries, want those %d at the same time for all %d names", got, maxAtOnce, len(names))
		}
		for _, name := range names {
			wantACMELogLine(t, &log, "ACME_ERROR domain="+name, "connection refused")
		}
	})
}

func TestACMEProbeWarnsUntilTheDirectoryAnswers(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, makeACMETestCert(t, acmeTestName, now, now.AddDate(0, 0, 90)))
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.manager.suggest = nil
		var probes acmeTimes
		s.manager.base = &http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
		s.manager.base.RegisterProtocol("https", acmeRoundTrip(func(*http.Request) (*http.Response, error) {
			probes.add(time.Now())
			switch len(probes.all()) {
			case 1:
				return nil, errors.New("connection refused")
			case 2:
				return acmeTestAnswer(503, "busy"), nil
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		acmeTestDays(1)
		cancel()
		run.Wait()
		if len(probes.all()) != 3 || probes.all()[1].Sub(probes.all()[0]) != 10*time.Second || probes.all()[2].Sub(probes.all()[1]) != 20*time.Second {
			t.Errorf("got probes at %v, want three, after 10 s and 20 s", probes.all())
		}
		if got := strings.Count(log.String(), "ACME_UNREACHABLE"); got != 2 {
			t.Errorf("got %d warnings, want 2:\n%s", got, log.String())
		}
	})
}

// wantACMELogLine fails the test unless one line contains every text. Time in a bubble stops while the log is
// written.
func wantACMELogLine(t *testing.T, log *waittest.Buffer, texts ...string) {
	t.Helper()
	synctest.Wait()
	for line := range strings.Lines(log.String()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return
		}
	}
	t.Errorf("got log\n%swant a line with %q", log.String(), texts)
}
