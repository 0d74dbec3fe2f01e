package acmecert

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/conformance/redistest"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/waittest"
)

// unfinishedFile returns the file of a name's unfinished order.
func unfinishedFile(cfg config.TLS) string {
	return filepath.Join(cfg.ACMECacheDir, unfinishedPrefix+acmeTestName)
}

// endAt ends ctx at the first request for a path, before or after the CA has done what it asks for. The answer does not
// arrive. For the daemon that is like being killed, because it can write nothing any more.
func endAt(ca *acmetest.FakeCA, path string, done bool, end context.CancelFunc) {
	ca.Answer(path, func(_ http.ResponseWriter, r *http.Request) {
		ca.Answer(path, nil)
		if done {
			ca.Serve(httptest.NewRecorder(), r)
		}
		end()
		<-r.Context().Done()
	})
}

// killMoments are moments at which an order is ready, or its certificate issued but not stored.
var killMoments = []struct {
	name, path string
	done       bool
	// finalizations is how often the CA is asked to finalize in all.
	finalizations int
}{
	{"before the order is finalized", acmetest.FakeCAFinalize, false, 2},
	{"before it hears that the certificate was issued", acmetest.FakeCAFinalize, true, 1},
	{"before it has the certificate", acmetest.FakeCACertificate, true, 1},
}

func TestAnOrderOutlivesItsProcess(t *testing.T) {
	for _, moment := range killMoments {
		t.Run(moment.name, func(t *testing.T) {
			ca, cfg := datedCA(t, acmeTestName)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			endAt(ca, moment.path, moment.done, cancel)
			s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
			if err := s.Provision(ctx, nil); err == nil {
				t.Fatal("got a certificate, want none")
			}
			if info, err := os.Stat(unfinishedFile(cfg)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("got %v, %v, want the unfinished order in a file of mode 0600", info, err)
			}
			if _, err := provisioned(t, cfg); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]int{acmetest.FakeCANewOrder: 1, acmetest.FakeCAFinalize: moment.finalizations} {
				if got := ca.Requests(path); got != want {
					t.Errorf("%s: got %d requests, want %d", path, got, want)
				}
			}
			if _, err := os.Stat(unfinishedFile(cfg)); !os.IsNotExist(err) {
				t.Errorf("got %v, want the unfinished order removed", err)
			}
		})
	}
}

// TestAnotherMachineFinishesAnOrder leaves the first machine's cache to the first machine.
func TestAnotherMachineFinishesAnOrder(t *testing.T) {
	for _, moment := range killMoments {
		t.Run(moment.name, func(t *testing.T) {
			server := redistest.ForTest(t, redistest.Options{})
			ca, cfg := datedCA(t, acmeTestName)
			a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			endAt(ca, moment.path, moment.done, cancel)
			if o := a.manager.try(ctx, a.first()); o.err == nil {
				t.Fatal("got a certificate, want none")
			}
			keys, err := server.Keys("reverse-proxy:value:order/*")
			if err != nil || len(keys) != 1 {
				t.Fatalf("got the keys %v, %v, want the unfinished order", keys, err)
			}
			value, err := server.Do("GET", keys[0])
			if text := fmt.Sprintf("%s", value); err != nil || strings.Contains(text, "key") || strings.Contains(text, acmeTestName) {
				t.Errorf("got %q, %v, want it encrypted", value, err)
			}
			if left, err := server.Do("PTTL", keys[0]); err != nil || left.(int64) <= 0 || left.(int64) > unfinishedLife.Milliseconds() {
				t.Errorf("got it kept for %v ms, %v, want at most %s", left, err, unfinishedLife)
			}
			if o := b.manager.try(t.Context(), b.first()); o.err != nil || o.origin != ordered {
				t.Fatalf("got %+v on the other machine, want a certificate", o)
			}
			sameCertificate(t, acmeTestName, nil, b)
			if got := ca.Requests(acmetest.FakeCANewOrder); got != 1 {
				t.Errorf("got %d orders, want 1", got)
			}
			if keys, err := server.Keys("reverse-proxy:value:order/*"); err != nil || len(keys) != 0 {
				t.Errorf("got the keys %v, %v, want none", keys, err)
			}
			if o := a.manager.try(t.Context(), a.first()); o.err != nil {
				t.Fatal(o.err)
			}
			sameCertificate(t, acmeTestName, nil, a, b)
			// What is left in the cache of the first machine is the certificate that is in use.
			if o := a.renew(t); o.err != nil || o.origin != ordered {
				t.Fatalf("got %+v, want a renewal", o)
			}
			if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
				t.Errorf("got %d orders after a renewal, want 2", got)
			}
		})
	}
}

// leftOrder makes an order, which ends before the daemon has the certificate, and returns what is remembered about it.
func leftOrder(t *testing.T, ca *acmetest.FakeCA, cfg config.TLS) (u unfinished) {
	t.Helper()
	return leaveOrder(t, ca, newTestACMESource(t, cfg, true, &waittest.Buffer{}))
}

