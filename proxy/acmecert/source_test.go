package acmecert

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/waittest"
	"reverse-proxy/proxy/wording"
)

const acmeTestName = "www.example.test"

// closedACMEDirectory returns a directory URL at which nothing listens.
func closedACMEDirectory(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String() + "/dir"
}

// startFakeCA starts a CA that refuses, and returns it with the file of its root.
func startFakeCA(t *testing.T) (*acmetest.FakeCA, string) {
	t.Helper()
	ca := acmetest.StartFakeCA()
	t.Cleanup(ca.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := ca.WriteCAFile(file); err != nil {
		t.Fatal(err)
	}
	return ca, file
}

func TestNewACMESourceRefusesWhatItCannotUse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name        string
		cache, root string
		want        []string
	}{
		{"a file is in place of the cache directory", file, "", []string{"listeners[2].tls.acme_cache_dir: ", "not a directory"}},
		{"a file is above the cache directory", file + "/acme", "", []string{"listeners[2].tls.acme_cache_dir: "}},
		{"no file is at acme_ca_path", dir + "/a", dir + "/none", []string{"listeners[2].tls.acme_ca_path: ", "no such file"}},
		{"a directory is at acme_ca_path", dir + "/a", dir, []string{"listeners[2].tls.acme_ca_path: "}},
		{"no PEM is at acme_ca_path", dir + "/a", file, []string{"listeners[2].tls.acme_ca_path: ", "holds no certificate"}},
		{"an endless file is at acme_ca_path", dir + "/a", "/dev/zero", []string{"acme_ca_path: ", "a device"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := config.TLS{ACMEDomains: []string{acmeTestName}, ACMECacheDir: tc.cache, ACMECAPath: tc.root}
			_, err := New("listeners[2]", "127.0.0.1:443", cfg, true, nil)
			wantACMEError(t, err, tc.want...)
		})
	}
	t.Run("a cache directory that others could read is closed to them", func(t *testing.T) {
		open := filepath.Join(dir, "open")
		if err := os.Mkdir(open, 0o755); err != nil {
			t.Fatal(err)
		}
		cfg := acmeTestConfig(t, "https://127.0.0.1:1/dir", "", acmeTestName)
		cfg.ACMECacheDir = open
		newTestACMESource(t, cfg, true, &waittest.Buffer{})
		info, err := os.Stat(open)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o700 {
			t.Errorf("got mode %o, want 700", got)
		}
		if entries, _ := os.ReadDir(open); len(entries) != 0 {
			t.Errorf("got %v left in the directory, want nothing", entries)
		}
	})
}

func TestACMECertificateIsPickedByTheExactName(t *testing.T) {
	now := time.Now()
	cfg := acmeTestConfig(t, "https://127.0.0.1:1/dir", "", acmeTestName, "api.example.test")
	for _, name := range cfg.ACMEDomains {
		cacheACMETestCert(t, cfg.ACMECacheDir, name, makeACMETestCert(t, name, now.Add(-time.Hour), now.Add(time.Hour)))
	}
	two := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	cfg.ACMEDomains = cfg.ACMEDomains[:1]
	one := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	for _, s := range []*Source{one, two} {
		if err := s.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		source *Source
		sni    string
		want   string
	}{
		{"a configured name gets its certificate", two, "api.example.test", "api.example.test"},
		{"upper case and a final dot make no difference", two, "API.Example.TEST.", "api.example.test"},
		{"a name that is not configured gets none", two, "other.example.test", ""},
		{"a name below a configured one gets none", two, "a.www.example.test", ""},
		{"no name gets none where there are two", two, "", ""},
		{"no name gets the only one", one, "", acmeTestName},
		{"another name does not get the only one", one, "api.example.test", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if cert := tc.source.Certificate(&tls.ClientHelloInfo{ServerName: tc.sni}); cert != nil {
				got = cert.Leaf.DNSNames[0]
			}
			if got != tc.want {
				t.Errorf("got certificate %q, want %q", got, tc.want)
			}
		})
	}
	infos := two.Certificates()
	if len(infos) != 2 || infos[1].Names[0] != "api.example.test" || infos[1].Source != config.TLSModeACME ||
		infos[1].Listener != "127.0.0.1:443" || time.Until(infos[1].NotAfter) > time.Hour {
		t.Errorf("got %+v, want both certificates described", infos)
	}
}

