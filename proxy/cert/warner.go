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
	// checkInterval is the longest time between two checks of the certificates. It bounds the delay of a warning
	// after the clock was set or the machine slept.
	checkInterval = time.Hour
	// warnBefore is how long before its expiry the first warning about a certificate from a file comes. Timers
	// usually renew at 30 days, so by then the renewal is two weeks overdue.
	warnBefore = 14 * 24 * time.Hour
	// certWarnAgain is the time between two warnings about one certificate.
	certWarnAgain = 24 * time.Hour
)

// Warner warns about certificates that are not renewed automatically, which are those from files and those made in
// memory. It warns when one expires soon, and when one has expired and is still served or presented to upstreams. It
// checks the certificates in use, including those from the latest reload.
type Warner struct {
	log *eventlog.Logger
	// certificates lists the certificates in use.
	certificates func() []Info
	// warned is the time of the last warning about each certificate. The key is its listener or file, its names and
	// its end.
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

// WarnBefore returns how long before its expiry an operator must be warned about a certificate that is not renewed
// automatically: 14 days, or a third of its lifetime if that is less. The log, `check` and the alert all follow this
// rule.
func WarnBefore(notBefore, notAfter time.Time) time.Duration {
	if notBefore.IsZero() {
		return warnBefore
	}
	return min(warnBefore, notAfter.Sub(notBefore)/3)
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
		names, end := strings.Join(certificate.Names, ","), eventlog.Str("not_after", wording.Time(certificate.NotAfter))
		key := certificate.Listener + certificate.ForUpstreams + " " + names + " " + wording.Time(certificate.NotAfter)
		switch {
		case left < 0:
			w.expired(certificate, "cert_expired "+key, names, end)
			continue
		case left < WarnBefore(certificate.NotBefore, certificate.NotAfter) && at.Sub(w.warned[key]) >= certWarnAgain:
			w.expires(certificate, names, end, eventlog.Int("days_left", DaysLeft(certificate.NotAfter, at)))
			seen[key] = at
		default:
			seen[key] = w.warned[key]
		}
		// A certificate is valid until the end of that second.
		wait = min(wait, left+time.Millisecond)
	}
	w.warned = seen
	return max(wait, 10*time.Millisecond)
}

// expired logs that a certificate has expired.
func (w *Warner) expired(of Info, key, names string, end eventlog.Attr) {
	if of.ForUpstreams != "" {
		w.log.Repeating(eventlog.LevelError, key, "UPSTREAM_CERT_EXPIRED", eventlog.Str("host", names), eventlog.Str("certificate", of.ForUpstreams), end)
		return
	}
	w.log.Repeating(eventlog.LevelError, key, "CERT_EXPIRED", eventlog.Str("domain", names), eventlog.Str("listener", of.Listener), end)
}

// expires logs that a certificate expires soon.
func (w *Warner) expires(of Info, names string, end, left eventlog.Attr) {
	if of.ForUpstreams != "" {
		w.log.Log(eventlog.LevelWarn, "UPSTREAM_CERT_EXPIRES", eventlog.Str("host", names), eventlog.Str("certificate", of.ForUpstreams), end, left)
		return
	}
	w.log.Log(eventlog.LevelWarn, "CERT_EXPIRES", eventlog.Str("domain", names), eventlog.Str("listener", of.Listener), end, left)
}
