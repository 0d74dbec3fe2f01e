package acmecert

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

const (
	// acmeMaxSleep bounds a sleep of the renewal loop, so that it follows the wall clock after that was set or the
	// machine slept, and repeats the report of an expired certificate.
	acmeMaxSleep = time.Hour
	// acmeProbeTimeout bounds one request for the CA's directory.
	acmeProbeTimeout = 30 * time.Second
	// acmeFirstProbeWait is the first wait between two such requests; each is twice the one before, up to an hour.
	acmeFirstProbeWait = 10 * time.Second
)

// Run renews the certificates until ctx ends (startup step 9). It must follow a successful Provision. Names are renewed
// one after the other; failures are logged and retried with a growing wait, and the old certificate is served
// meanwhile, even after it has expired (S-5.4).
func (s *Source) Run(ctx context.Context) {
	var probe sync.WaitGroup
	defer probe.Wait()
	if !s.asked {
		probe.Go(func() { s.probe(ctx) })
	}
	for {
		s.renewDue(ctx)
		s.reportExpired()
		if !clock.Sleep(ctx, s.untilNextEvent(time.Now())) {
			return
		}
	}
}

// nextTry returns when the name's certificate is to be ordered next. The caller holds Source.mu.
func (d *acmeDomain) nextTry() time.Time {
	if d.retryAt.After(d.renewAt) {
		return d.retryAt
	}
	return d.renewAt
}

// untilNextEvent returns the time until a certificate is due or expires, between 10 ms and acmeMaxSleep.
func (s *Source) untilNextEvent(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := acmeMaxSleep
	for _, d := range s.domains {
		wait = min(wait, d.nextTry().Sub(now))
		if cert := d.cert.Load(); cert != nil && !now.After(cert.Leaf.NotAfter) {
			// A certificate is valid to the end of that second.
			wait = min(wait, cert.Leaf.NotAfter.Sub(now)+time.Millisecond)
		}
	}
	return max(wait, 10*time.Millisecond)
}

// renewDue makes one attempt for every name that is due.
func (s *Source) renewDue(ctx context.Context) {
	var general *acmeOutcome
	for _, d := range s.domains {
		s.mu.Lock()
		due := !time.Now().Before(d.nextTry())
		s.mu.Unlock()
		if !due {
			continue
		}
		outcome := general
		if outcome == nil {
			o := s.try(ctx, d)
			outcome = &o
		}
		if outcome.err == nil {
			s.succeed(d, *outcome)
			s.log.Log(eventlog.LevelInfo, "ACME_RENEWED", eventlog.Str("domain", d.name), eventlog.Str("directory", s.cfg.ACMEDirectory),
				eventlog.Str("not_after", wording.Time(outcome.cert.Leaf.NotAfter)))
			continue
		}
		if ctx.Err() != nil {
			// A shutdown is not a failure of the CA.
			return
		}
		if outcome.general {
			general = outcome
		}
		next := s.failed(d, *outcome)
		s.log.Repeating(eventlog.LevelWarn, "acme_error "+d.name, "ACME_ERROR", eventlog.Str("domain", d.name),
			eventlog.Str("directory", s.cfg.ACMEDirectory), eventlog.Err(outcome.err), eventlog.Str("next_try", wording.Time(next)))
	}
}

// reportExpired logs every expired certificate that is still served.
func (s *Source) reportExpired() {
	for _, d := range s.domains {
		certificate := d.cert.Load()
		if certificate == nil || !time.Now().After(certificate.Leaf.NotAfter) {
			continue
		}
		s.log.Repeating(eventlog.LevelError, "cert_expired "+s.listener+" "+d.name, "CERT_EXPIRED", eventlog.Str("domain", d.name),
			eventlog.Str("listener", s.listener), eventlog.Str("not_after", wording.Time(certificate.Leaf.NotAfter)))
	}
}

// probe requests the CA's directory until it has answered once. It runs if every certificate came from the cache:
// without it, an unreachable CA would be noticed only when the first renewal is due.
func (s *Source) probe(ctx context.Context) {
	wait := acmeFirstProbeWait
	for {
		err := s.probeDirectory(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.log.Log(eventlog.LevelWarn, "ACME_UNREACHABLE", eventlog.Str("directory", s.cfg.ACMEDirectory),
			eventlog.Str("error", clipText(err.Error(), maxACMETextBytes)), eventlog.Str("next_try", wording.Time(time.Now().Add(wait))))
		if !clock.Sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, time.Hour)
	}
}

// probeDirectory requests the directory once.
func (s *Source) probeDirectory(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, acmeProbeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.ACMEDirectory, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "reverse-proxy")
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer s.transport.CloseIdleConnections()
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", resp.Status)
	}
	return nil
}
