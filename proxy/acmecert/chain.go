package acmecert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"reverse-proxy/proxy/wording"
)

// parseChain makes a certificate from the chain that a CA has issued for the key and the name. It sorts the chain,
// which some clients need, and refuses a certificate that no client would accept.
//
// It accepts a certificate that is not yet valid: the clock of this machine is then slower than the CA's.
func parseChain(data []byte, key *ecdsa.PrivateKey, name string, now time.Time) (*tls.Certificate, error) {
	certificates, err := parseCertificates(data)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(certificates, func(c *x509.Certificate) bool { return key.PublicKey.Equal(c.PublicKey) })
	if i < 0 {
		return nil, errors.New("the CA issued a certificate for another key")
	}
	leaf := certificates[i]
	if err := leaf.VerifyHostname(name); err != nil {
		return nil, fmt.Errorf("the CA issued a certificate for another name: %w", err)
	}
	if now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("the CA issued a certificate that expired at %s, and it is %s here; compare the clocks",
			wording.Time(leaf.NotAfter), wording.Time(now))
	}
	certificate := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for issuer := leaf; ; {
		issuer = takeIssuer(&certificates, issuer)
		if issuer == nil {
			return certificate, nil
		}
		certificate.Certificate = append(certificate.Certificate, issuer.Raw)
	}
}

// parseCertificates parses the certificates of a PEM text.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the CA's chain cannot be parsed: %w", err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("the CA's answer holds no certificate")
	}
	return certificates, nil
}

// takeIssuer removes the issuer of a certificate from the list and returns it; nil if it is not in the list. A
// self-signed certificate has no other issuer.
func takeIssuer(certificates *[]*x509.Certificate, of *x509.Certificate) *x509.Certificate {
	if bytes.Equal(of.RawIssuer, of.RawSubject) {
		return nil
	}
	i := slices.IndexFunc(*certificates, func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawSubject, of.RawIssuer) && !c.Equal(of)
	})
	if i < 0 {
		return nil
	}
	issuer := (*certificates)[i]
	*certificates = slices.Delete(*certificates, i, i+1)
	return issuer
}
