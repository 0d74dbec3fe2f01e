package acmecert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/waittest"
)

// issuingCA starts a CA that issues, with a configuration for it.
func issuingCA(t *testing.T, change func(*x509.Certificate), names ...string) (*acmetest.FakeCA, config.TLS) {
	t.Helper()
	ca, root := startFakeCA(t)
	if err := ca.Issue(change); err != nil {
		t.Fatal(err)
	}
	return ca, acmeTestConfig(t, ca.DirectoryURL, root, names...)
}

// provisioned makes a source and provisions it.
func provisioned(t *testing.T, cfg config.TLS) (*Source, error) {
	t.Helper()
	s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	return s, s.Provision(t.Context(), nil)
}

func TestDirectoryNonceAndAccountAreNotRepeated(t *testing.T) {
	names := []string{"a.example.test", "b.example.test", "c.example.test", "d.example.test"}
	ca, cfg := issuingCA(t, nil, names...)
	if _, err := provisioned(t, cfg); err != nil {
		t.Fatal(err)
	}
	for path, most := range map[string]int{acmetest.FakeCADirectory: 1, acmetest.FakeCANewAccount: 1, acmetest.FakeCANewOrder: len(names)} {
		if got := ca.Requests(path); got != most {
			t.Errorf("%s: got %d requests for %d names, want %d", path, got, len(names), most)
		}
	}
	if got := ca.Requests(acmetest.FakeCANewNonce); got > maxAtOnce {
		t.Errorf("got %d requests for a nonce, want no more than names at the same time", got)
	}
	if err := os.Remove(filepath.Join(cfg.ACMECacheDir, names[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := provisioned(t, cfg); err != nil {
		t.Fatal(err)
	}
	if got := ca.Requests(acmetest.FakeCANewAccount); got != 1 {
		t.Errorf("got %d requests for the account after a restart, want 1", got)
	}
}

func TestAChangedContactIsToldToTheCA(t *testing.T) {
	ca, cfg := issuingCA(t, nil, acmeTestName)
	if _, err := provisioned(t, cfg); err != nil {
		t.Fatal(err)
	}
	for _, forget := range []bool{false, true} {
		cfg.ACMEContact = fmt.Sprintf("mailto:new-%v@example.test", forget)
		remove := []string{acmeTestName}
		if forget { // as the first version left the cache, which kept no record
			remove = append(remove, accountRecordFile)
		}
		for _, name := range remove {
			if err := os.Remove(filepath.Join(cfg.ACMECacheDir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := provisioned(t, cfg); err != nil {
			t.Fatal(err)
		}
		payloads := ca.Payloads(acmetest.FakeCAAccount)
		if len(payloads) == 0 || !strings.Contains(payloads[len(payloads)-1], cfg.ACMEContact) {
			t.Errorf("got the updates %q, want the contact %s in the last one", payloads, cfg.ACMEContact)
		}
	}
}

func TestACAThatLostTheAccountGetsItAgain(t *testing.T) {
	ca, cfg := issuingCA(t, nil, acmeTestName)
	if _, err := provisioned(t, cfg); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cfg.ACMECacheDir, acmeTestName)); err != nil {
		t.Fatal(err)
	}
	ca.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{Status: 400, Type: "urn:ietf:params:acme:error:accountDoesNotExist"})
	ca.Answer(acmetest.FakeCANewAccount, func(w http.ResponseWriter, r *http.Request) {
		ca.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{})
		w.Header().Set("Location", "https://"+r.Host+"/account/2")
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"valid"}`)
	})
	if _, err := provisioned(t, cfg); err != nil {
		t.Errorf("got %v, want the account made again, and a certificate", err)
	}
}

func TestARenewalNamesWhatItReplaces(t *testing.T) {
	ca, cfg := issuingCA(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) }, acmeTestName)
	ca.OfferRenewalInfo(true)
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	first := s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName})
	d := s.names.Load().list[0]
	if o := s.manager.runAttempt(t.Context(), d); o.err != nil {
		t.Fatal(o.err)
	}
	orders := ca.Payloads(acmetest.FakeCANewOrder)
	var order struct {
		Replaces string `json:"replaces"`
	}
	if err := json.Unmarshal([]byte(orders[len(orders)-1]), &order); err != nil || order.Replaces != replacesID(first) || order.Replaces == "" {
		t.Errorf("got the order %s, want it to replace %q", orders[len(orders)-1], replacesID(first))
	}
	if strings.Contains(orders[0], "replaces") {
		t.Errorf("got the first order %s, want nothing to replace", orders[0])
	}

	for what, refusal := range map[string]acmetest.Refusal{
		"a CA that does not like that gets an order without it": {Status: 409, Type: "urn:ietf:params:acme:error:alreadyReplaced"},
		"a CA that has lost what it names, too":                 {Status: 500, Type: "urn:ietf:params:acme:error:serverInternal"},
	} {
		t.Run(what, func(t *testing.T) {
			d.cert.Store(first)
			refused := 0
			ca.Answer(acmetest.FakeCANewOrder, func(w http.ResponseWriter, _ *http.Request) {
				if orders := ca.Payloads(acmetest.FakeCANewOrder); strings.Contains(orders[len(orders)-1], "replaces") {
					refused++
					acmetest.WriteProblem(w, refusal)
					return
				}
				ca.Answer(acmetest.FakeCANewOrder, nil) // it answers when the client tries again
				acmetest.WriteProblem(w, acmetest.Refusal{Status: 400, Type: "urn:ietf:params:acme:error:badNonce"})
			})
			if o := s.manager.runAttempt(t.Context(), d); o.err != nil {
				t.Fatal(o.err)
			}
			orders := ca.Payloads(acmetest.FakeCANewOrder)
			if strings.Contains(orders[len(orders)-1], "replaces") {
				t.Errorf("got the order %s, want it without replaces", orders[len(orders)-1])
			}
			if refused == 0 {
				t.Error("the first order replaced nothing")
			}
		})
	}
}

// TestWhatACAIssuesIsChecked covers certificates that differ from those ordered. They count against the CA's limits,
// so each is a refusal with its growing wait, and not a failure that is tried again every minute.
func TestWhatACAIssuesIsChecked(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"it is for another name", func(c *x509.Certificate) { c.DNSNames = []string{"other.example.test"} }, "for another name"},
		{"it has expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "compare the clocks"},
		{"it is of tomorrow, by a clock that is ahead of ours", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(23 * time.Hour) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ca, cfg := issuingCA(t, tc.change, acmeTestName)
			s, err := provisioned(t, cfg)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := provisioned(t, cfg); err != nil || ca.Requests(acmetest.FakeCANewOrder) != 1 {
					t.Errorf("after a restart: got %v and %d orders, want the certificate taken from the cache", err, ca.Requests(acmetest.FakeCANewOrder))
				}
				return
			}
			wantACMEError(t, err, tc.want, "the next try is not before")
			if _, ok := s.manager.refusals.get(cfg.ACMEDirectory, acmeTestName); !ok {
				t.Error("got no remembered refusal, want one: the CA counts the certificate")
			}
		})
	}
}

func TestAChainInTheWrongOrderIsPutRight(t *testing.T) {
	ca, cfg := issuingCA(t, nil, acmeTestName)
	real := make(chan []byte, 1)
	ca.Answer(acmetest.FakeCACertificate, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		chain := ca.Chain(r)
		block, rest := pem.Decode(chain)
		real <- block.Bytes
		w.Write(append(slices.Clone(rest), pem.EncodeToMemory(block)...))
	})
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	certificate := s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName})
	if leaf := <-real; !slices.Equal(certificate.Certificate[0], leaf) || len(certificate.Certificate) != 2 {
		t.Errorf("got a chain of %d certificates, want the leaf and then its issuer", len(certificate.Certificate))
	}
}

// TestAFaultyCARefusesNoName covers CAs that are out of order at one kind of request. No name remembers that as a
// refusal.
func TestAFaultyCARefusesNoName(t *testing.T) {
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	faults := map[string]http.HandlerFunc{
		"it answers with garbage":                 answer(200, "application/json", "{{{"),
		"it answers with a page of a portal":      answer(200, "text/html", "<html>log in"),
		"it answers with an error without a type": answer(404, "text/html", "<html>nothing"),
		"it answers 503":                          answer(503, "text/plain", "busy"),
		"it answers 503 with a problem":           answer(503, "application/problem+json", `{"type":"urn:ietf:params:acme:error:serverInternal","status":503}`),
		"its answer is empty":                     answer(200, "application/json", ""),
		"it answers with null":                    answer(200, "application/json", "null"),
		"its Retry-After is invalid": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "soon")
			acmetest.WriteProblem(w, acmetest.Refusal{Status: 503, Type: "urn:ietf:params:acme:error:serverInternal"})
		},
		"it finds no nonce good": answer(400, "application/problem+json", `{"type":"urn:ietf:params:acme:error:badNonce"}`),
	}
	for _, path := range []string{acmetest.FakeCADirectory, acmetest.FakeCANewNonce, acmetest.FakeCANewAccount, acmetest.FakeCANewOrder,
		acmetest.FakeCAFinalize, acmetest.FakeCACertificate} {
		for name, fault := range faults {
			if path == acmetest.FakeCANewNonce && !strings.Contains(name, "503") {
				continue // every answer there has a nonce
			}
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				ca, cfg := issuingCA(t, nil, acmeTestName)
				ca.Answer(path, fault)
				s, err := provisioned(t, cfg)
				if err == nil {
					t.Fatal("got a certificate, want an error")
				}
				if r, ok := s.manager.refusals.get(cfg.ACMEDirectory, acmeTestName); ok {
					t.Errorf("got the refusal %+v remembered, want none", r)
				}
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("got %q, want one line", err)
				}
				ca.Answer(path, nil)
				if _, err := provisioned(t, cfg); err != nil {
					t.Errorf("the next start: got %v, want a certificate", err)
				}
			})
		}
	}
}

// TestACAThatChangesItsRootIsUnreachable covers the root of the CA's own HTTPS: no name counts as refused, and
// certificates in the cache are served.
func TestACAThatChangesItsRootIsUnreachable(t *testing.T) {
	ca, cfg := issuingCA(t, nil, acmeTestName)
	if _, err := provisioned(t, cfg); err != nil {
		t.Fatal(err)
	}
	another := makeACMETestCert(t, "another-root.test", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	right := cfg.ACMECAPath
	cfg.ACMECAPath = filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(cfg.ACMECAPath, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: another.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatalf("got %v, want a start with the cached certificate", err)
	}
	o := s.manager.obtain(t.Context(), s.names.Load().list[0])
	if o.err == nil || o.refused || !strings.Contains(o.err.Error(), "certificate signed by unknown authority") {
		t.Errorf("got %+v, want that the CA cannot be reached, and why", o)
	}
	cfg.ACMECAPath, cfg.ACMEDomains = right, []string{acmeTestName, "new.example.test"}
	if _, err := provisioned(t, cfg); err != nil {
		t.Errorf("got %v with the right root, want a certificate", err)
	}
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
		t.Errorf("got %d orders, want 2", got)
	}
}

func TestNamesAreOrderedAtMostEightAtATime(t *testing.T) {
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("n%d.example.test", i))
	}
	ca, cfg := issuingCA(t, nil, names...)
	var running, most atomic.Int32
	full := make(chan struct{})
	ca.Answer(acmetest.FakeCAFinalize, func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == maxAtOnce {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		select { // while there are fewer than eight, more must come
		case <-full:
		case <-time.After(time.Minute):
		}
		ca.Serve(w, r)
	})
	if _, err := provisioned(t, cfg); err != nil {
		t.Fatal(err)
	}
	if got := most.Load(); got != maxAtOnce {
		t.Errorf("got %d orders at the same time, want %d", got, maxAtOnce)
	}
}

func TestACAThatHangsCostsOneTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 50 {
			names = append(names, fmt.Sprintf("n%d.example.test", i))
		}
		s := newTestACMESource(t, acmeTestConfig(t, "https://ca.example.test/dir", "", names...), true, &waittest.Buffer{})
		asked := 0
		s.manager.ca.base = roundTripper(func(req *http.Request) (*http.Response, error) {
			asked++ // not atomic: the names must ask one at a time
			<-req.Context().Done()
			return nil, req.Context().Err()
		})
		began := time.Now()
		err := s.Provision(t.Context(), nil)
		wantACMEError(t, err, append(names, "no answer within 30s")...)
		if took := time.Since(began); took != requestTimeout || asked != 1 {
			t.Errorf("got %d requests in %s, want one that times out for all names, in %s", asked, took, requestTimeout)
		}
	})
}

// TestAutocertStartsFromOurCache covers the way back to the first version (S-20.3).
func TestAutocertStartsFromOurCache(t *testing.T) {
	_, cfg := issuingCA(t, nil, acmeTestName)
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	manager := &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(cfg.ACMECacheDir), HostPolicy: autocert.HostWhitelist(acmeTestName)}
	got, err := manager.GetCertificate(&tls.ClientHelloInfo{ServerName: acmeTestName, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
	if err != nil {
		t.Fatalf("autocert: %v", err)
	}
	if want := s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}); !got.Leaf.Equal(want.Leaf) {
		t.Errorf("autocert took the certificate of %s, want ours", got.Leaf.NotAfter)
	}
}

func TestAWrongClockIsSaid(t *testing.T) {
	for _, skew := range []time.Duration{-366 * day, -25 * time.Hour, 2 * time.Hour, 366 * day} {
		for _, refuse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, refused %v", skew, refuse), func(t *testing.T) {
				ca, cfg := issuingCA(t, nil, acmeTestName)
				ca.Answer(acmetest.FakeCAFinalize, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
					if refuse {
						acmetest.WriteProblem(w, acmetest.Refusal{Status: 403, Type: "urn:ietf:params:acme:error:caa"})
						return
					}
					ca.Serve(w, r)
				})
				ca.Answer(acmetest.FakeCACertificate, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
					ca.Serve(w, r)
				})
				var log waittest.Buffer
				s := newTestACMESource(t, cfg, true, &log)
				err := s.Provision(t.Context(), nil)
				if refuse {
					wantACMEError(t, err, "this machine's clock is")
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				waitForACMELog(t, &log, "this machine's clock is")
			})
		}
	}
}

// TestAWrongClockIsSaidBetweenTheOrders covers a clock that goes wrong while no certificate is due. By a clock that is
// behind, none becomes due before it expires.
func TestAWrongClockIsSaidBetweenTheOrders(t *testing.T) {
	for _, ari := range []bool{false, true} {
		for _, skew := range []time.Duration{-32 * day, 32 * day} {
			t.Run(fmt.Sprintf("%v, renewal information %v", skew, ari), func(t *testing.T) {
				ca, cfg := issuingCA(t, nil, acmeTestName)
				ca.OfferRenewalInfo(ari)
				if _, err := provisioned(t, cfg); err != nil {
					t.Fatal(err)
				}
				for _, path := range []string{acmetest.FakeCADirectory, acmetest.FakeCARenewalInfo} {
					ca.Answer(path, func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
						ca.Serve(w, r)
					})
				}
				var log waittest.Buffer
				s := newTestACMESource(t, cfg, true, &log)
				if err := s.Provision(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				s.manager.checkDue(t.Context())
				waitForACMELog(t, &log, "WARN ACME_ERROR", "this machine's clock is")
			})
		}
	}
}
