package acmecert

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/waittest"
)

func TestAWildcardServesTheNamesThatItCovers(t *testing.T) {
	cfg := acmeTestConfig(t, "https://127.0.0.1:1/dir", "", "*.apps.example.test", "git.apps.example.test", "www.example.test")
	s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	domains := map[string]*domain{}
	for _, d := range s.names.Load().list {
		domains[d.name] = d
	}
	now := time.Now()
	wildcard := makeACMETestCert(t, "*.apps.example.test", now, now.Add(time.Hour))
	s.manager.install(domains["*.apps.example.test"], wildcard)
	serves := func(name string, want *tls.Certificate) {
		t.Helper()
		if got := s.Certificate(&tls.ClientHelloInfo{ServerName: name}); got != want {
			t.Errorf("%s: got the certificate %v, want %v", name, got, want)
		}
	}
	serves("a.apps.example.test", wildcard)
	serves("A.Apps.Example.TEST", wildcard)
	serves("apps.example.test", nil)
	serves("a.b.apps.example.test", nil)
	serves("*.apps.example.test", wildcard)
	serves("www.example.test", nil)
	serves("test", nil)
	serves("git.apps.example.test", wildcard) // until it has one of its own
	own := makeACMETestCert(t, "git.apps.example.test", now, now.Add(time.Hour))
	s.manager.install(domains["git.apps.example.test"], own)
	serves("git.apps.example.test", own)
}

func TestTheCertificateOfAWildcardIsCached(t *testing.T) {
	cfg := acmeTestConfig(t, "https://127.0.0.1:1/dir", "", "*.apps.example.test")
	s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	d := s.names.Load().list[0]
	now := time.Now()
	certificate := makeACMETestCert(t, d.name, now, now.Add(time.Hour))
	if err := s.manager.save(t.Context(), d, certificate); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.ACMECacheDir, "_wildcard.apps.example.test")); err != nil {
		t.Error(err)
	}
	if loaded, note, err := loadCertificate(t.Context(), s.manager.cache, d.name, now); err != nil || note != "" || loaded == nil {
		t.Errorf("got %v, %q, %v; want the certificate", loaded, note, err)
	}
}

func TestTheResponderKnowsTheNames(t *testing.T) {
	records := acmedns.NewRecords("")
	missing := func(name string) bool {
		return records.Missing(&acmedns.Trace{Name: "_acme-challenge." + name + ".", Target: "_acme-challenge." + name + ".", Zone: "_acme-challenge." + name + "."}) != nil
	}
	cfg := acmeTestConfig(t, "https://127.0.0.1:1/dir", "", "*.a.example.test")
	cfg.ACMEDNS = config.DNS01{Method: config.DNSResponder, Bind: "127.0.0.1:53"}
	all := NewManagers(newTestLog(t, &waittest.Buffer{}), Responders{"127.0.0.1:53": records})
	s, err := all.Source("listeners[0]", "127.0.0.1:443", cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	if missing("a.example.test") || !missing("b.example.test") {
		t.Error("the responder knows other names than those of the start")
	}
	next, err := s.Prepare([]string{"*.b.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	if missing("a.example.test") || missing("b.example.test") {
		t.Error("the responder does not know the names of before and after a reload")
	}
	next.Commit()
	if !missing("a.example.test") || missing("b.example.test") {
		t.Error("the responder knows other names than those after a reload")
	}
}

// TestASecretThatWasReplacedIsReadAgain replaces the file by a rename, as programs that manage secrets do.
func TestASecretThatWasReplacedIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	secret := fromFile(path, acmedns.ParseSecret)
	for _, text := range []string{"b25l", "dHdv"} {
		if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		if got, err := secret(t.Context()); err != nil || got != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := secret(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v for a file that is gone, want its path", err)
	}
}

func TestSecretsOfDNS01AreReadAtTheStart(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		dns  config.DNS01
		want string
	}{
		"a key is read":                           {config.DNS01{Method: config.DNSUpdate, KeyFile: file("c2VjcmV0\n")}, ""},
		"a file without a key is refused":         {config.DNS01{Method: config.DNSUpdate, KeyFile: file("!")}, "listeners[0].tls.acme_dns_key_file: /"},
		"a missing file is refused":               {config.DNS01{Method: config.DNSUpdate, KeyFile: "/nonexistent/key"}, "listeners[0].tls.acme_dns_key_file: open /nonexistent/key"},
		"a webhook needs no field":                {config.DNS01{Method: config.DNSWebhook}, ""},
		"a field is read":                         {config.DNS01{Method: config.DNSWebhook, HeaderFile: file("X-Key: secret")}, ""},
		"a malformed field is refused":            {config.DNS01{Method: config.DNSWebhook, HeaderFile: file("secret")}, "listeners[0].tls.acme_dns_header_file: /"},
		"a responder that cannot bind is refused": {config.DNS01{Method: config.DNSResponder, Bind: "127.0.0.1:53"}, "listeners[0].tls.acme_dns_bind: 127.0.0.1:53: nothing answers there"},
		"no DNS-01 needs no secret":               {config.DNS01{}, ""},
	} {
		_, _, err := newSolver("listeners[0].tls", tc.dns, nil)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "c2V")) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}
