package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
)

// TestTheConfigurationSaysWhatIsTrueOfIt reads the copies with other ports than the usual ones, and with a Pebble: their comments
// must be true of them too.
func TestTheConfigurationSaysWhatIsTrueOfIt(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	dir := t.TempDir()
	path, err := writeConfig(dir, ports{https: 18443, http: 18080, health: 19900, upstream: 13000}, "127.0.0.1:13000")
	if err != nil {
		t.Fatal(err)
	}
	wantConfig(t, path, []string{"https_port = 18443", "http_port = 18080", "health_check_port = 19900", `upstream = "127.0.0.1:13000"`, `mode = "self_signed"`},
		[]string{" 8443", ":8443", ":8080", ":9900", "3000.", "quickstart/admin.sock"})

	root, err := cert.MakeSelfSigned([]string{"localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "minica.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := useACME(path, dir, &acmetest.Pebble{DirectoryURL: "https://127.0.0.1:14000/dir", CAFile: ca}); err != nil {
		t.Fatal(err)
	}
	wantConfig(t, path, []string{`host = "www.example.test"`, `mode = "acme"`, `acme_directory = "https://127.0.0.1:14000/dir"`, "a Pebble on this machine"},
		[]string{"localhost", "self_signed", "in memory", "curl -k"})
}

// wantConfig loads a configuration, and compares its text, comments included, with what it must and must not contain.
func wantConfig(t *testing.T, path string, wanted, unwanted []string) {
	t.Helper()
	if _, err := config.Load(path, false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range wanted {
		if !strings.Contains(string(text), want) {
			t.Errorf("got no %q, want it in:\n%s", want, text)
		}
	}
	for _, not := range unwanted {
		if strings.Contains(string(text), not) {
			t.Errorf("got %q, which is not true of:\n%s", not, text)
		}
	}
}
