package acmecert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

const (
	// maxSleep bounds the sleeps of the schedule. Within an hour it thus notices that the clock was set or the
	// machine slept, and logs an expired certificate again.
	maxSleep = time.Hour
	// probeTimeout bounds one request for the CA's directory.
	probeTimeout = 30 * time.Second
	// firstProbeWait is the first wait between two such requests; each is twice the one before, up to an hour.
	firstProbeWait = 10 * time.Second
	// saveEvery is the time between two attempts to write a certificate that could not be written.
	saveEvery = time.Minute
)

// run renews the certificates until ctx ends. Each round does everything that is due, and then sleeps until the next
// due time. Failures are logged and retried with growing waits; meanwhile the old certificate is served, even if it
// has expired (S-5.4).
func (m *Manager) run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	if !m.asked.Load() {
		beside.Go(func() { m.probe(ctx) })
	}
	if m.lookEvery > 0 {
		beside.Go(func() { m.look(ctx) })
	}
	for {
		if names := m.takeUncompared(); len(names) > 0 {
			beside.Go(func() { m.untilCompared(ctx, names...) })
		}
		m.checkDue(ctx)
		m.renewDue(ctx)
		m.saveDue(ctx)
		m.reportExpired()
		if ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(m.untilNextEvent(time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-m.wake:
		}
		timer.Stop()
	}
}

// all returns the domains in use, those that were tried longest ago first: a name whose failure looks like an outage
// of the CA must not keep the others from their turn.
func (m *Manager) all() []*domain {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*domain
	seen := map[*domain]bool{}
	for _, s := range m.sources {
		for _, d := range s.names.Load().list {
			if !seen[d] {
				seen[d] = true
				list = append(list, d)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *domain) int { return a.lastAttempt.Compare(b.lastAttempt) })
	return list
}

// untilNextEvent returns the time until something is due, or a certificate expires, between 10 ms and maxSleep.
func (m *Manager) untilNextEvent(now time.Time) time.Duration {
	list := m.all()
	m.mu.Lock()
	defer m.mu.Unlock()
	wait := maxSleep
	for _, d := range list {
		at, _ := m.nextTry(d)
		wait = min(wait, at.Sub(now))
		certificate := d.certificate()
		if certificate == nil {
			continue
		}
		if !now.After(certificate.Leaf.NotAfter) {
			// A certificate is valid until the end of that second.
			wait = min(wait, certificate.Leaf.NotAfter.Sub(now)+time.Millisecond)
		}
		if m.suggest != nil {
			wait = min(wait, d.checkAt.Sub(now))
		}
		if d.unsaved != nil {
			wait = min(wait, d.saveAt.Sub(now))
		}
	}
	return max(wait, 10*time.Millisecond)
}

// renewDue makes one attempt for every name that is due.
func (m *Manager) renewDue(ctx context.Context) {
	now := time.Now()
	due := slices.DeleteFunc(m.all(), func(d *domain) bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		at, _ := m.nextTry(d)
		return now.Before(at)
	})
	m.obtainAll(ctx, due, func(d *domain, o outcome) {
		switch {
		case o.err == nil:
			if o.origin != foundServed { // otherwise it was logged when it was installed
				m.log.Log(eventlog.LevelInfo, "ACME_RENEWED", m.describe(d, o.certificate, o.origin)...)
			}
		case ctx.Err() == nil: // a shutdown is not a failure of the CA
			m.mu.Lock()
			d.lastError = o.err.Error()
			next, _ := m.nextTry(d)
			m.mu.Unlock()
			m.log.Repeating(eventlog.LevelWarn, "acme_error "+d.name, "ACME_ERROR", eventlog.Str("domain", d.name), m.directory(),
				eventlog.Err(o.err), eventlog.Str("next_try", wording.Time(next)))
		}
	})
	if err := m.suggestions.save(ctx); err != nil {
		m.log.Log(eventlog.LevelWarn, "ACME_ERROR", m.directory(), eventlog.Str("error", "the moments of renewal cannot be remembered: "+err.Error()))
	}
}

// saveDue writes to the cache the certificates for which that failed earlier (S-5.11).
func (m *Manager) saveDue(ctx context.Context) {
	now := time.Now()
	for _, d := range m.all() {
		m.mu.Lock()
		unsaved := d.unsaved
		due := unsaved != nil && !now.Before(d.saveAt)
		if due {
			d.saveAt = now.Add(saveEvery)
		}
		m.mu.Unlock()
		if !due {
			continue
		}
		select {
		case d.turn <- struct{}{}:
		default:
			continue // an attempt is under way, and may write a newer one
		}
		err := m.save(ctx, d, unsaved)
		if err == nil {
			m.forgetUnfinished(ctx, d)
		}
		<-d.turn
		m.mu.Lock()
		if err == nil && d.unsaved == unsaved {
			d.unsaved = nil
		}
		m.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			m.log.Repeating(eventlog.LevelWarn, "acme_save "+d.name, "ACME_ERROR", eventlog.Str("domain", d.name), m.directory(), eventlog.Err(err))
		}
	}
}

