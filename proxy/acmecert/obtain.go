package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// errStartTimeout ends the orders of a start or a reload that take too long.
var errStartTimeout = errors.New("no certificate within acme_start_timeout_secs")

// obtainAll makes one attempt for each name, at most maxAtOnce at a time. It calls ended after each attempt, one call
// at a time. Once an attempt has failed because of the CA, the remaining names share its result, so that a CA that
// hangs costs one timeout and not one for each name (S-5.8). After ctx has ended it starts no attempt.
func (m *Manager) obtainAll(ctx context.Context, names []*domain, ended func(*domain, outcome)) {
	began := time.Now()
	var running sync.WaitGroup
	defer running.Wait()
	var mu sync.Mutex
	report := func(d *domain, o outcome) {
		mu.Lock()
		defer mu.Unlock()
		ended(d, o)
	}
	for _, d := range names {
		select {
		case m.slots <- struct{}{}:
		case <-ctx.Done():
			report(d, outcome{err: context.Cause(ctx)})
			continue
		}
		if err := m.outageSince(began); err != nil {
			<-m.slots
			report(d, outcome{err: err})
			continue
		}
		running.Go(func() {
			defer func() { <-m.slots }()
			report(d, m.try(ctx, d))
		})
	}
}

// outageSince returns the error of the latest attempt of an outage if it failed after the given time; else nil.
func (m *Manager) outageSince(began time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.outage.failures > 0 && m.outage.since.After(began) {
		return m.outage.err
	}
	return nil
}

// Provision obtains a valid certificate for every name (startup step 7): from the cache, without contacting the CA,
// or by an order. It tries every name, logs the successes, and returns the failures as config.Errors. A name that the
// CA has refused fails at once, without contacting the CA, until its wait is over (S-5.4, S-5.5, S-5.6).
//
// With `acme_start = "available"`, names without a certificate are logged and left to Run. If the cache has at least
// one certificate, Provision does not wait for the CA (S-5.9).
func (s *Source) Provision(ctx context.Context, progress cert.Progress) error {
	ctx, cancel := s.withStartTimeout(ctx)
	defer cancel()
	names := s.names.Load().list
	missing, failures := s.load(ctx, names)
	missing = s.manager.fetchMissing(ctx, missing)
	if s.cfg.ACMEStart == config.ACMEStartAvailable && len(missing)+len(failures) < len(names) {
		s.logMissing(failures)
		return nil
	}
	var done func(string)
	if progress != nil && len(missing) > 0 {
		progress.Begin(namesOf(missing))
		done = progress.Done
	}
	failures = append(failures, s.order(ctx, missing, done)...)
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errStartTimeout) && len(failures) > 0 {
		return fmt.Errorf("%s.acme_domains: %s: given up: %w", s.key, failures[0].domain.name, err)
	}
	if s.cfg.ACMEStart == config.ACMEStartAvailable {
		s.logMissing(failures)
		return nil
	}
	return s.errors(failures)
}

// withStartTimeout bounds the orders of a start or a reload.
func (s *Source) withStartTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cfg.ACMEStartTimeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.cfg.ACMEStartTimeout, errStartTimeout)
}

// namesOf returns the names of domains.
func namesOf(domains []*domain) []string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.name
	}
	return names
}

// failure is a name without a certificate, and the reason.
type failure struct {
	domain *domain
	text   string
}

// errors returns the failures as config.Errors, or nil without failures.
func (s *Source) errors(failures []failure) error {
	if len(failures) == 0 {
		return nil
	}
	var problems config.Errors
	for _, f := range failures {
		problems = append(problems, config.KeyError{Key: s.key + ".acme_domains", Problem: f.domain.name + ": " + f.text})
	}
	return problems
}

// logMissing logs the names without a certificate, if the start goes on without them.
func (s *Source) logMissing(failures []failure) {
	for _, f := range failures {
		s.manager.log.Log(eventlog.LevelError, "ACME_MISSING", eventlog.Str("domain", f.domain.name), eventlog.Str("listener", s.listener),
			eventlog.Str("error", f.text))
	}
}

