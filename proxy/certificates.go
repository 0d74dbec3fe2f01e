package proxy

import (
	"crypto/tls"
	"time"
)

// CertInfo describes one certificate in use, for `status` (S-10.1).
type CertInfo struct {
	// Listener is the address and port of the listener that serves it.
	Listener string `json:"listener"`
	// Names are the DNS names that the certificate covers.
	Names []string `json:"names"`
	// Source is the TLS mode that it comes from: "acme", "manual" or "self_signed".
	Source TLSMode `json:"source"`
	// NotAfter is when it expires, in UTC.
	NotAfter time.Time `json:"not_after"`
	// DaysLeft is the number of whole days until then, negative when it is past; nil where nobody has counted.
	DaysLeft *int `json:"days_left,omitempty"`
}

// CertSource is where one listener's certificates come from. It is asked in every handshake and so does no I/O and
// takes no lock that is held during I/O.
type CertSource interface {
	// Certificate returns the certificate for the hello: the one that covers its server name or, when the client
	// sent none, the only one of the listener. It returns nil when there is no such certificate (S-5.2).
	Certificate(hello *tls.ClientHelloInfo) *tls.Certificate
	// Certificates lists what is in use.
	Certificates() []CertInfo
}

// daysLeft is the number of whole days until the end; negative behind it.
func daysLeft(end, at time.Time) int {
	const day = 24 * time.Hour
	left := end.Sub(at)
	days := int(left / day)
	if left < 0 && left%day != 0 {
		days--
	}
	return days
}
