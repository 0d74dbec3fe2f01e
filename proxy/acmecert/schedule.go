package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/eventlog"
)

// nextTry returns when the CA will next be asked for the name's certificate, and why: `missing`, `lifetime`, `ari` or
// `retry`. The caller holds Manager.mu.
func (m *Manager) nextTry(d *domain) (at time.Time, why string) {
	at, why = m.renewalDue(d)
	if d.retryAt.After(at) {
		at, why = d.retryAt, "retry"
	}
	if m.outage.failures > 0 {
		if until := m.outage.since.Add(m.outage.wait(d.certificate())); until.After(at) {
			at, why = until, "retry"
		}
	}
	return at, why
}

// renewalDue returns when the certificate is due for renewal and by which rule. It ignores failures. The caller holds
// Manager.mu.
func (m *Manager) renewalDue(d *domain) (time.Time, string) {
	certificate := d.certificate()
	if certificate == nil {
		return time.Time{}, "missing"
	}
	if d.suggested.Certificate == "" {
		return d.renewAt, "lifetime"
	}
	lifetime := certificate.Leaf.NotAfter.Sub(certificate.Leaf.NotBefore)
	return d.suggested.moment(lifetime, d.renewAt), "ari"
}

// wait returns how long a name waits after the latest attempt of an outage. Such attempts do not count against the
// CA's limits, so the wait only has to leave time for several attempts before the certificate expires. It obeys the
// wait that the CA demands, but only up to half of the certificate's remaining time (S-5.10).
func (o outage) wait(certificate *tls.Certificate) time.Duration {
	remaining, lifetime := maxRenewBefore, time.Duration(0) // without a certificate there is no deadline
	if certificate != nil {
		remaining = certificate.Leaf.NotAfter.Sub(o.since)
		lifetime = certificate.Leaf.NotAfter.Sub(certificate.Leaf.NotBefore)
	}
	demanded := o.demanded
	if certificate != nil && remaining > 0 {
		demanded = min(demanded, remaining/2)
	}
	return max(unreachableWait(o.failures-1, remaining, lifetime), demanded)
}

// install makes all handshakes from now on use a certificate, and schedules its renewal.
func (m *Manager) install(d *domain, certificate *tls.Certificate) {
	if before := d.cert.Swap(certificate); before != nil && !before.Leaf.Equal(certificate.Leaf) {
		d.replaced.Store(before)
	}
	suggested := m.suggestions.get(m.cfg.Directory, d.name)
	if id := replacesID(certificate); id == "" || suggested.Certificate != id {
		suggested = suggestion{Directory: m.cfg.Directory, Domain: d.name, Early: suggested.Early}
	}
	refused, ok := m.refusals.get(m.cfg.Directory, d.name)
	m.mu.Lock()
	defer m.mu.Unlock()
	d.renewAt, d.retryAt, d.localFailures = renewalTime(certificate.Leaf.NotBefore, certificate.Leaf.NotAfter), time.Time{}, 0
	d.suggested, d.checkAt = suggested, time.Time{}
	if ok && refused.waiting(time.Now()) {
		// The CA refused a renewal before the restart.
		d.lastAttempt, d.lastError, d.retryAt = refused.LastAttempt, refused.LastError, refused.NextTry
	}
}

// installCached installs a certificate that a start or a reload found in the cache, and marks it for comparison with
// the store.
func (m *Manager) installCached(d *domain, certificate *tls.Certificate) {
	m.install(d, certificate)
	m.mu.Lock()
	d.uncompared = true
	m.mu.Unlock()
	m.rouse()
}

// succeed installs the certificate of an attempt and forgets earlier failures.
func (m *Manager) succeed(ctx context.Context, d *domain, o outcome) {
	now := time.Now()
	m.mu.Lock()
	early := d.certificate() != nil && d.suggested.Certificate != "" && now.Before(d.renewAt)
	suggested := d.suggested
	m.mu.Unlock()
	if early && o.origin != foundServed { // also if another process or machine has renewed it
		suggested.Early = now.UTC().Round(0)
		m.suggestions.put(suggested)
	}
	if err := m.refusals.forget(ctx, m.cfg.Directory, d.name); err != nil {
		m.warn(d, "the refusals cannot be written: "+err.Error())
	}
	m.install(d, o.certificate)
	m.mu.Lock()
	if earliest := afterIssue(now, o.certificate.Leaf.NotAfter); d.renewAt.Before(earliest) {
		d.renewAt = earliest
	}
	d.lastAttempt, d.lastError = now, ""
	if o.saveErr != nil {
		d.unsaved, d.saveAt = o.certificate, now.Add(saveEvery)
	} else {
		d.unsaved = nil
	}
	recovered := o.origin == ordered && m.outage.failures > 0
	if o.origin == ordered {
		m.outage = outage{}
	}
	m.mu.Unlock()
	if o.saveErr != nil {
		m.warn(d, o.saveErr.Error())
	}
	if recovered {
		if err := m.refusals.forget(ctx, m.cfg.Directory, ""); err != nil {
			m.warn(d, "the refusals cannot be written: "+err.Error())
		}
	}
}

