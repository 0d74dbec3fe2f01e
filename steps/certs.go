package steps

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority is the CA that issues the suite's certificates. The suite's clients trust it, and so do the daemons that it
// starts, as their system's only root.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
	pool *x509.CertPool
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "acceptance suite CA"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	a.pool.AddCert(cert)
	return a, nil
}

// certificate is a certificate that a scenario asks for. Zero values give an ECDSA certificate that is valid now.
type certificate struct {
	names    []string // DNS names and IP addresses
	notAfter time.Time
	rsa      bool
}

// issue makes a certificate and its key, both in PEM.
func (a *authority) issue(want certificate) (certPEM, keyPEM []byte, err error) {
	var key crypto.Signer
	if want.rsa {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: want.names[0]},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: want.notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if want.notAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	for _, name := range want.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// pair issues a certificate for one of the suite's own servers.
func (a *authority) pair(names ...string) (tls.Certificate, error) {
	certPEM, keyPEM, err := a.issue(certificate{names: names})
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// certPath and keyPath are the files of the certificate that a scenario calls by that name.
func (w *World) certPath(name string) string { return filepath.Join(w.dir, "certs", name+".pem") }
func (w *World) keyPath(name string) string  { return filepath.Join(w.dir, "certs", name+".key") }

// writeCertificate writes a new certificate to the scenario's directory, and replaces an existing one.
func (w *World) writeCertificate(name string, want certificate) error {
	return w.writeCertificateOf(w.suite.ca, name, want)
}

// writeCertificateOf is writeCertificate with a certificate from the given CA.
func (w *World) writeCertificateOf(ca *authority, name string, want certificate) error {
	certPEM, keyPEM, err := ca.issue(want)
	if err != nil {
		return fmt.Errorf("cannot make the certificate %q: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Join(w.dir, "certs"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(w.certPath(name), certPEM, 0o600); err != nil {
		return err
	}
	return os.WriteFile(w.keyPath(name), keyPEM, 0o600)
}
