package proxy

import (
	"context"
	"strings"
	"time"
)

const (
	// certWatchInterval is the longest time between two looks at the certificates, so that the watch follows the wall clock
	// when that was set or the machine slept.
	certWatchInterval = time.Hour
	// certWarnBefore is how long before its end a certificate out of a file is warned of: whoever renews them by a timer does
	// so at 30 days, and has missed that for two weeks by then.
	certWarnBefore = 14 * 24 * time.Hour
	// certWarnAgain is the time between two warnings of one certificate.
	certWarnAgain = 24 * time.Hour
)

// certWatch tells of certificates that nobody renews by themselves, which are those of files and those made in memory:
// that they end soon, and that they have ended and are served on. It looks at what is in use, whatever a reload has put
// there.
type certWatch struct {
	log *Logger
	// certificates lists what is in use.
	certificates func() []CertInfo
	// warned is when each certificate was warned of last, by listener, names and end.
	warned map[string]time.Time
}

func newCertWatch(log *Logger, certificates func() []CertInfo) *certWatch {
	return &certWatch{log: log, certificates: certificates, warned: map[string]time.Time{}}
}

// run looks until the context ends.
func (w *certWatch) run(ctx context.Context) {
	for sleepContext(ctx, w.look(time.Now())) {
	}
}

// look logs what has to be known at that time, and returns the time until the next look.
func (w *certWatch) look(at time.Time) time.Duration {
	wait := certWatchInterval
	seen := map[string]time.Time{}
	for _, certificate := range w.certificates() {
		if certificate.Source == TLSModeACME {
			continue
		}
		left := certificate.NotAfter.Sub(at)
		domain, end := Str("domain", strings.Join(certificate.Names, ",")), Str("not_after", logTime(certificate.NotAfter))
		key := certificate.Listener + " " + strings.Join(certificate.Names, ",") + " " + logTime(certificate.NotAfter)
		switch {
		case left < 0:
			w.log.Repeating(LevelError, "cert_expired "+key, "CERT_EXPIRED", domain, Str("listener", certificate.Listener), end)
			continue
		case left < certWarnBefore && at.Sub(w.warned[key]) >= certWarnAgain:
			w.log.Log(LevelWarn, "CERT_EXPIRES", domain, Str("listener", certificate.Listener), end,
				Int("days_left", daysLeft(certificate.NotAfter, at)))
			seen[key] = at
		default:
			seen[key] = w.warned[key]
		}
		// A certificate is valid to the end of that second.
		wait = min(wait, left+time.Millisecond)
	}
	w.warned = seen
	return max(wait, 10*time.Millisecond)
}

// logTime renders a time as it stands in log lines and error texts.
func logTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sleepContext sleeps for d and reports whether ctx is still there at the end.
func sleepContext(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
