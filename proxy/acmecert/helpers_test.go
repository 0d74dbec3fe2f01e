package acmecert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/waittest"
)

// acmeTestConfig returns the TLS table of a listener with a new cache directory.
func acmeTestConfig(t *testing.T, directory, caFile string, domains ...string) config.TLS {
	t.Helper()
	return config.TLS{Mode: config.TLSModeACME, ACMEDomains: domains, ACMECacheDir: cacheDir(t),
		ACMEContact: "mailto:ops@example.test", ACMEDirectory: directory, ACMECAPath: caFile}
}

// testDisk returns the disk of a cache directory without a log.
func testDisk(dir string) *disk { return newDisk(dir, "", nil) }

// newTestLog makes a logger that writes to log.
func newTestLog(t *testing.T, log *waittest.Buffer) *eventlog.Logger {
	t.Helper()
	logger, err := eventlog.New(eventlog.Options{Level: eventlog.LevelDebug, Format: eventlog.FormatText}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logger.Close() })
	return logger
}

// cacheDir returns the name of a cache directory that is removed after the test. A write that was abandoned at the
// end of the test may still be going on, and would make the removal of a t.TempDir fail.
func cacheDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "acme")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		waittest.For(t, "the last write to the cache", func() bool { return os.RemoveAll(dir) == nil })
	})
	return filepath.Join(dir, "acme")
}

// newTestACMESource makes the source of `listeners[0]`, which logs to log.
func newTestACMESource(t *testing.T, cfg config.TLS, httpChallenges bool, log *waittest.Buffer) *Source {
	t.Helper()
	s, err := New("listeners[0]", "127.0.0.1:443", cfg, httpChallenges, newTestLog(t, log))
	if err != nil {
		t.Fatal(err)
	}
	s.manager.lookEvery = 0 // a test of what other processes do looks by itself
	return s
}

// makeACMETestCert makes a self-signed certificate for a name.
func makeACMETestCert(t *testing.T, name string, notBefore, notAfter time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// cacheACMETestCert writes a certificate to a cache directory.
func cacheACMETestCert(t *testing.T, dir, name string, cert *tls.Certificate) {
	t.Helper()
	data, err := encodeCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantACMEError fails the test unless err contains every text.
func wantACMEError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got error %q, want %q in it", err, text)
		}
	}
}

// waitForACMELog polls the log until it contains every text.
func waitForACMELog(t *testing.T, l *waittest.Buffer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		waittest.For(t, fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(l.String(), text) })
	}
}
