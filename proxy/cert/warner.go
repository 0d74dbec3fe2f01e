package cert

import (
	"context"
	"strings"
	"time"

	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

const (
	// checkInterval is the longest time between two checks of the certificates, so that the Warner follows the wall
	// clock after it was set or the machine slept.
	checkInterval = time.Hour
	// certWarnBefore is how long before the expiry of a certificate from a file the first warning comes: renewal by a timer
	// usually happens at 30 days, and is then two weeks overdue. For a short-lived one it comes when a third of its
	// lifetime is left, as in `check`.
	certWarnBefore = 14 * 24 * time.Hour
	// certWarnAgain is the time between two warnings about one certificate.
	certWarnAgain = 24 * time.Hour
)

// Warner warns of certificates that are not renewed automatically, which are those from files and those made in memory:
// that they expire soon, and that they have expired and are still served. It checks the certificates in use, including
// those that a reload has put there.
type Warner struct {
	log *eventlog.Logger
	// certificates lists the certificates in use.
	certificates func() []Info
	// warned is the time of the last warning about each certificate, by listener, names and end.
	warned map[string]time.Time
}

// NewWarner returns a Warner for the certificates that the function lists. Run starts it.
func NewWarner(log *eventlog.Logger, certificates func() []Info) *Warner {
	return &Warner{log: log, certificates: certificates, warned: map[string]time.Time{}}
}

// Run checks the certificates until the context ends.
func (w *Warner) Run(ctx context.Context) {
	for clock.Sleep(ctx, w.look(time.Now())) {
	}
}

// warnBefore returns how long before the expiry of a certificate the first warning comes.
func warnBefore(certificate Info) time.Duration {
	if certificate.NotBefore.IsZero() {
		return certWarnBefore
	}
	return min(certWarnBefore, certificate.NotAfter.Sub(certificate.NotBefore)/3)
}

// look logs the warnings due at that time, and returns the time until the next check.
func (w *Warner) look(at time.Time) time.Duration {
	wait := checkInterval
	seen := map[string]time.Time{}
	for _, certificate := range w.certificates() {
		if certificate.Source == config.TLSModeACME {
			continue
		}
		left := certificate.NotAfter.Sub(at)
		domain, end := eventlog.Str("domain", strings.Join(certificate.Names, ",")), eventlog.Str("not_after", wording.Time(certificate.NotAfter))
		key := certificate.Listener + " " + strings.Join(certificate.Names, ",") + " " + wording.Time(certificate.NotAfter)
		switch {
		case left < 0:
			w.log.Repeating(eventlog.LevelError, "cert_expired "+key, "CERT_EXPIRED", domain, eventlog.Str("listener", certificate.Listener), end)
			continue
		case left < warnBefore(certificate) && at.Sub(w.warned[key]) >= certWarnAgain:
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
