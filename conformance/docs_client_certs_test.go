package conformance_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestThePrivateCAForClients runs the commands of docs/access.md, and verifies the certificate as the proxy does.
func TestThePrivateCAForClients(t *testing.T) {
	needPrograms(t, "bash", "openssl")
	dir := t.TempDir()
	for _, script := range blocks(t, "access.md", "sh") {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("got %v: %s", err, out)
		}
	}
	read := func(name string) *x509.Certificate {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			t.Fatalf("%s holds no PEM", name)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	roots := x509.NewCertPool()
	roots.AddCert(read("clients-ca.pem"))
	leaf := read("ann.pem")
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("got %v, want a certificate that the proxy accepts", err)
	}
	if leaf.Subject.String() != "CN=ann" {
		t.Errorf("got the subject %s, want CN=ann", leaf.Subject)
	}
	if info, err := os.Stat(filepath.Join(dir, "ann.p12")); err != nil || info.Size() == 0 {
		t.Errorf("got %v, want a file for browsers", err)
	}
}
