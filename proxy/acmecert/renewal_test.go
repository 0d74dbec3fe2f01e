package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/waittest"
)

// suggesting runs a source with one certificate of 90 days in a synctest bubble. suggest is what the CA says about it.
func suggesting(t *testing.T, suggest func(leaf *tls.Certificate) (start, end time.Time, err error), check func(t *testing.T, s *Source, renewed *acmeTimes, log *waittest.Buffer)) {
	t.Helper()
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		make := func() *tls.Certificate {
			certificate := makeACMETestCert(t, acmeTestName, time.Now(), time.Now().Add(90*day))
			certificate.Leaf.AuthorityKeyId = []byte{1}
			return certificate
		}
		cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, makeACMETestCert(t, acmeTestName, now, now.Add(90*day)))
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		var renewed acmeTimes
		s.manager.obtain = func(context.Context, *domain) outcome {
			renewed.add(time.Now())
			return outcome{certificate: make(), origin: ordered}
		}
		s.manager.suggest = func(_ context.Context, certificate *tls.Certificate) (info acme.RenewalInfo, holds time.Duration, err error) {
			info.SuggestedWindow.Start, info.SuggestedWindow.End, err = suggest(certificate)
			return info, usualCheck, err
		}
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.names.Load().list[0].certificate().Leaf.AuthorityKeyId = []byte{1}
		s.manager.asked.Store(true) // no probe
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		check(t, s, &renewed, &log)
		cancel()
		run.Wait()
	})
}

func TestTheCASaysWhenToRenew(t *testing.T) {
	t.Run("a moment of its window, which stays the same", func(t *testing.T) {
		suggesting(t, func(certificate *tls.Certificate) (start, end time.Time, err error) {
			return certificate.Leaf.NotBefore.Add(40 * day), certificate.Leaf.NotBefore.Add(42 * day), nil
		}, func(t *testing.T, s *Source, renewed *acmeTimes, _ *waittest.Buffer) {
			start := time.Now()
			synctest.Wait()
			first := s.Names()[0]
			if first.Why != "ari" || first.NextTry.Sub(start) < 40*day || first.NextTry.Sub(start) > 42*day {
				t.Fatalf("got %+v, want a moment between day 40 and 42", first)
			}
			acmeTestDays(10)
			if again := s.Names()[0]; !again.NextTry.Equal(first.NextTry) {
				t.Errorf("got the moment %v after ten days, want %v", again.NextTry, first.NextTry)
			}
			other := newTestACMESource(t, s.cfg, true, &waittest.Buffer{})
			if got := other.manager.suggestions.get(acmeTestDirectory, acmeTestName); !got.Moment.Equal(first.NextTry) {
				t.Errorf("got the moment %v after a restart, want %v", got.Moment, first.NextTry)
			}
			acmeTestDays(33)
			if all := renewed.all(); len(all) != 1 || all[0].Sub(first.NextTry) > time.Second {
				t.Errorf("got renewals at %v, want one at %v", all, first.NextTry)
			}
		})
	})
	t.Run("a window that moves moves the moment", func(t *testing.T) {
		var moved atomic.Bool
		suggesting(t, func(certificate *tls.Certificate) (start, end time.Time, err error) {
			at := certificate.Leaf.NotBefore.Add(40 * day)
			if moved.Load() {
				at = at.Add(-20 * day)
			}
			return at, at.Add(day), nil
		}, func(t *testing.T, s *Source, renewed *acmeTimes, _ *waittest.Buffer) {
			acmeTestDays(2)
			moved.Store(true)
			acmeTestDays(20)
			if all := renewed.all(); len(all) != 1 {
				t.Errorf("got renewals at %v, want one", all)
			}
		})
	})
	t.Run("a window that is always in the past does not order in a loop", func(t *testing.T) {
		suggesting(t, func(*tls.Certificate) (start, end time.Time, err error) {
			return time.Now().Add(-2 * time.Hour), time.Now().Add(-time.Hour), nil
		}, func(t *testing.T, s *Source, renewed *acmeTimes, log *waittest.Buffer) {
			acmeTestDays(0.5)
			if all := renewed.all(); len(all) != 1 {
				t.Fatalf("got renewals at %v, want one at once", all)
			}
			wantACMELogLine(t, log, "WARN ACME_RENEWAL_INFO", "window_start=")
			acmeTestDays(7)
			if all := renewed.all(); len(all) > 8 || mostWithin(all, earlyGap-time.Minute) > 1 {
				t.Errorf("got renewals at %v, want no more than one a day", all)
			}
		})
	})
	for name, window := range map[string]func(certificate *tls.Certificate) (start, end time.Time, err error){
		"in 2090": func(*tls.Certificate) (start, end time.Time, err error) {
			at := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
			return at, at.Add(day), nil
		},
		"that ends before it begins": func(certificate *tls.Certificate) (start, end time.Time, err error) {
			return certificate.Leaf.NotBefore.Add(day), certificate.Leaf.NotBefore.Add(time.Hour), nil
		},
		"that is empty": func(*tls.Certificate) (start, end time.Time, err error) { return },
		"that cannot be had": func(*tls.Certificate) (start, end time.Time, err error) {
			return start, end, errors.New("HTTP 500")
		},
	} {
		t.Run("a window "+name+" leaves the rule of the lifetime", func(t *testing.T) {
			suggesting(t, window, func(t *testing.T, s *Source, renewed *acmeTimes, _ *waittest.Buffer) {
				start := time.Now()
				acmeTestDays(59)
				if got := s.Names()[0]; got.Why != "lifetime" || len(renewed.all()) != 0 {
					t.Errorf("got %+v and renewals at %v, want none before day 60", got, renewed.all())
				}
				acmeTestDays(5)
				if all := renewed.all(); len(all) != 1 || all[0].Sub(start) > 63*day+time.Minute {
					t.Errorf("got renewals at %v, want one from day 60 to 63", all)
				}
			})
		})
	}
}