func TestACMEChallengesAreAnsweredOnlyDuringAnAttempt(t *testing.T) {
	s := newTestACMESource(t, acmeTestConfig(t, "https://127.0.0.1:1/dir", "", acmeTestName), true, &waittest.Buffer{})
	const path = "/.well-known/acme-challenge/tok-en_1"
	hello := func(name string) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{"acme-tls/1"}}
	}
	if cert, err := s.ChallengeCertificate(hello(acmeTestName)); cert != nil || err != nil {
		t.Errorf("without an attempt: got %v, %v, want neither", cert, err)
	}
	if _, ok := s.HTTPChallenge(acmeTestName, path); ok {
		t.Error("without an attempt: got an HTTP-01 answer, want none")
	}
	d := s.names.Load().list[0]
	a := &attempt{domain: d}
	d.attempt.Store(a)
	withdraw, err := a.present(t.Context(), s.manager, acme.Challenge{Type: acme.ChallengeTypeHTTP01, Token: "tok-en_1", KeyAuthorization: "tok-en_1.thumbprint"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, host, path string
		want             string
	}{
		{"the token of the name is answered", acmeTestName, path, "tok-en_1.thumbprint"},
		{"a port and upper case in Host make no difference", "WWW.example.test:5002", path, "tok-en_1.thumbprint"},
		{"another token is not answered", acmeTestName, path + "x", ""},
		{"an empty token is not answered", acmeTestName, "/.well-known/acme-challenge/", ""},
		{"another path is not answered", acmeTestName, "/tok-en_1", ""},
		{"the account key is not answered by its file name", acmeTestName, "/.well-known/acme-challenge/../acme_account", ""},
		{"a name that is not configured is not answered", "other.example.test", path, ""},
		{"a request without a Host is not answered", "", path, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := s.HTTPChallenge(tc.host, tc.path)
			if string(got) != tc.want && ok || ok != (tc.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, tc.want)
			}
		})
	}
	withdraw()
	if _, ok := s.HTTPChallenge(acmeTestName, path); ok {
		t.Error("after the validation: got an HTTP-01 answer, want none")
	}
	if cert, err := s.ChallengeCertificate(hello(acmeTestName)); cert != nil || err != nil {
		t.Errorf("TLS-ALPN-01 before the CA chose it: got %v, %v, want neither", cert, err)
	}
	withdraw, err = a.present(t.Context(), s.manager, acme.Challenge{Type: acme.ChallengeTypeTLSALPN01, Token: "t", KeyAuthorization: "t.thumbprint",
		Identifier: acme.Identifier{Type: "dns", Value: acmeTestName}})
	if err != nil {
		t.Fatal(err)
	}
	if cert, err := s.ChallengeCertificate(hello("WWW.Example.Test")); cert == nil || err != nil {
		t.Errorf("TLS-ALPN-01: got %v, %v, want an answer", cert, err)
	}
	if cert, err := s.ChallengeCertificate(hello("other.example.test")); cert != nil || err != nil {
		t.Errorf("TLS-ALPN-01 of another name: got %v, %v, want neither", cert, err)
	}
	withdraw()
	if cert, err := s.ChallengeCertificate(hello(acmeTestName)); cert != nil || err != nil {
		t.Errorf("TLS-ALPN-01 after the validation: got %v, %v, want neither", cert, err)
	}
}

func TestACMEProvisionByTheStateOfTheCache(t *testing.T) {
	now := time.Now()
	valid := makeACMETestCert(t, acmeTestName, now.Add(-time.Hour), now.Add(time.Hour))
	expired := makeACMETestCert(t, acmeTestName, now.Add(-2*time.Hour), now.Add(-time.Hour))
	foreign := makeACMETestCert(t, "api.example.test", now.Add(-time.Hour), now.Add(time.Hour))
	early := makeACMETestCert(t, acmeTestName, now.Add(time.Hour), now.Add(2*time.Hour))
	for _, tc := range []struct {
		name   string
		cached *tls.Certificate
		want   string // in the error, "" for success
		log    string
	}{
		{"nothing cached and no CA is a failure", nil, "connection refused", ""},
		{"a valid certificate needs no CA", valid, "", "source=cache"},
		{"an expired certificate and no CA is a failure", expired, "connection refused", "expired at"},
		{"a certificate for another name is not taken", foreign, "connection refused", "for another name"},
		{"a certificate of tomorrow is taken, as only this clock can be wrong", early, "", "clock seems to be behind"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := acmeTestConfig(t, closedACMEDirectory(t), "", acmeTestName)
			if tc.cached != nil {
				cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, tc.cached)
			}
			var log waittest.Buffer
			s := newTestACMESource(t, cfg, true, &log)
			err := s.Provision(t.Context(), nil)
			if tc.want == "" && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			if tc.want != "" {
				wantACMEError(t, err, "listeners[0].tls.acme_domains: "+acmeTestName, cfg.ACMEDirectory, tc.want)
			}
			waitForACMELog(t, &log, tc.log)
			if _, err := os.Stat(filepath.Join(cfg.ACMECacheDir, refusalsFile)); err == nil {
				t.Error("got a remembered refusal, want none: nobody refused")
			}
		})
	}
	t.Run("a cut-off file is ordered anew", func(t *testing.T) {
		cfg := acmeTestConfig(t, closedACMEDirectory(t), "", acmeTestName)
		cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, valid)
		if err := os.Truncate(filepath.Join(cfg.ACMECacheDir, acmeTestName), 300); err != nil {
			t.Fatal(err)
		}
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), "connection refused")
	})
	t.Run("a directory in the file's place is told and nothing ordered", func(t *testing.T) {
		ca, root := startFakeCA(t)
		cfg := acmeTestConfig(t, ca.DirectoryURL, root, acmeTestName)
		if err := os.MkdirAll(filepath.Join(cfg.ACMECacheDir, acmeTestName), 0o700); err != nil {
			t.Fatal(err)
		}
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), "is a directory")
		if got := ca.Requests(""); got != 0 {
			t.Errorf("got %d requests to the CA, want 0", got)
		}
	})
}

