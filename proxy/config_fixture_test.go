package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// minimalConfig is the shortest configuration that is valid: the tests of the rules are edits of it.
const minimalConfig = `[rate_limit]
requests_per_second = 100
burst = 200
[body]
limit_bytes = 104857600
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 8080
https_port = 8443
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "a.example"
upstream = "127.0.0.1:3000"
`

// secondListener is a listener to append to minimalConfig that is in nobody's way.
const secondListener = `[[listeners]]
bind_addr = "127.0.0.2"
http_port = 8080
https_port = 8443
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "b.example"
upstream = "127.0.0.1:3001"
`

// The edits that put minimalConfig's listener into another mode. DIR stands for the test's directory.
const (
	acmeTLS = `mode = "acme"
acme_domains = ["a.example"]
acme_cache_dir = "DIR/cache"
acme_contact = "mailto:admin@example.com"`
	manualTLS = `mode = "manual"
cert_path = "DIR/a.pem"
key_path = "DIR/a.key"`
)

// configNow is the time that the tests' certificates are judged by.
var configNow = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// configEnvironment is an environment of known time and descriptor limit.
func configEnvironment() environment {
	return environment{
		now:             func() time.Time { return configNow },
		descriptorLimit: func() uint64 { return 4096 },
	}
}

// parseText validates text as a configuration file in dir.
func parseText(dir, text string) (*Config, error) {
	return configFromBytes(filepath.Join(dir, "config.toml"), []byte(strings.ReplaceAll(text, "DIR", dir)), false,
		configEnvironment())
}

// edited replaces in text the first of each pair by the second, which fails the test where there is nothing to replace.
func edited(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration does not contain %q:\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// configErrorLines are the lines of a ConfigErrors, with the test's directory written as DIR; none for nil.
func configErrorLines(t *testing.T, dir string, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[ConfigErrors](err)
	if !ok {
		t.Fatalf("the error is a %T (%v), want ConfigErrors", err, err)
	}
	lines := errs.Lines()
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], dir, "DIR")
	}
	return lines
}

// certificateDir is a directory with the pairs a and b, an expired one, and files that are no certificates.
func certificateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeConfigPair(t, dir, "a", configNow.Add(24*time.Hour))
	writeConfigPair(t, dir, "b", configNow.Add(24*time.Hour))
	writeConfigPair(t, dir, "expired", configNow.Add(-time.Hour))
	writeConfigFile(t, dir, "text.pem", "no certificate in here\n")
	writeConfigFile(t, dir, "damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	writeConfigFile(t, dir, "encrypted.key",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	writeConfigFile(t, dir, "damaged.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	return dir
}

// writeConfigPair writes name.pem and name.key, for the host name.example.
func writeConfigPair(t *testing.T, dir, name string, notAfter time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name + ".example"},
		DNSNames:     []string{name + ".example"},
		NotBefore:    notAfter.Add(-48 * time.Hour),
		NotAfter:     notAfter,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeConfigFile(t, dir, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	writeConfigFile(t, dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// writeConfigFile writes a file and returns its path.
func writeConfigFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
