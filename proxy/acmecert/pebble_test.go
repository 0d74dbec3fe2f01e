package acmecert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/waittest"
)

// acmeFrontend is a minimal listener for ACME: it answers challenges, and serves the certificates.
type acmeFrontend struct {
	source            *Source // set before the CA can ask
	tlsPort, httpPort int

	mu         sync.Mutex
	challenges []string
}

func startACMEFrontend(t *testing.T, answerTLSALPN bool) *acmeFrontend {
	t.Helper()
	f := &acmeFrontend{}
	note := func(kind string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !slices.Contains(f.challenges, kind) {
			f.challenges = append(f.challenges, kind)
		}
	}
	tlsListener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		NextProtos: []string{"h2", "http/1.1", "acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if slices.Equal(hello.SupportedProtos, []string{"acme-tls/1"}) {
				note("tls-alpn-01")
				if !answerTLSALPN {
					return nil, nil
				}
				return f.source.ChallengeCertificate(hello)
			}
			return f.source.Certificate(hello), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tlsListener.Close() })
	go func() {
		for {
			conn, err := tlsListener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.(*tls.Conn).Handshake()
			}()
		}
	}()
	httpListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("http-01")
		answer, ok := f.source.HTTPChallenge(r.Host, r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(answer)
	})}
	go server.Serve(httpListener)
	t.Cleanup(func() { server.Close() })
	f.tlsPort, f.httpPort = tlsListener.Addr().(*net.TCPAddr).Port, httpListener.Addr().(*net.TCPAddr).Port
	return f
}

// handshake opens a connection as a client that offers only TLS 1.3, and returns the certificate it got.
func (f *acmeFrontend) handshake(t *testing.T, name string, roots *x509.CertPool) (*x509.Certificate, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(f.tlsPort)), &tls.Config{ServerName: name,
		RootCAs: roots, MinVersion: tls.VersionTLS13})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// startPebble starts a Pebble that validates at the frontend and stops with the test.
func startPebble(t *testing.T, f *acmeFrontend, opts acmetest.PebbleOptions) *acmetest.Pebble {
	t.Helper()
	opts.HTTPPort, opts.TLSPort = f.httpPort, f.tlsPort
	p, err := acmetest.StartPebble(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Log(p.Output())
		}
	})
	return p
}

func pebbleRoots(t *testing.T, p *acmetest.Pebble) *x509.CertPool {
	t.Helper()
	pem, err := p.RootsPEM()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("got no root from pebble: %q", pem)
	}
	return roots
}

