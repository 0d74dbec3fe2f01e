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
	// maxRenewBefore is the longest time before its expiry at which the rule of the lifetime renews a certificate.
	maxRenewBefore = 30 * 24 * time.Hour
	// minCheck and maxCheck bound the time until renewal information is asked for again, and usualCheck is that of a CA
	// which names none (S-20.1).
	minCheck, usualCheck, maxCheck = time.Hour, 6 * time.Hour, 24 * time.Hour
	// earlyGap is the least time between two renewals of a name that the CA wants before the rule of the lifetime does: a
	// CA whose windows are always in the past must not be ordered from in a loop.
	earlyGap = 24 * time.Hour
)

// errNoRenewalInfo is the error of a CA that has no renewal information.
var errNoRenewalInfo = errors.New("the CA offers no renewal information")

// renewalTime returns when a certificate is due for renewal by its lifetime: a third of it before its expiry, but at most
// 30 days. A random delay of up to a tenth of that keeps certificates of the same age from being renewed together.
func renewalTime(notBefore, notAfter time.Time) time.Time {
	before := min(notAfter.Sub(notBefore)/3, maxRenewBefore)
	return notAfter.Add(-before + time.Duration(rand.Float64()*float64(before)/10))
}

// suggestion is what a CA says about the renewal of one certificate (RFC 9773).
type suggestion struct {
	// Directory is the CA's, Domain the certificate's name, and Certificate its identifier.
	Directory   string `json:"directory"`
	Domain      string `json:"domain"`
	Certificate string `json:"certificate"`
	// Start and End are the window. Moment was drawn from it, and stays the same while the window does.
	Start  time.Time `json:"window_start"`
	End    time.Time `json:"window_end"`
	Moment time.Time `json:"moment"`
	// Explanation is the page with which the CA explains the window; "" for none.
	Explanation string `json:"explanation,omitempty"`
	// Early is when the name was last renewed at a moment that the rule of the lifetime would not have chosen.
	Early time.Time `json:"early,omitzero"`
}

// usableWindow reports whether a window says something about a certificate. One that ends before it begins, or when the
// certificate has expired, is a fault of the CA; one in the past means that it is to be renewed now.
func usableWindow(start, end time.Time, leaf *x509.Certificate) bool {
	return !start.IsZero() && start.Before(end) && end.Before(leaf.NotAfter)
}

// drawMoment draws a moment evenly from the window.
func drawMoment(start, end time.Time) time.Time {
	return start.Add(time.Duration(rand.Float64() * float64(end.Sub(start)))).UTC()
}

// moment returns when the CA wants the certificate renewed, which by its lifetime is due at byLifetime.
func (s suggestion) moment(lifetime time.Duration, byLifetime time.Time) time.Time {
	if allowed := s.Early.Add(min(earlyGap, lifetime/6)); s.Moment.Before(byLifetime) && s.Moment.Before(allowed) {
		return allowed
	}
	return s.Moment
}

// replacesID returns the identifier of a certificate for the order that replaces it; "" if it has none.
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

// renewalInfo asks the CA when it wants a certificate renewed, and how long that answer holds.
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