// load installs the certificates in the cache, and returns the names for which the CA must be asked. A file that
// cannot be read is a failure; no certificate is ordered in its place.
func (s *Source) load(ctx context.Context, names []*domain) (missing []*domain, failures []failure) {
	for _, d := range names {
		found, err := s.loadOne(ctx, d)
		switch {
		case err != nil:
			failures = append(failures, failure{d, err.Error()})
		case !found:
			missing = append(missing, d)
		}
	}
	return missing, failures
}

// loadOne installs the certificate that the cache has for a name, and reports whether the name has a certificate now.
// It holds the turn of the name, so that it does not run at the same time as the comparison after the first
// connection to the store.
func (s *Source) loadOne(ctx context.Context, d *domain) (found bool, err error) {
	m := s.manager
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return false, nil // the order that follows reports the cause
	}
	if d.certificate() != nil {
		return true, nil // loaded by another listener, or from the store
	}
	certificate, note, err := loadCertificate(ctx, m.cache, d.name, time.Now())
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		d.lastError, d.retryAt = err.Error(), time.Now().Add(time.Minute)
		return false, err
	}
	fields := []eventlog.Attr{eventlog.Str("domain", d.name)}
	if certificate != nil {
		m.installCached(d, certificate)
		fields = append(fields, eventlog.Str("source", "cache"), eventlog.Str("not_after", wording.Time(certificate.Leaf.NotAfter)))
	} else {
		fields = append(fields, eventlog.Str("source", "order"))
	}
	if note != "" {
		fields = append(fields, eventlog.Str("reason", note))
	}
	if certificate != nil || note != "" {
		m.log.Log(eventlog.LevelInfo, "ACME_PROVISION", fields...)
	}
	return certificate != nil, nil
}

// order orders certificates for the names. It calls done, if not nil, with each name that gets one, and returns the
// names that do not.
func (s *Source) order(ctx context.Context, names []*domain, done func(name string)) (failures []failure) {
	m := s.manager
	m.refreshRefusals(ctx)
	if until, ok, err := m.demandedUntil(time.Now()); ok && len(names) > 0 {
		text := fmt.Sprintf("no certificate from %s: %s; the next try is not before %s, remove %s to try sooner",
			m.cfg.Directory, err, wording.Time(until), m.refusals.path)
		for _, d := range names {
			failures = append(failures, failure{d, text})
		}
		return failures
	}
	var ready []*domain
	for _, d := range names {
		if r, ok := m.refusals.get(m.cfg.Directory, d.name); ok && r.waiting(time.Now()) {
			failures = append(failures, failure{d, m.heed(d, r).Error()})
			continue
		}
		ready = append(ready, d)
	}
	m.obtainAll(ctx, ready, func(d *domain, o outcome) {
		if o.err != nil {
			failures = append(failures, failure{d, s.failureText(d, o)})
			return
		}
		m.log.Log(eventlog.LevelInfo, "ACME_PROVISION", m.describe(d, o.certificate, o.origin)...)
		if done != nil {
			done(d.name)
		}
	})
	return failures
}

// describe returns the fields of a log line about a name that has a new certificate.
func (m *Manager) describe(d *domain, certificate *tls.Certificate, from origin) []eventlog.Attr {
	return []eventlog.Attr{eventlog.Str("domain", d.name), eventlog.Str("source", string(from)), m.directory(),
		eventlog.Str("not_after", wording.Time(certificate.Leaf.NotAfter))}
}

// failureText says why there is no certificate for a name, and what to do.
func (s *Source) failureText(d *domain, o outcome) string {
	m := s.manager
	switch {
	case o.local, o.elsewhere:
		return o.err.Error()
	case errors.Is(o.err, errStartTimeout):
		return fmt.Sprintf("no certificate from %s within the %s of acme_start_timeout_secs; see what the CA waits for, or raise it",
			m.cfg.Directory, wording.Duration(s.cfg.ACMEStartTimeout))
	}
	m.mu.Lock()
	next, _ := m.nextTry(d)
	m.mu.Unlock()
	advice := "start again when it answers"
	if o.refused || o.retryAfter > 0 {
		advice = fmt.Sprintf("the next try is not before %s, remove %s to try sooner", wording.Time(next), m.refusals.path)
	}
	return fmt.Sprintf("no certificate from %s: %s; %s", m.cfg.Directory, o.err, advice)
}
