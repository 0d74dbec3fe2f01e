package cert

import (
	"context"
	"strings"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
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

// Watch tells of certificates that nobody renews by themselves, which are those of files and those made in memory:
// that they end soon, and that they have ended and are served on. It looks at what is in use, whatever a reload has put
// there.
type Watch struct {
	log *eventlog.Logger
	// certificates lists what is in use.
	certificates func() []Info
	// warned is when each certificate was warned of last, by listener, names and end.
	warned map[string]time.Time
}

// NewWatch returns a watch of the certificates that the function lists. Run starts it.
func NewWatch(log *eventlog.Logger, certificates func() []Info) *Watch {
	return &Watch{log: log, certificates: certificates, warned: map[string]time.Time{}}
}

// Run looks until the context ends.
func (w *Watch) Run(ctx context.Context) {
	for SleepContext(ctx, w.look(time.Now())) {
	}
}

// look logs what has to be known at that time, and returns the time until the next look.
func (w *Watch) look(at time.Time) time.Duration {
	wait := certWatchInterval
	seen := map[string]time.Time{}
	for _, certificate := range w.certificates() {
		if certificate.Source == config.TLSModeACME {
			continue
		}
		left := certificate.NotAfter.Sub(at)
		domain, end := eventlog.Str("domain", strings.Join(certificate.Names, ",")), eventlog.Str("not_after", TimeText(certificate.NotAfter))
		key := certificate.Listener + " " + strings.Join(certificate.Names, ",") + " " + TimeText(certificate.NotAfter)
		switch {
		case left < 0:
			w.log.Repeating(eventlog.LevelError, "cert_expired "+key, "CERT_EXPIRED", domain, eventlog.Str("listener", certificate.Listener), end)
			continue
		case left < certWarnBefore && at.Sub(w.warned[key]) >= certWarnAgain:
			w.log.Log(eventlog.LevelWarn, "CERT_EXPIRES", domain, eventlog.Str("listener", certificate.Listener), end,
				eventlog.Int("days_left", DaysLeft(certificate.NotAfter, at)))
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

// TimeText renders a time as it stands in log lines and error texts.
func TimeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// SleepContext sleeps for d and reports whether ctx is still there at the end.
func SleepContext(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