// failed records a failed attempt that began at the given time, and returns the time of the next one.
func (m *Manager) failed(ctx context.Context, d *domain, o outcome, began time.Time) time.Time {
	now := time.Now().Round(0)
	var remaining time.Duration
	if certificate := d.certificate(); certificate != nil {
		remaining = certificate.Leaf.NotAfter.Sub(now)
	}
	var refused, demanded refusal
	var err error
	switch {
	case o.refused:
		refused, err = m.refusals.refuse(ctx, m.cfg.Directory, d.name, o.err.Error(), o.retryAfter, remaining, now)
	case o.general() && o.retryAfter > 0:
		demanded, err = m.refusals.demand(ctx, m.cfg.Directory, o.err.Error(), o.retryAfter, now)
	}
	if err != nil {
		m.warn(d, "the refusal cannot be remembered: "+err.Error())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d.lastAttempt, d.lastError = now, o.err.Error()
	switch {
	case o.refused:
		d.retryAt = refused.NextTry
	case o.local:
		d.localFailures++
		d.retryAt = now.Add(outage{failures: d.localFailures, since: now}.wait(d.certificate()))
	default:
		if m.outage.failures == 0 || began.After(m.outage.since) { // concurrent attempts count as one failure
			m.outage.failures++
		}
		m.outage.since, m.outage.demanded, m.outage.err = now, 0, o.err
		if o.retryAfter > 0 {
			m.outage.demanded = demanded.NextTry.Sub(now)
		}
	}
	next, _ := m.nextTry(d)
	return next
}

// demandedUntil returns the end of the wait that the CA demanded, and its reason; ok is false if there is no such
// wait now. Until then nothing is ordered, even if an operator asks for it.
func (m *Manager) demandedUntil(now time.Time) (until time.Time, ok bool, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	until = m.outage.since.Add(m.outage.demanded)
	return until, m.outage.failures > 0 && now.Before(until), m.outage.err
}

// try makes one attempt for a name and records how it ended. Before it asks the CA, it checks whether another
// listener or process has already obtained the certificate.
func (m *Manager) try(ctx context.Context, d *domain) outcome {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return outcome{err: context.Cause(ctx)}
	}
	began := time.Now()
	unlock, err := m.lockName(ctx, d)
	if err != nil {
		o := outcome{err: err, local: true}
		if ctx.Err() == nil {
			m.failed(ctx, d, o, began)
		}
		return o
	}
	defer unlock()
	lease, err := m.leaseFor(ctx, orderKind, d.name)
	if lease != nil {
		defer lease.Release()
	}
	o, done, unread := m.known(ctx, d, lease)
	if err == nil {
		err = unread
	}
	switch {
	case done:
	case err != nil && !errors.Is(err, certstore.ErrAway):
		o = outcome{err: err, local: true}
	case err != nil && !m.mayOrderAlone(d):
		o = m.storeAway(d, err)
	default:
		if err := m.refusedElsewhere(ctx, d); err != nil {
			return outcome{err: err, elsewhere: true}
		}
		o = m.ask(ctx, d, lease)
	}
	_, refusedBefore := m.refusals.get(m.cfg.Directory, d.name)
	switch {
	case o.err == nil:
		m.succeed(ctx, d, o)
	case ctx.Err() == nil:
		m.failed(ctx, d, o, began)
	}
	m.share(ctx, lease, d, o, refusedBefore)
	return o
}

// ask asks the CA for a certificate. It ends early if the lease is lost.
func (m *Manager) ask(ctx context.Context, d *domain, lease *certstore.Lease) outcome {
	m.asked.Store(true)
	held := ctx
	if lease != nil {
		var cancel context.CancelFunc
		held, cancel = lease.Context(ctx)
		defer cancel()
	}
	d.lease = lease
	o := m.obtain(held, d)
	d.lease = nil
	if lost := context.Cause(held); o.err != nil && ctx.Err() == nil && errors.Is(lost, certstore.ErrLost) {
		o = outcome{err: lost, local: true}
	}
	m.count(ctx, o)
	return o
}

// known returns the certificate of a name without asking the CA, if another listener, process or machine has already
// obtained it. done is false if there is none. unread is the error if the store, which may have it, cannot be read.
func (m *Manager) known(ctx context.Context, d *domain, lease *certstore.Lease) (o outcome, done bool, unread error) {
	if lease != nil {
		if o, done, unread = m.fetchNewer(ctx, d); done {
			return o, true, nil
		}
		m.learnRefusals(ctx, d.name)
	}
	o, done = m.fromCache(ctx, d)
	return o, done, unread
}

// fromCache returns a certificate that another listener or process has obtained for a name that has none, or whose
// own is due for renewal. done is false if the CA has to be asked.
func (m *Manager) fromCache(ctx context.Context, d *domain) (o outcome, done bool) {
	current := d.certificate()
	if current != nil {
		m.mu.Lock()
		at, _ := m.renewalDue(d)
		m.mu.Unlock()
		if time.Now().Before(at) {
			return outcome{certificate: current, origin: foundServed}, true
		}
	}
	cached, _, err := loadCertificate(ctx, m.cache, d.name, time.Now())
	switch {
	case current == nil && err != nil:
		return outcome{err: err, local: true}, true
	case cached == nil || !d.wants(cached):
		return outcome{}, false
	}
	return outcome{certificate: cached, origin: foundCache}, true
}

// count counts an attempt, unless it was abandoned because the daemon is shutting down.
func (m *Manager) count(ctx context.Context, o outcome) {
	switch {
	case o.err == nil:
		m.attempts[0].Add(1)
	case ctx.Err() != nil:
	case o.refused:
		m.attempts[1].Add(1)
	default:
		m.attempts[2].Add(1)
	}
}

// warn logs a problem with a name that does not change how its attempt ended.
func (m *Manager) warn(d *domain, text string) {
	m.log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("domain", d.name), m.directory(), eventlog.Str("error", text))
}
