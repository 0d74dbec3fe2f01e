package soak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// issuer is a private CA.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newIssuer makes a CA, and writes its certificate to a file unless the path is empty.
func newIssuer(path string) (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA of a load"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err == nil && path != "" {
		err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	}
	return &issuer{certificate, key}, err
}

// issue makes a certificate for a name, with its own key, and returns both in PEM.
func (i *issuer) issue(name string, until time.Time) (bundle []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name},
		NotBefore: time.Now().Add(-47 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.certificate, key.Public(), i.key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	bundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(bundle, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// writeCertificates writes the CA of a load, and the certificates that its upstreams have or may change to.
func writeCertificates(dir string) error {
	good, err := newIssuer(caIn(dir))
	if err != nil {
		return err
	}
	other, err := newIssuer("")
	if err != nil {
		return err
	}
	later := time.Now().Add(47 * time.Hour)
	for _, c := range []struct {
		fault Fault
		by    *issuer
		name  string
		until time.Time
	}{
		{Sound, good, serverName, later},
		{Expires, good, serverName, time.Now().Add(-time.Hour)},
		{ChangesName, good, "other.internal", later},
		{ChangesCA, other, serverName, later},
	} {
		bundle, issueErr := c.by.issue(c.name, c.until)
		err = errors.Join(err, issueErr, os.WriteFile(bundleIn(dir, c.fault), bundle, 0o600))
	}
	return err
}

// caIn returns the path of the CA.
func caIn(dir string) string { return filepath.Join(dir, "ca.pem") }

// bundleIn returns the path of the certificate with its key that an upstream has during a fault.
func bundleIn(dir string, fault Fault) string {
	switch fault {
	case Expires:
		return filepath.Join(dir, "expired.pem")
	case ChangesName:
		return filepath.Join(dir, "name.pem")
	case ChangesCA:
		return filepath.Join(dir, "other.pem")
	}
	return filepath.Join(dir, "good.pem")
}

// tlsConfig returns the TLS configuration of an upstream during a fault, with the certificate in dir that the fault needs.
func (w Wire) tlsConfig(dir string, fault Fault) (*tls.Config, error) {
	path := bundleIn(dir, fault)
	certificate, err := tls.LoadX509KeyPair(path, path)
	if err != nil {
		return nil, err
	}
	protocol := "http/1.1"
	if w.HTTP2 {
		protocol = "h2"
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{protocol}}, nil
}
