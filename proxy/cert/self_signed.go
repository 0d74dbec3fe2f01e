package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"time"

	"reverse-proxy/proxy/config"
)

// selfSignedLifetime is how long a self-signed certificate is valid: longer than any trial of the proxy, and too
// short to tempt anyone to use it for more.
const selfSignedLifetime = 30 * 24 * time.Hour

// SelfSigned makes certificates in memory for a listener's site names. They are for the quick start and local
// development, never a fallback of the other modes. One certificate covers all names, so that a client can be told to
// trust it. If there are more than maxTogether names, each gets its own certificate when a client first asks for it.
type SelfSigned struct{ local }

// NewSelfSigned makes the certificate for the names.
func NewSelfSigned(listener string, names []string) (*SelfSigned, error) {
	s := &SelfSigned{local{listener: listener, mode: config.TLSModeSelfSigned}}
	prepared, err := s.Prepare(names)
	if err != nil {
		return nil, err
	}
	prepared.Commit()
	return s, nil
}

// Prepare implements Source. It makes a certificate for the names. If the names are the same, it keeps the old
// certificate, so that clients that were told to trust it still do.
func (s *SelfSigned) Prepare(names []string) (Prepared, error) {
	names = slices.Sorted(slices.Values(names))
	table, err := selfSignedTable(names, s.table.Load())
	if err != nil {
		return nil, fmt.Errorf("%s: making a self-signed certificate: %w", s.listener, err)
	}
	return preparedTable{table, &s.table}, nil
}

// selfSignedTable returns a table for the names. It keeps what it can of an earlier one, which may be nil.
func selfSignedTable(names []string, earlier *Table) (*Table, error) {
	if len(names) > maxTogether {
		var made *onDemand
		if earlier != nil {
			made = earlier.onDemand
		}
		made, err := newOnDemand(names, made)
		return &Table{onDemand: made}, err
	}
	if earlier != nil && len(earlier.All) > 0 && slices.Equal(CoveredNames(earlier.All[0].Leaf), names) {
		return earlier, nil
	}
	certificate, err := MakeSelfSigned(names, time.Now())
	if err != nil {
		return nil, err
	}
	return NewTable([]*tls.Certificate{certificate}), nil
}

// MakeSelfSigned makes a self-signed ECDSA certificate for the names.
func MakeSelfSigned(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return selfSigned(names, key, now)
}

// selfSigned makes a self-signed certificate with the key.
func selfSigned(names []string, key *ecdsa.PrivateKey, now time.Time) (*tls.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"reverse-proxy self-signed, for development only"}},
		DNSNames:              names,
		NotBefore:             now.Add(-time.Hour), // a client's clock may be slow
		NotAfter:              now.Add(selfSignedLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
