package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"reverse-proxy/proxy/wording"
)

// maxCertificateBytes is the length above which a certificate or key file is refused unread.
const maxCertificateBytes = 1 << 20

// LoadCertificatePair reads a certificate with its key and checks that they match and that the certificate is not
// expired at now (S-2.5). The certificate's Leaf is set. The problem's key is `cert_path` or `key_path`, whichever is
// at fault; nil means no problem. It never blocks, whatever the paths name.
func LoadCertificatePair(files CertificateFiles, now time.Time) (*tls.Certificate, *KeyError) {
	certPEM, err := ReadStableFile(files.CertPath, maxCertificateBytes, nil)
	if err != nil {
		return nil, certificateProblem("cert_path", "%s: %s", wording.Quoted(files.CertPath), err)
	}
	leaf, err := firstCertificate(certPEM)
	if err != nil {
		return nil, certificateProblem("cert_path", "%s: %s", wording.Quoted(files.CertPath), err)
	}
	keyPEM, err := ReadStableFile(files.KeyPath, maxCertificateBytes, nil)
	if err != nil {
		return nil, certificateProblem("key_path", "%s: %s", wording.Quoted(files.KeyPath), err)
	}
	if err := checkKeyPEM(keyPEM); err != nil {
		return nil, certificateProblem("key_path", "%s: %s", wording.Quoted(files.KeyPath), err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, certificateProblem("key_path", "%s does not go with the certificate %s: %s; name the key that belongs to it",
			wording.Quoted(files.KeyPath), wording.Quoted(files.CertPath), strings.TrimPrefix(err.Error(), "tls: "))
	}
	if now.After(leaf.NotAfter) {
		return nil, certificateProblem("cert_path", "%s: the certificate for %s expired at %s; renew it",
			wording.Quoted(files.CertPath), CertificateNames(leaf), wording.Time(leaf.NotAfter))
	}
	return &pair, nil
}

// certificateProblem returns a problem with one of the two keys of a pair.
func certificateProblem(key, format string, args ...any) *KeyError {
	return &KeyError{Key: key, Problem: fmt.Sprintf(format, args...)}
}

// firstCertificate returns the leaf: the first certificate in the PEM text.
func firstCertificate(text []byte) (*x509.Certificate, error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return nil, errors.New("holds no PEM certificate; a file with -----BEGIN CERTIFICATE----- is needed")
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds a damaged certificate: %w; issue or copy it again", err)
		}
		return leaf, nil
	}
}

// checkKeyPEM refuses a file without a private key, or with an encrypted one, which the proxy could not unlock.
func checkKeyPEM(text []byte) error {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil:
			return errors.New("holds no PEM private key; a file with -----BEGIN PRIVATE KEY----- is needed")
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return errors.New("holds an encrypted key; store it without a passphrase, readable only by the proxy's user")
		case block.Type == "PRIVATE KEY" || strings.HasSuffix(block.Type, " PRIVATE KEY"):
			return nil
		}
	}
}

// CertificateNames names a certificate in an error: its DNS names, or its subject if it has none.
func CertificateNames(leaf *x509.Certificate) string {
	names := NamesOf(leaf)
	if len(names) == 0 {
		return wording.Quoted(leaf.Subject.String())
	}
	return wording.Quoted(strings.Join(names, ", "))
}

// NamesOf returns the names that a certificate is for: host names, and IP addresses.
func NamesOf(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
