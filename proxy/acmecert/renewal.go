package acmecert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

const (
	// maxRenewBefore bounds how long before its expiry a certificate is renewed by the rule of the lifetime.
	maxRenewBefore = 30 * 24 * time.Hour
	// minCheck and maxCheck bound the time until the CA is asked for renewal information again. usualCheck is that
	// time if the CA does not say (S-20.1).
	minCheck, usualCheck, maxCheck = time.Hour, 6 * time.Hour, 24 * time.Hour
	// earlyGap is the minimum time between two renewals of a name that the CA wants earlier than the rule of the
	// lifetime. It prevents a loop of orders at a CA whose windows are always in the past.
	earlyGap = 24 * time.Hour
	// issueGap is the minimum time between two renewals of a name by the rule of the lifetime, unless its certificate
	// expires sooner. Let's Encrypt issues five certificates for the same names in a week.
	issueGap = 36 * time.Hour
)

// errNoRenewalInfo is the error for a CA without renewal information.
var errNoRenewalInfo = errors.New("the CA offers no renewal information")

// renewalTime returns when a certificate is due for renewal by its lifetime: when a third of it is left, but at most
// 30 days. A random delay of up to a tenth of that spreads the renewals of certificates of the same age.
func renewalTime(notBefore, notAfter time.Time) time.Time {
	before := min(notAfter.Sub(notBefore)/3, maxRenewBefore)
	return notAfter.Add(-before + time.Duration(rand.Float64()*float64(before)/10))
}

// afterIssue returns the earliest time at which to renew, by its lifetime, a certificate that was just issued. The
// certificate may already be due: by a clock that is far ahead of the CA's, or because the CA has dated it back. Each
// renewal would then be followed by the next one immediately, here or on another machine.
func afterIssue(now, notAfter time.Time) time.Time {
	return now.Add(min(issueGap, notAfter.Sub(now)/2))
}

// suggestion is what a CA says about the renewal of one certificate (RFC 9773).
type suggestion struct {
	// Directory is the URL of the CA's directory, Domain the certificate's name, and Certificate its identifier.
	Directory   string `json:"directory"`
	Domain      string `json:"domain"`
	Certificate string `json:"certificate"`
	// Start and End are the window. Moment was drawn from it once, and is kept as long as the window is the same.
	Start  time.Time `json:"window_start"`
	End    time.Time `json:"window_end"`
	Moment time.Time `json:"moment"`
	// Explanation is the URL of the page on which the CA explains the window; "" for none.
	Explanation string `json:"explanation,omitempty"`
	// Early is when the name was last renewed earlier than the rule of the lifetime would have done.
	Early time.Time `json:"early,omitzero"`
}

// usableWindow reports whether a window makes sense for a certificate. A window that ends before it begins, or only
// when the certificate has expired, is a fault of the CA. A window in the past means that the certificate is to be
// renewed now.
func usableWindow(start, end time.Time, leaf *x509.Certificate) bool {
	return !start.IsZero() && start.Before(end) && end.Before(leaf.NotAfter)
}

// drawMoment draws a moment evenly from the window.
func drawMoment(start, end time.Time) time.Time {
	return start.Add(time.Duration(rand.Float64() * float64(end.Sub(start)))).UTC()
}

// moment returns when the CA wants the certificate renewed. byLifetime is when the rule of the lifetime does.
func (s suggestion) moment(lifetime time.Duration, byLifetime time.Time) time.Time {
	if allowed := s.Early.Add(min(earlyGap, lifetime/6)); s.Moment.Before(byLifetime) && s.Moment.Before(allowed) {
		return allowed
	}
	return s.Moment
}

// replacesID returns the identifier of a certificate, for the order that replaces it; "" if the certificate has none.
func replacesID(certificate *tls.Certificate) string {
	if certificate == nil || certificate.Leaf == nil || len(certificate.Leaf.AuthorityKeyId) == 0 {
		return ""
	}
	id, err := acme.ARIUniqueIdentifier(certificate.Leaf)
	if err != nil {
		return ""
	}
	return id
}

// renewalInfo asks the CA when it wants a certificate renewed, and for how long that answer is valid.
func (a *authority) renewalInfo(ctx context.Context, leaf *x509.Certificate) (info acme.RenewalInfo, holds time.Duration, err error) {
	s, err := a.open(ctx)
	if err != nil {
		return info, 0, err
	}
	id := replacesID(&tls.Certificate{Leaf: leaf})
	if s.directory.RenewalInfo == "" || id == "" {
		return info, usualCheck, errNoRenewalInfo
	}
	resp, body, err := get(ctx, a.base, s.directory.RenewalInfo+"/"+id)
	if err != nil {
		return info, 0, err
	}
	holds = usualCheck
	if wait := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()); wait > 0 {
		holds = min(max(wait, minCheck), maxCheck)
	}
	if resp.StatusCode != http.StatusOK {
		return info, holds, problemIn(resp, body)
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return info, holds, fmt.Errorf("the renewal information cannot be parsed: %w", err)
	}
	return info, holds, nil
}