// reportExpired logs every expired certificate that is still served.
func (m *Manager) reportExpired() {
	m.mu.Lock()
	sources := slices.Clone(m.sources)
	m.mu.Unlock()
	for _, s := range sources {
		for _, d := range s.names.Load().list {
			certificate := d.certificate()
			if certificate == nil || !time.Now().After(certificate.Leaf.NotAfter) {
				continue
			}
			m.log.Repeating(eventlog.LevelError, "cert_expired "+s.listener+" "+d.name, "CERT_EXPIRED", eventlog.Str("domain", d.name),
				eventlog.Str("listener", s.listener), eventlog.Str("not_after", wording.Time(certificate.Leaf.NotAfter)))
		}
	}
}

// checkDue asks the CA about the renewal of every certificate that is due for that (S-20.1). If the CA does not
// answer, its previous answer remains in effect, or else the rule of the lifetime.
func (m *Manager) checkDue(ctx context.Context) {
	if m.suggest == nil {
		return
	}
	now := time.Now()
	var checks sync.WaitGroup
	defer checks.Wait()
	var useless atomic.Bool // once the CA does not answer, it is not asked about further names
	for _, d := range m.all() {
		m.mu.Lock()
		due := d.certificate() != nil && !now.Before(d.checkAt)
		if due && useless.Load() {
			due, d.checkAt = false, now.Add(minCheck)
		}
		m.mu.Unlock()
		if !due {
			continue
		}
		select {
		case m.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		checks.Go(func() {
			defer func() { <-m.slots }()
			if !m.check(ctx, d) {
				useless.Store(true)
			}
		})
	}
}

// check asks the CA about the renewal of a name's certificate, and reports whether it answered.
func (m *Manager) check(ctx context.Context, d *domain) (answered bool) {
	certificate := d.certificate()
	info, holds, err := m.suggest(ctx, certificate)
	if ctx.Err() != nil {
		return false
	}
	start, end := info.SuggestedWindow.Start, info.SuggestedWindow.End
	if err == nil && !usableWindow(start, end, certificate.Leaf) {
		err = fmt.Errorf("the window from %s to %s makes no sense for a certificate that expires at %s",
			wording.Time(start), wording.Time(end), wording.Time(certificate.Leaf.NotAfter))
	}
	m.mu.Lock()
	before := d.suggested
	if d.certificate() != certificate {
		m.mu.Unlock()
		return true // renewed meanwhile
	}
	d.checkAt = time.Now().Add(max(holds, minCheck))
	switch {
	case err == nil:
		if before.Certificate == "" || !before.Start.Equal(start) || !before.End.Equal(end) {
			d.suggested = suggestion{Directory: m.cfg.Directory, Domain: d.name, Certificate: replacesID(certificate), Start: start.UTC(), End: end.UTC(),
				Moment: drawMoment(start, end), Early: before.Early}
		}
		d.suggested.Explanation = clipText(info.ExplanationURL, maxTextBytes)
	case holds > 0: // the CA has answered
		d.suggested = suggestion{Directory: m.cfg.Directory, Domain: d.name, Early: before.Early}
	}
	after, renewAt := d.suggested, d.renewAt
	m.mu.Unlock()
	m.suggestions.put(after)
	m.logCheck(d, before, after, renewAt, err)
	return err == nil || holds > 0
}

// logCheck logs a changed window, or an answer that cannot be used.
func (m *Manager) logCheck(d *domain, before, after suggestion, renewAt time.Time, err error) {
	switch {
	case err != nil && !errors.Is(err, errNoRenewalInfo):
		m.log.Repeating(eventlog.LevelInfo, "acme_renewal_info", "ACME_RENEWAL_INFO", eventlog.Str("domain", d.name), m.directory(),
			eventlog.Str("error", clipText(err.Error(), maxTextBytes)))
	case err == nil && after.Moment != before.Moment:
		fields := []eventlog.Attr{eventlog.Str("domain", d.name), m.directory(), eventlog.Str("window_start", wording.Time(after.Start)),
			eventlog.Str("window_end", wording.Time(after.End)), eventlog.Str("renew_at", wording.Time(after.Moment))}
		if after.Explanation != "" {
			fields = append(fields, eventlog.Str("explanation", after.Explanation))
		}
		if after.Moment.Before(time.Now()) && renewAt.After(time.Now()) {
			// The CA wants it renewed immediately, as before a mass revocation.
			m.log.Log(eventlog.LevelWarn, "ACME_RENEWAL_INFO", fields...)
			return
		}
		m.log.Log(eventlog.LevelInfo, "ACME_RENEWAL_INFO", fields...)
	}
}

// probe requests the CA's directory until it has succeeded once. It runs if all certificates came from the cache:
// otherwise nobody would notice before the first renewal that the CA cannot be reached.
func (m *Manager) probe(ctx context.Context) {
	wait := firstProbeWait
	for {
		err := m.probeDirectory(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		m.log.Log(eventlog.LevelWarn, "ACME_UNREACHABLE", m.directory(),
			eventlog.Str("error", clipText(err.Error(), maxTextBytes)), eventlog.Str("next_try", wording.Time(time.Now().Add(wait))))
		if !clock.Sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, time.Hour)
	}
}

// probeDirectory requests the directory once.
func (m *Manager) probeDirectory(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.cfg.Directory, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := m.base.RoundTrip(req)
	if err != nil {
		return err
	}
	defer m.base.CloseIdleConnections()
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", resp.Status)
	}
	return nil
}
