package cert

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"reverse-proxy/proxy/config"
)

// Table finds the certificate for a server name. It is immutable; a reload builds a new one.
type Table struct {
	// exact holds certificates by lower-cased name, and wildcard those of `*.rest` by `rest`. A name has several if
	// the operator has both an ECDSA and an RSA certificate for it.
	exact, wildcard map[string][]*tls.Certificate
	// All are the certificates in the order of the configuration; none if they are made on demand.
	All []*tls.Certificate
	// nameless are the certificates for clients that send no name: all of them if they have the same names, else
	// none.
	nameless []*tls.Certificate
	// onDemand makes certificates when clients ask for them; nil if the table holds certificates.
	onDemand *onDemand
}

// NewTable builds the table of the certificates, whose leaves must be parsed. Names come from the certificate itself
// (S-5.3): its DNS names or, as in certificates of old private CAs, its common name if it has none.
func NewTable(certificates []*tls.Certificate) *Table {
	t := &Table{exact: map[string][]*tls.Certificate{}, wildcard: map[string][]*tls.Certificate{}, All: certificates}
	for _, certificate := range certificates {
		for _, name := range CoveredNames(certificate.Leaf) {
			if rest, ok := strings.CutPrefix(name, "*."); ok {
				t.wildcard[rest] = append(t.wildcard[rest], certificate)
			} else {
				t.exact[name] = append(t.exact[name], certificate)
			}
		}
	}
	if allCoverTheSame(certificates) {
		t.nameless = certificates
	}
	return t
}

// allCoverTheSame reports whether the certificates have the same names, as the ECDSA and the RSA certificate of one
// site do (S-5.13).
func allCoverTheSame(certificates []*tls.Certificate) bool {
	var first []string
	for i, certificate := range certificates {
		names := CoveredNames(certificate.Leaf)
		slices.Sort(names)
		names = slices.Compact(names)
		if i == 0 {
			first = names
		}
		if !slices.Equal(names, first) {
			return false
		}
	}
	return true
}

// CoveredNames returns the lower-cased DNS names that a certificate covers.
func CoveredNames(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = []string{leaf.Subject.CommonName}
	}
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names
}

// Find returns the certificate for the hello, or nil (S-5.2). It returns one that covers the server name, preferably
// the first that the client supports. Without a server name it returns one of all certificates, if they have the same
// names.
func (t *Table) Find(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := NormalName(hello.ServerName)
	if t.onDemand != nil {
		return t.onDemand.find(name)
	}
	candidates := t.exact[name]
	if name == "" {
		candidates = t.nameless
	} else if candidates == nil {
		if _, rest, ok := strings.Cut(name, "."); ok { // a wildcard matches one label (RFC 9525, section 6.3)
			candidates = t.wildcard[rest]
		}
	}
	for _, candidate := range candidates {
		if len(candidates) == 1 || hello.SupportsCertificate(candidate) == nil {
			return candidate
		}
	}
	if len(candidates) > 0 {
		return candidates[0]
	}
	return nil
}

// Covers reports whether a client that sends this server name gets a certificate for it.
func (t *Table) Covers(name string) bool {
	name = NormalName(name)
	if t.onDemand != nil {
		return t.onDemand.nameFor(name) != ""
	}
	_, rest, _ := strings.Cut(name, ".")
	return len(t.exact[name]) > 0 || len(t.wildcard[rest]) > 0
}

// infos lists the certificates for `status`.
func (t *Table) infos(listener string, source config.TLSMode) []Info {
	all := t.All
	if t.onDemand != nil {
		all = t.onDemand.certificates()
	}
	infos := make([]Info, len(all))
	for i, certificate := range all {
		infos[i] = Info{
			Listener:  listener,
			Names:     CoveredNames(certificate.Leaf),
			Source:    source,
			NotBefore: certificate.Leaf.NotBefore.UTC(),
			NotAfter:  certificate.Leaf.NotAfter.UTC(),
		}
	}
	return infos
}

// NormalName returns a server name in the form used for look-ups: lower-cased and without the final dot.
func NormalName(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
