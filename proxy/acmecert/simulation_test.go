package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/waittest"
)

const day = 24 * time.Hour

// simulatedCA issues certificates of one lifetime under Let's Encrypt's limits. Sometimes it is out of order.
type simulatedCA struct {
	t        *testing.T
	lifetime time.Duration
	// ari makes it suggest when to renew.
	ari bool
	// away reports whether the CA is out of order at the time.
	away func(time.Time) bool

	mu sync.Mutex
	// issued are the certificates of each name, and asked the attempts while the CA was away.
	issued map[string][]time.Time
	asked  []time.Time
}

func (ca *simulatedCA) obtain(_ context.Context, d *domain) outcome {
	now := time.Now()
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.away(now) {
		ca.asked = append(ca.asked, now)
		return outcome{err: errors.New("connection refused")}
	}
	ca.issued[d.name] = append(ca.issued[d.name], now)
	return outcome{certificate: ca.certificate(d.name, now), origin: ordered}
}

// certificate issues a certificate that begins an hour earlier, as Let's Encrypt's do.
func (ca *simulatedCA) certificate(name string, now time.Time) *tls.Certificate {
	certificate := makeACMETestCert(ca.t, name, now.Add(-time.Hour), now.Add(ca.lifetime-time.Hour))
	certificate.Leaf.AuthorityKeyId = []byte{1, 2, 3}
	return certificate
}

// suggest answers as Let's Encrypt does: a window of a fiftieth of the lifetime, two thirds into it.
func (ca *simulatedCA) suggest(_ context.Context, certificate *tls.Certificate) (info acme.RenewalInfo, holds time.Duration, err error) {
	if ca.away(time.Now()) {
		return info, 0, errors.New("connection refused")
	}
	if !ca.ari {
		return info, usualCheck, errNoRenewalInfo
	}
	ideal := certificate.Leaf.NotAfter.Add(-ca.lifetime / 3)
	info.SuggestedWindow.Start, info.SuggestedWindow.End = ideal.Add(-ca.lifetime/100), ideal.Add(ca.lifetime/100)
	return info, usualCheck, nil
}

// TestThreeYearsOfRenewals runs the schedule for three years. Now and then the CA is away for one hour to ten days. A
// certificate may expire only if the CA was away for all of the time in which it could have been renewed, and no name
// may get more certificates in a week than Let's Encrypt issues.
func TestThreeYearsOfRenewals(t *testing.T) {
	const weekly = 5 // certificates for one exact set of names
	outages := []time.Duration{time.Hour, 6 * time.Hour, day, 3 * day, 10 * day}
	for _, lifetime := range []time.Duration{64 * day, 45 * day, 160 * time.Hour} {
		for _, ari := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, ARI %v", lifetime, ari), func(t *testing.T) {
				t.Parallel()
				names := []string{"a.example.test", "b.example.test", "c.example.test"}
				cfg := acmeTestConfig(t, acmeTestDirectory, "", names...)
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					// An outage begins every 31 days. Each is longer than the one before; after the last comes the first again.
					away := func(at time.Time) bool {
						n := int(at.Sub(start) / (31 * day))
						return n > 0 && at.Sub(start)-time.Duration(n)*31*day < outages[(n-1)%len(outages)]
					}
					ca := &simulatedCA{t: t, lifetime: lifetime, ari: ari, away: away, issued: map[string][]time.Time{}}
					s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
					m := s.manager
					m.obtain, m.suggest = ca.obtain, ca.suggest
					if err := s.Provision(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					var run sync.WaitGroup
					run.Go(func() { s.Run(ctx) })
					expired := map[string]time.Duration{}
					for at := start; at.Sub(start) < 3*365*day; at = at.Add(time.Hour) {
						time.Sleep(time.Hour)
						now := time.Now()
						for _, name := range names {
							leaf := s.Certificate(&tls.ClientHelloInfo{ServerName: name}).Leaf
							// When a third of the lifetime is left, delayed by up to a tenth of that, as renewalTime does.
							due := leaf.NotAfter.Add(-lifetime * 3 / 10)
							if now.After(leaf.NotAfter) && !couldNotRenew(due, now, away) {
								expired[name] += time.Hour
							}
						}
					}
					cancel()
					run.Wait()
					if len(expired) != 0 {
						t.Errorf("expired certificates were served for %v although they could have been renewed", expired)
					}
					for _, name := range slices.Sorted(maps.Keys(ca.issued)) {
						if most := mostWithin(ca.issued[name], 7*day); most > weekly {
							t.Errorf("%s got %d certificates in a week, want at most %d", name, most, weekly)
						}
						ideal := int(3 * 365 * day / (lifetime * 2 / 3))
						if n := len(ca.issued[name]); n < ideal/2 || n > ideal+ideal/4+1 {
							t.Errorf("%s got %d certificates, want about %d", name, n, ideal)
						}
					}
					// In an outage, three names together ask the CA, in the end at most hourly.
					if most := mostWithin(ca.asked, day); most > 3*(24+10) {
						t.Errorf("a CA that was away was asked %d times in a day", most)
					}
				})
			})
		}
	}
}

// couldNotRenew reports whether the CA was away at every hour from the time of renewal until two hours ago.
func couldNotRenew(due, now time.Time, away func(time.Time) bool) bool {
	for at := due.Add(time.Hour); at.Before(now.Add(-2 * time.Hour)); at = at.Add(time.Hour) {
		if !away(at) {
			return false
		}
	}
	return true
}

// mostWithin returns the largest number of the times that lie within one period.
func mostWithin(times []time.Time, period time.Duration) (most int) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= period {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