func TestACMERefusalIsToldAndRemembered(t *testing.T) {
	t.Run("a refused order waits for Retry-After, over restarts, without contact", func(t *testing.T) {
		ca, root := startFakeCA(t)
		ca.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{Status: 429,
			Type: "urn:ietf:params:acme:error:rateLimited", Detail: "too many\ncertificates", RetryAfter: 2 * time.Hour})
		cfg := acmeTestConfig(t, ca.DirectoryURL, root, acmeTestName)
		s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
		start := time.Now()
		err := s.Provision(t.Context(), nil)
		wantACMEError(t, err, acmeTestName, ca.DirectoryURL, "rateLimited: too many certificates", "next try", refusalsFile)
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, want the CA's words on one line", err)
		}
		status := s.Names()[0]
		if wait := status.NextTry.Sub(start); wait < 2*time.Hour || wait > 2*time.Hour+time.Minute {
			t.Errorf("got the next try after %v, want the two hours of Retry-After", wait)
		}
		if !strings.Contains(status.LastError, "rateLimited") || status.LastAttempt.Before(start) {
			t.Errorf("got status %+v, want the refusal in it", status)
		}
		before := ca.Requests("")
		for range 3 {
			again := newTestACMESource(t, cfg, true, &waittest.Buffer{})
			wantACMEError(t, again.Provision(t.Context(), nil), "rateLimited", "not before "+wording.Time(status.NextTry))
		}
		if got := ca.Requests(""); got != before {
			t.Errorf("got %d requests during the wait, want 0", got-before)
		}
		if err := os.Remove(filepath.Join(cfg.ACMECacheDir, refusalsFile)); err != nil {
			t.Fatal(err)
		}
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), "rateLimited")
		if ca.Requests("") == before {
			t.Error("got no request after the file was removed, want a new try")
		}
	})
	t.Run("a CA's refusal does not hold for another CA", func(t *testing.T) {
		first, root1 := startFakeCA(t)
		first.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{Status: 403, Type: "first"})
		cfg := acmeTestConfig(t, first.DirectoryURL, root1, acmeTestName)
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), "first")
		second, root2 := startFakeCA(t)
		second.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{Status: 403, Type: "second"})
		cfg.ACMEDirectory, cfg.ACMECAPath = second.DirectoryURL, root2
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), "second")
	})
	t.Run("a refused account is asked for once and not for every name", func(t *testing.T) {
		ca, root := startFakeCA(t)
		ca.Refuse(acmetest.FakeCANewAccount, acmetest.Refusal{Status: 403,
			Type: "urn:ietf:params:acme:error:unsupportedContact", Detail: "no such domain"})
		names := []string{acmeTestName, "a.example.test", "b.example.test"}
		cfg := acmeTestConfig(t, ca.DirectoryURL, root, names...)
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil),
			append(names, "unsupportedContact: no such domain")...)
		if got := ca.Requests(acmetest.FakeCANewAccount); got != 1 {
			t.Errorf("got %d requests for an account, want 1", got)
		}
	})
	t.Run("every name is tried when a name is refused", func(t *testing.T) {
		ca, root := startFakeCA(t)
		ca.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{Status: 400, Type: "rejectedIdentifier"})
		names := []string{acmeTestName, "a.example.test"}
		cfg := acmeTestConfig(t, ca.DirectoryURL, root, names...)
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), names...)
		if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
			t.Errorf("got %d orders, want 2", got)
		}
	})
	t.Run("a certificate of the CA that is not trusted is not a refusal", func(t *testing.T) {
		ca, _ := startFakeCA(t)
		cfg := acmeTestConfig(t, ca.DirectoryURL, "", acmeTestName)
		wantACMEError(t, newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil), "x509", "start again")
	})
	t.Run("a corrupt memory is forgotten with a warning", func(t *testing.T) {
		cfg := acmeTestConfig(t, closedACMEDirectory(t), "", acmeTestName)
		if err := os.MkdirAll(cfg.ACMECacheDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cfg.ACMECacheDir, refusalsFile), []byte(`{"refu`), 0o600); err != nil {
			t.Fatal(err)
		}
		var log waittest.Buffer
		wantACMEError(t, newTestACMESource(t, cfg, true, &log).Provision(t.Context(), nil), "connection refused")
		waitForACMELog(t, &log, "ACME_ERROR", "are forgotten")
	})
}