// TestACMEAgainstPebble runs the source against Let's Encrypt's own test server.
func TestACMEAgainstPebble(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	bin := t.TempDir()
	if err := acmetest.BuildPebble(bin); err != nil {
		t.Fatal(err)
	}
	const name = "www.example.test"

	t.Run("a certificate is ordered by TLS-ALPN-01 and a restart needs no CA", func(t *testing.T) {
		t.Parallel()
		f := startACMEFrontend(t, true)
		p := startPebble(t, f, acmetest.PebbleOptions{BinDir: bin})
		cfg := acmeTestConfig(t, p.DirectoryURL, p.CAFile, name, "api.example.test")
		var logged waittest.Buffer
		f.source = newTestACMESource(t, cfg, true, &logged)
		if err := f.source.Provision(t.Context(), nil); err != nil {
			t.Fatalf("got %v, want certificates", err)
		}
		if got, want := f.challenges, []string{"tls-alpn-01"}; !slices.Equal(got, want) {
			t.Errorf("got challenges %v, want %v", got, want)
		}
		roots := pebbleRoots(t, p)
		for _, n := range cfg.ACMEDomains {
			if _, err := f.handshake(t, n, roots); err != nil {
				t.Errorf("%s: got %v, want a handshake", n, err)
			}
		}
		if got := p.Orders(); got != 2 {
			t.Errorf("got %d orders after handshakes of TLS 1.3 clients, want 2", got)
		}
		entries, _ := filepath.Glob(cfg.ACMECacheDir + "/*")
		for i := range entries {
			entries[i] = filepath.Base(entries[i])
		}
		if want := []string{"acme_account+key", accountRecordFile, "api.example.test", name}; !slices.Equal(entries, want) {
			t.Errorf("got cache files %v, want %v", entries, want)
		}

		p.Kill()
		again := newTestACMESource(t, cfg, true, &logged)
		if err := again.Provision(t.Context(), nil); err != nil {
			t.Fatalf("restart without a CA: got %v, want the cached certificates", err)
		}
		if again.manager.asked.Load() {
			t.Error("the restart contacted the CA")
		}
	})

	t.Run("HTTP-01 is the fallback when TLS-ALPN-01 is not answered", func(t *testing.T) {
		t.Parallel()
		f := startACMEFrontend(t, false)
		p := startPebble(t, f, acmetest.PebbleOptions{BinDir: bin})
		cfg := acmeTestConfig(t, p.DirectoryURL, p.CAFile, name)
		var log waittest.Buffer
		f.source = newTestACMESource(t, cfg, true, &log)
		if err := f.source.Provision(t.Context(), nil); err != nil {
			t.Fatalf("got %v, want a certificate", err)
		}
		if got, want := f.challenges, []string{"tls-alpn-01", "http-01"}; !slices.Equal(got, want) {
			t.Errorf("got challenges %v, want %v", got, want)
		}
		waitForACMELog(t, &log, "ACME_ERROR domain="+name, "tls-alpn-01: ", "http-01 is tried next")
		if got, ok := f.source.HTTPChallenge(name, "/.well-known/acme-challenge/x"); ok {
			t.Errorf("after the attempt: got %q, want no answer", got)
		}
	})

	t.Run("a validation that fails is told in the CA's words and remembered", func(t *testing.T) {
		t.Parallel()
		f := startACMEFrontend(t, false)
		p := startPebble(t, f, acmetest.PebbleOptions{BinDir: bin})
		cfg := acmeTestConfig(t, p.DirectoryURL, p.CAFile, name)
		f.source = newTestACMESource(t, cfg, false, &waittest.Buffer{})
		err := f.source.Provision(t.Context(), nil)
		wantACMEError(t, err, "listeners[0].tls.acme_domains", name, p.DirectoryURL, "urn:ietf:params:acme:error:")
		if got := p.Orders(); got != 1 {
			t.Errorf("got %d orders, want 1: one challenge type is left", got)
		}
		again := newTestACMESource(t, cfg, false, &waittest.Buffer{})
		err = again.Provision(t.Context(), nil)
		wantACMEError(t, err, name, "urn:ietf:params:acme:error:", "the next try is not before", refusalsFile)
		if got := p.Orders(); got != 1 {
			t.Errorf("got %d orders after a restart inside the wait, want 1", got)
		}
	})

	t.Run("one refused name hides nothing of the others", func(t *testing.T) {
		t.Parallel()
		f := startACMEFrontend(t, true)
		p := startPebble(t, f, acmetest.PebbleOptions{BinDir: bin, Blocked: []string{"bad.example.test"}})
		cfg := acmeTestConfig(t, p.DirectoryURL, p.CAFile, "bad.example.test", name)
		var logged waittest.Buffer
		f.source = newTestACMESource(t, cfg, false, &logged)
		err := f.source.Provision(t.Context(), nil)
		wantACMEError(t, err, "bad.example.test", "rejectedIdentifier")
		if strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want nothing of %s, which has its certificate", err, name)
		}
		waitForACMELog(t, &logged, "domain="+name)
	})

	t.Run("a short-lived certificate is renewed while handshakes go on", func(t *testing.T) {
		t.Parallel()
		f := startACMEFrontend(t, true)
		p := startPebble(t, f, acmetest.PebbleOptions{BinDir: bin, ValiditySeconds: 15})
		cfg := acmeTestConfig(t, p.DirectoryURL, p.CAFile, name)
		var logged waittest.Buffer
		f.source = newTestACMESource(t, cfg, true, &logged)
		if err := f.source.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		roots := pebbleRoots(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var run sync.WaitGroup
		run.Go(func() { f.source.Run(ctx) })
		serials := make(map[string]bool)
		for deadline := time.Now().Add(60 * time.Second); len(serials) < 3; {
			cert, err := f.handshake(t, name, roots)
			if err != nil {
				t.Fatalf("handshake: got %v, want none to fail (%d certificates so far)\n%s", err, len(serials),
					logged.String())
			}
			serials[cert.SerialNumber.String()] = true
			<-time.After(5 * time.Millisecond) // leaves the processor to Pebble
			if time.Now().After(deadline) {
				t.Fatalf("got %d certificates in time, want 3\n%s", len(serials), logged.String())
			}
		}
		p.Kill()
		waitForACMELog(t, &logged, "ACME_ERROR", "CERT_EXPIRED")
		if f.source.Certificate(&tls.ClientHelloInfo{ServerName: name}) == nil {
			t.Error("got no certificate, want the expired one to be served")
		}
		if _, err := os.Stat(filepath.Join(cfg.ACMECacheDir, refusalsFile)); err == nil {
			t.Error("got a remembered refusal, want none for a CA that is not reached")
		}
		cancel()
		run.Wait()
	})
}
