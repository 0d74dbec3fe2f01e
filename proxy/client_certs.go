package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"reverse-proxy/proxy/config"
)

// These are the bounds of a client's certificate.
const (
	// maxClientChain is the largest number of certificates that a client may send.
	maxClientChain = 10
	// maxSubjectBytes is the largest length of a subject in the form that the upstream receives.
	maxSubjectBytes = 2048
)

// clientDemand is what a site requires of its clients' certificates (S-16.4). It belongs to one configuration.
type clientDemand struct {
	// host is the host of the site. id is equal for demands that accept the same certificates.
	host, id string
	certs    *config.ClientCerts
	// tls is the configuration of handshakes for the site. It is created at the first handshake.
	tls atomic.Pointer[tls.Config]
}

// newClientDemand returns the demand of a site, or nil if it has none.
func newClientDemand(of *config.Site) *clientDemand {
	if of.ClientCerts == nil {
		return nil
	}
	return &clientDemand{host: of.Host, id: of.ClientCerts.ID(), certs: of.ClientCerts}
}

// apply returns the listener's configuration with the demand of the site added.
func (d *clientDemand) apply(base *tls.Config, bind func(config *tls.Config, id string)) *tls.Config {
	if made := d.tls.Load(); made != nil {
		return made
	}
	made := base.Clone()
	made.GetConfigForClient = nil
	made.ClientCAs, made.ClientAuth = d.certs.Roots, tls.VerifyClientCertIfGiven
	if d.certs.Required {
		made.ClientAuth = tls.RequireAndVerifyClientCert
	}
	made.VerifyConnection = checkClientChain
	bind(made, d.id)
	d.tls.Store(made)
	return made
}

// errClientChain and errClientSubject refuse certificates that are otherwise valid.
var (
	errClientChain   = fmt.Errorf("the client has sent more than %d certificates", maxClientChain)
	errClientSubject = fmt.Errorf("the subject of the client's certificate has more than %d bytes", maxSubjectBytes)
)

// checkClientChain bounds the certificates of a verified client.
func checkClientChain(state tls.ConnectionState) error {
	switch {
	case len(state.PeerCertificates) > maxClientChain:
		return errClientChain
	case len(state.PeerCertificates) > 0 && len(subjectOf(state.PeerCertificates[0])) > maxSubjectBytes:
		return errClientSubject
	}
	return nil
}

// clientIdentity is the client of a connection to a site with a demand, as the handshake has identified it.
type clientIdentity struct {
	// host and id belong to the demand.
	host, id string
	// subject and fingerprint belong to the certificate; they are "" without one.
	subject, fingerprint string
}

// identify returns the identity of a client after its handshake.
func (d *clientDemand) identify(state tls.ConnectionState) *clientIdentity {
	identity := &clientIdentity{host: d.host, id: d.id}
	if len(state.VerifiedChains) > 0 {
		leaf := state.PeerCertificates[0]
		sum := sha256.Sum256(leaf.Raw)
		identity.subject, identity.fingerprint = subjectOf(leaf), hex.EncodeToString(sum[:])
	}
	return identity
}

// isVerified reports whether the client has presented a valid certificate.
func (i *clientIdentity) isVerified() bool { return i != nil && i.fingerprint != "" }

// isFor reports whether requests to a site may use a connection with this identity. If that site or the site of the
// handshake requires certificates, both must be the same site with the same demand.
func (i *clientIdentity) isFor(host string, demand *clientDemand) bool {
	switch {
	case demand == nil:
		return i == nil || i.host == host
	case i == nil:
		return false
	}
	return i.host == host && i.id == demand.id
}

// subjectOf returns the subject of a certificate (RFC 4514). It escapes bytes beyond printable ASCII, so that the text
// is a valid field value and no subject looks like another one. It parses the raw subject, because pkix.Name keeps only
// the last common name, and keeps neither the order of the attributes nor which of them form one relative name.
func subjectOf(leaf *x509.Certificate) string {
	var names pkix.RDNSequence
	if rest, err := asn1.Unmarshal(leaf.RawSubject, &names); err != nil || len(rest) > 0 {
		return "#" + hex.EncodeToString(leaf.RawSubject)
	}
	subject := names.String()
	if !strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		return subject
	}
	var out strings.Builder
	for i := range len(subject) {
		if c := subject[i]; c < ' ' || c > '~' {
			fmt.Fprintf(&out, `\%02x`, c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// clientCertProblem returns why the certificate of a client was refused, or "" if a handshake failed for another
// reason. The texts do not depend on what the client sent.
func clientCertProblem(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errClientChain), errors.Is(err, errClientSubject):
		return err.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the client's certificate has expired, or is not yet valid"
	case errors.As(err, &unknown):
		return "the client's certificate was not issued by a CA in client_ca_path"
	case errors.As(err, &verification):
		return "the client's certificate is not valid"
	case strings.Contains(err.Error(), "client didn't provide a certificate"):
		return "the client has no certificate"
	}
	return ""
}

// example returns the identity of a client whose handshake was for the site. It is used in explanations.
func (d *clientDemand) example() *clientIdentity {
	identity := &clientIdentity{host: d.host, id: d.id}
	if d.certs.Required {
		identity.subject, identity.fingerprint = "(that of the certificate)", "(that of the certificate)"
	}
	return identity
}