// leaveOrder is leftOrder for a source.
func leaveOrder(t *testing.T, ca *acmetest.FakeCA, s *Source) (u unfinished) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	endAt(ca, acmetest.FakeCACertificate, true, cancel)
	if err := s.Provision(ctx, nil); err == nil {
		t.Fatal("got a certificate, want none")
	}
	data, err := os.ReadFile(unfinishedFile(s.cfg))
	if err == nil {
		err = json.Unmarshal(data, &u)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// writeUnfinished writes what is remembered about an order.
func writeUnfinished(t *testing.T, cfg config.TLS, u unfinished) {
	t.Helper()
	data, err := json.Marshal(u)
	if err == nil {
		err = os.WriteFile(unfinishedFile(cfg), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnUnfinishedOrderThatDoesNotFitIsNotUsed(t *testing.T) {
	changed := func(change func(*unfinished)) func(t *testing.T, ca *acmetest.FakeCA, cfg config.TLS, u unfinished) {
		return func(t *testing.T, _ *acmetest.FakeCA, cfg config.TLS, u unfinished) {
			change(&u)
			writeUnfinished(t, cfg, u)
		}
	}
	order := func(status int, contentType, body string) func(t *testing.T, ca *acmetest.FakeCA, cfg config.TLS, u unfinished) {
		return func(_ *testing.T, ca *acmetest.FakeCA, _ config.TLS, _ unfinished) {
			ca.Answer(acmetest.FakeCAOrder, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				io.WriteString(w, body)
			})
		}
	}
	for what, spoil := range map[string]func(t *testing.T, ca *acmetest.FakeCA, cfg config.TLS, u unfinished){
		"of another CA":      changed(func(u *unfinished) { u.Directory += "x" }),
		"of another profile": changed(func(u *unfinished) { u.Profile = "shortlived" }),
		"of another account": changed(func(u *unfinished) { u.Account += "x" }),
		"of another name":    changed(func(u *unfinished) { u.Domain = "other.example.test" }),
		"of yesterday":       changed(func(u *unfinished) { u.Made = u.Made.Add(-unfinishedLife) }),
		"of tomorrow":        changed(func(u *unfinished) { u.Made = u.Made.Add(unfinishedLife + time.Hour) }),
		"without a URL":      changed(func(u *unfinished) { u.Order = "" }),
		"with half a key":    changed(func(u *unfinished) { u.Key = u.Key[:len(u.Key)/2] }),
		"with the key of another certificate": changed(func(u *unfinished) {
			other := makeACMETestCert(t, acmeTestName, time.Now(), time.Now().Add(day))
			u.Key, _ = encodeCertificate(other)
		}),
		"that is garbage": func(t *testing.T, _ *acmetest.FakeCA, cfg config.TLS, _ unfinished) {
			if err := os.WriteFile(unfinishedFile(cfg), []byte("{{{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"that is a directory": func(t *testing.T, _ *acmetest.FakeCA, cfg config.TLS, _ unfinished) {
			if err := os.Remove(unfinishedFile(cfg)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(unfinishedFile(cfg), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"that the CA does not know":    order(404, "application/problem+json", `{"type":"urn:ietf:params:acme:error:malformed","detail":"no such order"}`),
		"of an account that was lost":  order(401, "application/problem+json", `{"type":"urn:ietf:params:acme:error:accountDoesNotExist"}`),
		"that the CA answers a page":   order(200, "text/html", "<html>"),
		"that the CA answers 404":      order(404, "text/html", "<html>"),
		"that the CA answers null":     order(200, "application/json", "null"),
		"that has become invalid":      order(200, "application/json", `{"status":"invalid"}`),
		"that is pending":              order(200, "application/json", `{"status":"pending"}`),
		"that has no certificate":      order(200, "application/json", `{"status":"valid"}`),
		"that cannot be finalized":     order(200, "application/json", `{"status":"ready"}`),
		"whose status has a long name": order(200, "application/json", `{"status":"`+strings.Repeat("x", 5000)+`"}`),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ca, cfg := datedCA(t, acmeTestName)
			spoil(t, ca, cfg, leftOrder(t, ca, cfg))
			if _, err := provisioned(t, cfg); err != nil {
				t.Fatal(err)
			}
			if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
				t.Errorf("got %d orders, want a second one", got)
			}
			if _, err := os.Stat(unfinishedFile(cfg)); !os.IsNotExist(err) {
				t.Errorf("got %v, want the unfinished order removed", err)
			}
		})
	}
}

// TestAnUnfinishedOrderYieldsNoOldCertificate covers the order of the certificate in use, which a process has left that
// was killed after it had stored the certificate.
func TestAnUnfinishedOrderYieldsNoOldCertificate(t *testing.T) {
	ca, cfg := datedCA(t, acmeTestName)
	u := leftOrder(t, ca, cfg)
	s, err := provisioned(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	writeUnfinished(t, cfg, u)
	d := s.names.Load().list[0]
	first := d.certificate()
	o := s.manager.runAttempt(t.Context(), d)
	if o.err != nil || o.certificate.Leaf.Equal(first.Leaf) {
		t.Fatalf("got %+v, want another certificate", o)
	}
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
		t.Errorf("got %d orders, want 2", got)
	}
}

func TestAnUnfinishedOrderIsKeptForAnHourWhileTheCAIsOutOfOrder(t *testing.T) {
	for what, fault := range map[string]http.HandlerFunc{
		"a 503": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) },
		"a 500 with a problem": func(w http.ResponseWriter, _ *http.Request) {
			acmetest.WriteProblem(w, acmetest.Refusal{Status: 500, Type: "urn:ietf:params:acme:error:serverInternal"})
		},
		"a 429": func(w http.ResponseWriter, _ *http.Request) {
			acmetest.WriteProblem(w, acmetest.Refusal{Status: 429, Type: "urn:ietf:params:acme:error:rateLimited"})
		},
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ca, cfg := datedCA(t, acmeTestName)
			u := leftOrder(t, ca, cfg)
			ca.Answer(acmetest.FakeCAOrder, fault)
			if s, err := provisioned(t, cfg); err == nil || s.manager.outage.failures != 1 {
				t.Errorf("got %v, want that the CA is out of order", err)
			}
			ca.Answer(acmetest.FakeCAOrder, nil)
			if _, err := provisioned(t, cfg); err != nil || ca.Requests(acmetest.FakeCANewOrder) != 1 {
				t.Errorf("got %v and %d orders, want the first order finished", err, ca.Requests(acmetest.FakeCANewOrder))
			}

			if err := os.Remove(filepath.Join(cfg.ACMECacheDir, acmeTestName)); err != nil {
				t.Fatal(err)
			}
			ca.Answer(acmetest.FakeCAOrder, fault)
			u.Made = u.Made.Add(-unfinishedPatience)
			writeUnfinished(t, cfg, u)
			if _, err := provisioned(t, cfg); err == nil {
				t.Error("got a certificate, want that the CA is out of order")
			}
			if _, err := provisioned(t, cfg); err != nil || ca.Requests(acmetest.FakeCANewOrder) != 2 {
				t.Errorf("got %v and %d orders, want another order in place of one that always fails", err, ca.Requests(acmetest.FakeCANewOrder))
			}
		})
	}
}

// TestACertificateThatCannotBeFetchedIsNotOrderedAgain covers a CA that issues, and then does not hand the certificate
// out: each order would count against its limits.
func TestACertificateThatCannotBeFetchedIsNotOrderedAgain(t *testing.T) {
	ca, cfg := datedCA(t, acmeTestName)
	ca.Refuse(acmetest.FakeCACertificate, acmetest.Refusal{Status: 500, Type: "urn:ietf:params:acme:error:serverInternal"})
	s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	d := s.names.Load().list[0]
	for range 5 {
		if o := s.manager.try(t.Context(), d); !o.general() {
			t.Fatalf("got %+v, want that the CA is out of order", o)
		}
	}
	ca.Refuse(acmetest.FakeCACertificate, acmetest.Refusal{})
	if o := s.manager.try(t.Context(), d); o.err != nil {
		t.Fatal(o.err)
	}
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 1 {
		t.Errorf("got %d orders, want 1", got)
	}
}

// TestAnOrderThatIsProcessedIsAwaited finds the order as the CA still works on it.
func TestAnOrderThatIsProcessedIsAwaited(t *testing.T) {
	for name, test := range map[string]struct {
		polls int // after which the certificate is there
		want  int // orders
	}{
		"which ends":       {5, 1},
		"which never ends": {1 << 30, 2},
	} {
		t.Run(name, func(t *testing.T) {
			ca, cfg := datedCA(t, acmeTestName)
			processing := func(w http.ResponseWriter, r *http.Request) {
				if test.polls--; test.polls < 0 {
					ca.Serve(w, r)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"status":"processing"}`)
			}
			synctest.Test(t, func(t *testing.T) {
				source := func() *Source {
					s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
					s.manager.ca.base = roundTripper(func(req *http.Request) (*http.Response, error) { // in the bubble
						if req.Body == nil {
							req.Body = http.NoBody
						}
						recorder := httptest.NewRecorder()
						ca.ServeHTTP(recorder, req)
						return recorder.Result(), nil
					})
					return s
				}
				leaveOrder(t, ca, source())
				ca.Answer(acmetest.FakeCAOrder, processing)
				s, began := source(), time.Now()
				if err := s.Provision(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > processingPatience+time.Minute {
					t.Errorf("got a certificate after %s, want it sooner", took)
				}
				if s.Certificate(&tls.ClientHelloInfo{ServerName: acmeTestName}) == nil {
					t.Error("got no certificate, want one")
				}
			})
			if got := ca.Requests(acmetest.FakeCANewOrder); got != test.want {
				t.Errorf("got %d orders, want %d", got, test.want)
			}
		})
	}
}
