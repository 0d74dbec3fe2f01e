package cert

import (
	"context"
	"crypto/tls"
	"time"

	"reverse-proxy/proxy/config"
)

// Info describes one certificate in use, for `status` (S-10.1).
type Info struct {
	// Listener is the address and port of the listener that serves it.
	Listener string `json:"listener"`
	// Names are the DNS names that the certificate covers.
	Names []string `json:"names"`
	// Source is the TLS mode that the certificate comes from: "acme", "manual" or "self_signed".
	Source config.TLSMode `json:"source"`
	// NotBefore is when the certificate became valid, in UTC.
	NotBefore time.Time `json:"not_before,omitzero"`
	// NotAfter is when it expires, in UTC.
	NotAfter time.Time `json:"not_after"`
	// DaysLeft is the number of whole days until NotAfter, negative after it; nil if not computed.
	DaysLeft *int `json:"days_left,omitempty"`
	// ForUpstreams is the file of a certificate that no listener serves and that the proxy presents to upstreams of
	// the site in Names.
	ForUpstreams string `json:"-"`
}

// Source provides one listener's certificates in any TLS mode: code outside a Source never asks for its mode. The
// methods that handshakes and validations call do no I/O and take no lock that is held during I/O.
type Source interface {
	// Certificate returns the certificate for the hello: the one that covers its server name or, if the client sent
	// none, the listener's only one. It returns nil if there is no such certificate (S-5.2).
	Certificate(hello *tls.ClientHelloInfo) *tls.Certificate
	// Certificates lists the certificates in use.
	Certificates() []Info

	// AsksCA reports whether a CA issues the certificates. The CA validates the names through the listener itself,
	// which must therefore serve while Provision runs.
	AsksCA() bool
	// ChallengeCertificate answers the hello of a TLS-ALPN-01 validation (RFC 8737, section 3). It returns nil if
	// none is under way.
	ChallengeCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
	// HTTPChallenge answers an HTTP-01 validation (RFC 8555, section 8.3). ok is false if none is under way.
	HTTPChallenge(host, path string) (keyAuthorization []byte, ok bool)
	// Provision obtains the certificates that the start requires (step 7). It reports those that it orders to
	// progress, which may be nil.
	Provision(ctx context.Context, progress Progress) error
	// Run renews the certificates until ctx ends.
	Run(ctx context.Context)
	// Names returns the status of each name for which a CA is asked.
	Names() []NameStatus
	// Attempts returns the number of attempts to obtain a certificate, by outcome.
	Attempts() Attempts

	// Table returns the certificates in use; nil if only renewals change them.
	Table() *Table
	// Prepare reads or makes again what a reload can change, for the names that the listener is to serve (S-3.5). It
	// contacts no CA: the result says what has to be ordered first. Nothing changes before Commit.
	Prepare(names []string) (Prepared, error)
}

// Progress receives the progress of orders. Its methods may be called concurrently.
type Progress interface {
	// Begin is called with the names to order, and Done with each one that has its certificate.
	Begin(names []string)
	Done(name string)
}

// NameStatus is what `status` shows of one name in addition to its certificate (S-10.1).
type NameStatus struct {
	Domain      string    `json:"domain"`
	LastAttempt time.Time `json:"last_attempt,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	// NextTry is when the CA will next be asked for a certificate for this name.
	NextTry time.Time `json:"next_try,omitzero"`
	// Why is the reason for NextTry: "lifetime" (a third of the certificate's lifetime is left), "ari" (the CA's
	// renewal information), "retry" (an earlier failure), or "missing" (there is no certificate).
	Why string `json:"next_try_reason,omitempty"`
	// Explanation is the URL of the page on which the CA explains when it wants the certificate renewed.
	Explanation string `json:"explanation,omitempty"`
}

// AttemptResults names the outcomes of an attempt: a certificate, a refusal by the CA, and a CA that was not reached.
var AttemptResults = [...]string{"success", "refused", "unreachable"}

// Attempts counts attempts to obtain a certificate by outcome, in the order of AttemptResults.
type Attempts [len(AttemptResults)]uint64

// DaysLeft returns the number of whole days until the end; negative after it.
func DaysLeft(end, at time.Time) int {
	const day = 24 * time.Hour
	left := end.Sub(at)
	days := int(left / day)
	if left < 0 && left%day != 0 {
		days--
	}
	return days
}
