package acmecert

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// acmeMaxRenewBefore is the longest time before its expiry at which a certificate is renewed.
const acmeMaxRenewBefore = 30 * 24 * time.Hour

// Provision obtains a valid certificate for every name (startup step 7): from the cache, without contact to the CA, or
// by ordering one. It tries every name, logs those that succeed, and returns the failures as config.Errors. A name that
// the CA refused before fails at once, without contact, until its wait is over (S-5.4, S-5.5, S-5.6).
func (s *Source) Provision(ctx context.Context) error {
	var failures config.Errors
	fail := func(d *acmeDomain, text string) {
		failures = append(failures, config.KeyError{Key: s.key + ".acme_domains", Problem: d.name + ": " + text})
	}
	var missing []*acmeDomain
	for _, d := range s.domains {
		certificate, note, err := loadCachedCertificate(s.cfg.ACMECacheDir, d.name, time.Now())
		switch {
		case err != nil:
			fail(d, err.Error())
		case certificate != nil:
			s.install(d, certificate)
			s.log.Log(eventlog.LevelInfo, "ACME_PROVISION", eventlog.Str("domain", d.name), eventlog.Str("source", "cache"),
				eventlog.Str("not_after", wording.Time(certificate.Leaf.NotAfter)))
		default:
			if note != "" {
				s.log.Log(eventlog.LevelInfo, "ACME_PROVISION", eventlog.Str("domain", d.name), eventlog.Str("source", "order"), eventlog.Str("reason", note))
			}
			missing = append(missing, d)
		}
	}

	var general *acmeOutcome
	for _, d := range missing {
		if r, ok := s.refusals.get(s.cfg.ACMEDirectory, d.name); ok && r.waiting(time.Now()) {
			s.mu.Lock()
			d.lastAttempt, d.lastError, d.retryAt = r.LastAttempt, r.LastError, r.NextTry
			s.mu.Unlock()
			fail(d, fmt.Sprintf("refused by %s at %s: %s; the next try is not before %s, remove %s to try sooner",
				s.cfg.ACMEDirectory, wording.Time(r.LastAttempt), r.LastError, wording.Time(r.NextTry), s.refusals.path))
			continue
		}
		s.asked = true
		outcome := general
		if outcome == nil {
			o := s.try(ctx, d)
			outcome = &o
		}
		if ctx.Err() != nil && outcome.err != nil {
			return fmt.Errorf("%s.acme_domains: %s: given up: %w", s.key, d.name, context.Cause(ctx))
		}
		if outcome.err == nil {
			s.succeed(d, *outcome)
			s.log.Log(eventlog.LevelInfo, "ACME_PROVISION", eventlog.Str("domain", d.name), eventlog.Str("source", "order"),
				eventlog.Str("directory", s.cfg.ACMEDirectory), eventlog.Str("not_after", wording.Time(outcome.cert.Leaf.NotAfter)))
			continue
		}
		if outcome.general {
			// A failure before the name mattered would repeat for the next name; do not ask again.
			general = outcome
		}
		next := s.failed(d, *outcome)
		advice := "start again when it answers"
		if outcome.refused {
			advice = fmt.Sprintf("the next try is not before %s, remove %s to try sooner", wording.Time(next), s.refusals.path)
		}
		fail(d, fmt.Sprintf("no certificate from %s: %s; %s", s.cfg.ACMEDirectory, outcome.err, advice))
	}
	if len(failures) > 0 {
		return failures
	}
	return nil
}

// install puts a certificate to use for all handshakes from now on, and schedules its renewal.
func (s *Source) install(d *acmeDomain, cert *tls.Certificate) {
	d.cert.Store(cert)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.renewAt, d.retryAt = renewalTime(cert.Leaf.NotBefore, cert.Leaf.NotAfter), time.Time{}
	if r, ok := s.refusals.get(s.cfg.ACMEDirectory, d.name); ok && r.waiting(time.Now()) {
		// A renewal was refused before a restart.
		d.lastAttempt, d.lastError, d.retryAt = r.LastAttempt, r.LastError, r.NextTry
	}
}

// renewalTime returns when a certificate is due for renewal: a third of its lifetime before its expiry, but at most 30
// days. A random delay of up to a tenth of that keeps certificates of the same age from being renewed together.
func renewalTime(notBefore, notAfter time.Time) time.Time {
	before := min(notAfter.Sub(notBefore)/3, acmeMaxRenewBefore)
	return notAfter.Add(-before + time.Duration(rand.Float64()*float64(before)/10))
}

// succeed takes the certificate of an attempt and forgets earlier failures.
func (s *Source) succeed(d *acmeDomain, o acmeOutcome) {
	forgetErr := s.refusals.forget(s.cfg.ACMEDirectory, d.name)
	s.install(d, o.cert)
	s.mu.Lock()
	d.unreachable, d.lastAttempt, d.lastError = 0, time.Now(), ""
	s.mu.Unlock()
	for _, err := range []error{o.cacheErr, forgetErr} {
		if err != nil {
			s.log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("domain", d.name), eventlog.Str("directory", s.cfg.ACMEDirectory),
				eventlog.Str("error", "the cache cannot be written: "+err.Error()))
		}
	}
}

// failed records a failed attempt and returns the time of the next one.
func (s *Source) failed(d *acmeDomain, o acmeOutcome) time.Time {
	now := time.Now().Round(0)
	var next time.Time
	if o.refused {
		r, err := s.refusals.refuse(s.cfg.ACMEDirectory, d.name, o.err.Error(), o.retryAfter, now)
		if err != nil {
			s.log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("domain", d.name), eventlog.Str("directory", s.cfg.ACMEDirectory),
				eventlog.Str("error", "the refusal cannot be remembered: "+err.Error()))
		}
		next = r.NextTry
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.refused {
		d.unreachable = 0
	} else {
		var remaining, lifetime time.Duration
		if cert := d.cert.Load(); cert != nil {
			remaining, lifetime = cert.Leaf.NotAfter.Sub(now), cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)
		}
		next = now.Add(unreachableWait(d.unreachable, remaining, lifetime))
		d.unreachable++
	}
	d.retryAt, d.lastAttempt, d.lastError = next, now, o.err.Error()
	return next
}