// TestRenewalInfoAsTheCASendsIt covers the CA's message itself.
func TestRenewalInfoAsTheCASendsIt(t *testing.T) {
	ca, cfg := issuingCA(t, nil, acmeTestName)
	ca.OfferRenewalInfo(true)
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	certificate := s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName})
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		holds  time.Duration
		err    string
	}{
		{"the CA names a wait of two hours", func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/"+replacesID(certificate)) {
				t.Errorf("got a request for %s, want the identifier of the certificate", r.URL.Path)
			}
			w.Header().Set("Retry-After", "7200")
			w.Write([]byte(`{"suggestedWindow":{"start":"2026-01-01T00:00:00Z","end":"2026-01-02T00:00:00Z"},"explanationURL":"https://ca.test/why"}`))
		}, 2 * time.Hour, ""},
		{"the CA names a wait of a second", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.Write([]byte(`{}`))
		}, time.Hour, ""},
		{"the CA names a wait of a year", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "31536000")
			w.Write([]byte(`{}`))
		}, 24 * time.Hour, ""},
		{"the answer is garbage", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{{`)) }, usualCheck, "cannot be parsed"},
		{"the CA refuses", func(w http.ResponseWriter, _ *http.Request) {
			acmetest.WriteProblem(w, acmetest.Refusal{Status: 404, Type: "urn:ietf:params:acme:error:malformed", Detail: "unknown certificate"})
		}, usualCheck, "unknown certificate"},
	} {
		t.Run("an answer "+tc.name, func(t *testing.T) {
			ca.Answer(acmetest.FakeCARenewalInfo, tc.answer)
			_, holds, err := s.manager.renewalInfo(t.Context(), certificate)
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("got the error %v, want %q", err, tc.err)
			}
			if holds != tc.holds {
				t.Errorf("got an answer that holds %v, want %v", holds, tc.holds)
			}
		})
	}
}

func TestRetryAfterEndsHalfwayToTheExpiry(t *testing.T) {
	for _, tc := range []struct {
		name      string
		remaining time.Duration
		refused   bool
		want      time.Duration
	}{
		{"a limit on the account holds back an order with ten days left", 10 * day, false, 5 * day},
		{"a limit on the account holds back an order with an hour left", time.Hour, false, 30 * time.Minute},
		{"a limit on the name holds back an order with ten days left", 10 * day, true, 5 * day},
		{"a limit on the name holds back an order with an hour left", time.Hour, true, 30 * time.Minute},
		{"a limit on the name is obeyed in full once the certificate has expired", -time.Hour, true, 20 * day},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
			synctest.Test(t, func(t *testing.T) {
				s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
				now := time.Now()
				d := s.names.Load().list[0]
				s.manager.install(d, makeACMETestCert(t, acmeTestName, now.Add(-80*day), now.Add(tc.remaining)))
				next := s.manager.failed(t.Context(), d, outcome{err: errors.New("rateLimited"), refused: tc.refused, retryAfter: 20 * day}, now)
				if got := next.Sub(now); got < tc.want-2*time.Second || got > tc.want+2*time.Second {
					t.Errorf("got the next try after %v, want %v", got, tc.want)
				}
			})
		})
	}
}

func TestACertificateThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	synctest.Test(t, func(t *testing.T) {
		var log waittest.Buffer
		s := newTestACMESource(t, cfg, true, &log)
		m := s.manager
		m.suggest = nil
		m.asked.Store(true)
		disk := &fullDisk{Cache: m.cache}
		disk.full.Store(true)
		m.cache = disk
		m.obtain = func(ctx context.Context, d *domain) outcome {
			certificate := makeACMETestCert(t, d.name, time.Now(), time.Now().Add(90*day))
			return outcome{certificate: certificate, origin: ordered, saveErr: m.save(ctx, d, certificate)}
		}
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		acmeTestDays(0.01)
		wantACMELogLine(t, &log, "WARN ACME_ERROR", "the cache cannot be written: no space left on device")
		disk.full.Store(false)
		acmeTestDays(0.01)
		cached, _, err := loadCertificate(ctx, diskCache{testDisk(cfg.ACMECacheDir)}, acmeTestName, time.Now())
		if err != nil || cached == nil || !cached.Leaf.Equal(s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}).Leaf) {
			t.Errorf("got %v, %v in the cache, want the certificate in use", cached, err)
		}
		cancel()
		run.Wait()
	})
}

// fullDisk is a cache that can be full.
type fullDisk struct {
	autocert.Cache
	full atomic.Bool
}

func (f *fullDisk) Put(ctx context.Context, key string, data []byte) error {
	if f.full.Load() {
		return errors.New("no space left on device")
	}
	return f.Cache.Put(ctx, key, data)
}

// countingContext counts the contexts that depend on it.
type countingContext struct {
	context.Context
	done     chan struct{}
	children atomic.Int32
}

func (c *countingContext) Done() <-chan struct{} { return c.done }

// AfterFunc is what package context calls to propagate the end of a context of another type.
func (c *countingContext) AfterFunc(func()) (stop func() bool) {
	c.children.Add(1)
	return func() bool { c.children.Add(-1); return true }
}

// TestRenewalInfoLeavesNothingBehind checks for leaks in what a daemon does several times a day for every name.
func TestRenewalInfoLeavesNothingBehind(t *testing.T) {
	ca, cfg := issuingCA(t, nil, acmeTestName)
	ca.OfferRenewalInfo(true)
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx := &countingContext{Context: t.Context(), done: make(chan struct{})}
	s.manager.renewalInfo(ctx, s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}))
	if n := ctx.children.Load(); n != 0 {
		t.Errorf("%d contexts are still registered with the caller's, want none", n)
	}
}

// TestADiskThatHangsDoesNotStopHandshakesOrStatus makes operations on the ledgers wait for the disk. Meanwhile,
// handshakes and status must not block, and each wait must end with its context (S-5.8).
func TestADiskThatHangsDoesNotStopHandshakesOrStatus(t *testing.T) {
	s := newTestACMESource(t, acmeTestConfig(t, acmeTestDirectory, "", acmeTestName), true, &waittest.Buffer{})
	m := s.manager
	d := s.names.Load().list[0]
	m.refusals.turn <- struct{}{}
	m.suggestions.turn <- struct{}{}
	certificate := makeACMETestCert(t, acmeTestName, time.Now(), time.Now().Add(90*day))
	refused := outcome{err: errors.New("no"), refused: true}
	for name, operation := range map[string]func(ctx context.Context){
		"a refusal is written": func(ctx context.Context) { m.failed(ctx, d, refused, time.Now()) },
		"a demand is written": func(ctx context.Context) {
			m.failed(ctx, d, outcome{err: errors.New("busy"), retryAfter: time.Minute}, time.Now())
		},
		"a certificate is written after a refusal": func(ctx context.Context) {
			m.refusals.mu.Lock()
			m.refusals.store(refusal{Directory: m.cfg.Directory, Domain: d.name, Failures: 1})
			m.refusals.mu.Unlock()
			m.succeed(ctx, d, outcome{certificate: certificate, origin: ordered})
		},
		"the refusals of a start are read": func(ctx context.Context) { m.refreshRefusals(ctx) },
		"the refusals of others are read":  func(ctx context.Context) { m.refusedElsewhere(ctx, d) },
		"moments of renewal are written": func(ctx context.Context) {
			m.suggestions.put(suggestion{Directory: m.cfg.Directory, Domain: "n.example.test"})
			m.suggestions.save(ctx)
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); operation(ctx) }()
		for began := time.Now(); time.Since(began) < 50*time.Millisecond; runtime.Gosched() {
			// The operation may hold the lock for a moment.
			for tried := time.Now(); !m.mu.TryLock(); runtime.Gosched() {
				if time.Since(tried) > 5*time.Second {
					t.Fatalf("%s: what handshakes and status need is locked until the disk answers", name)
				}
			}
			m.mu.Unlock()
		}
		select {
		case <-ended:
			t.Errorf("%s: it did not wait for the disk", name)
		default:
		}
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the end of its context did not end it", name)
		}
	}
}

// TestACertificateThatIsBornDueIsNotRenewedInALoop covers certificates that are due for renewal as soon as they are
// issued: by a clock that is far ahead of the CA's, or of a CA that dates them back.
func TestACertificateThatIsBornDueIsNotRenewedInALoop(t *testing.T) {
	for name, test := range map[string]struct{ lifetime, ahead time.Duration }{
		"it lasts 90 days, by a clock that is 70 days ahead": {90 * day, 70 * day},
		"it lasts six days, by a clock that is 5 days ahead": {6 * day, 5 * day},
		"it lasts a day, by a clock that is 20 hours ahead":  {day, 20 * time.Hour},
	} {
		for _, ari := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ARI %v", name, ari), func(t *testing.T) {
				cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
				synctest.Test(t, func(t *testing.T) {
					s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
					var orders acmeTimes
					s.manager.obtain = func(context.Context, *domain) outcome {
						orders.add(time.Now())
						if len(orders.all()) > 100 {
							return outcome{err: errors.New("a loop of orders")}
						}
						issued := time.Now().Add(-test.ahead)
						certificate := makeACMETestCert(t, acmeTestName, issued, issued.Add(test.lifetime))
						certificate.Leaf.AuthorityKeyId = []byte{1}
						return outcome{certificate: certificate, origin: ordered}
					}
					s.manager.suggest = func(_ context.Context, certificate *tls.Certificate) (info acme.RenewalInfo, holds time.Duration, err error) {
						if !ari {
							return info, usualCheck, errNoRenewalInfo
						}
						info.SuggestedWindow.Start = certificate.Leaf.NotBefore.Add(test.lifetime * 6 / 10)
						info.SuggestedWindow.End = certificate.Leaf.NotBefore.Add(test.lifetime * 7 / 10)
						return info, usualCheck, nil
					}
					if err := s.Provision(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					var run sync.WaitGroup
					run.Go(func() { s.Run(ctx) })
					acmeTestDays(0.1)
					if got := len(orders.all()); got > 3 {
						t.Errorf("got %d orders within hours, want no loop", got)
					}
					acmeTestDays(7)
					left := test.lifetime - test.ahead
					if got, most := len(orders.all()), int(7*day/min(earlyGap, test.lifetime/6, left/2))+2; got > most {
						t.Errorf("got %d orders in a week, want at most %d", got, most)
					}
					cancel()
					run.Wait()
				})
			})
		}
	}
}
