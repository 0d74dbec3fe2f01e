//go:build linux

package load

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// window is long enough for an answer even on a busy machine.
const window = time.Second

// server starts a TLS server with an ECDSA P-256 certificate that takes the place of a proxy.
func server(t *testing.T, handler http.HandlerFunc, change func(*tls.Config)) netip.AddrPort {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"site.test"},
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if change != nil {
		change(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// answerWith answers with n bytes.
func answerWith(n int, requests *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Host != "site.test" || r.URL.Path != "/1k" || r.Method == http.MethodPost && len(body) != 40000 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		requests.Add(1)
		w.Header().Set("Content-Length", fmt.Sprint(n))
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	}
}

func job(kind string, addr netip.AddrPort) Job {
	return Job{Kind: kind, Addr: addr, ServerName: "site.test", Target: "/1k", AnswerBytes: 50000, Connections: 3, Streams: 5,
		Warmup: 5 * time.Millisecond, Window: window, Pids: []int{os.Getpid()}, Core: 0}
}

func TestEveryKindOfLoadIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		kind   string
		change func(*Job)
	}{
		"HTTP/1.1 is answered over kept connections": {H1, func(*Job) {}},
		"HTTP/1.1 is answered with a body":           {H1, func(j *Job) { j.BodyBytes = 40000 }},
		"HTTP/1.1 is answered at a fixed rate":       {H1, func(j *Job) { j.Rate = 500 }},
		"HTTP/2 is answered with many streams":       {H2, func(*Job) {}},
		"HTTP/2 is answered with bodies":             {H2, func(j *Job) { j.BodyBytes = 40000 }},
		"each request has its own connection":        {Handshake, func(*Job) {}},
		"connections are left idle":                  {Idle, func(j *Job) { j.Connections, j.Streams = 10, 0 }},
		"connections of HTTP/2 are left idle":        {Idle, func(j *Job) { j.Connections = 10 }},
		"pages are loaded": {Page, func(j *Job) {
			j.Resources = []Resource{{"/1k", 50000}, {"/1k", 50000}, {"/1k", 50000}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			j := job(c.kind, server(t, answerWith(50000, &requests), nil))
			c.change(&j)
			got, err := Run(j)
			if err != nil && strings.Contains(err.Error(), "no answer in") {
				j.Window *= 10 // the machine is busy
				got, err = Run(j)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Requests < 1 || int64(got.Requests) > requests.Load() {
				t.Errorf("got %d requests, want at least one and at most the %d that were answered", got.Requests, requests.Load())
			}
			if got.Seconds < window.Seconds() {
				t.Errorf("got %v s, want at least the window of %s", got.Seconds, window)
			}
			if c.kind != Idle && got.ProxySeconds <= 0 {
				t.Errorf("got %v s of processor time, want some", got.ProxySeconds)
			}
			if got.Calls != 0 {
				t.Errorf("got %d system calls, want none counted", got.Calls)
			}
			if (j.Rate > 0) != (len(got.Latencies) == 4) {
				t.Errorf("got the latencies %v at the rate %d", got.Latencies, j.Rate)
			}
		})
	}
}

// TestCallsAreCountedWhenAskedFor starts a program of its own as the proxy, because no process can count its own calls.
func TestCallsAreCountedWhenAskedFor(t *testing.T) {
	var requests atomic.Int64
	for _, kind := range []string{H1, Handshake} {
		j := job(kind, server(t, answerWith(50000, &requests), nil))
		j.CountCalls, j.Pids = true, []int{busyProcess(t)}
		got, err := Run(j)
		if err != nil && strings.Contains(err.Error(), "neither perf nor strace") {
			t.Skipf("this machine lets no tool count: %v", err)
		}
		if err != nil || got.Calls == 0 {
			t.Errorf("%s: got %d system calls and %v, want some", kind, got.Calls, err)
		}
	}
}

// busyProcess starts a process that makes system calls until the test ends.
func busyProcess(t *testing.T) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do sleep 0.01; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	return cmd.Process.Pid
}

func TestLoadFailsWhenAnAnswerIsWrong(t *testing.T) {
	var requests atomic.Int64
	all := []string{H1, H2, Handshake, Idle}
	status := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "x")
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		change  func(*tls.Config)
		want    string
		kinds   []string
	}{
		"another status fails it": {status, nil, "418", all},
		"another length fails it": {answerWith(49999, &requests), nil, "49999", all},
		"another key exchange fails it": {nil, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} },
			"handshake", all},
		"another protocol fails it": {nil, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, "protocol", []string{H2}},
		"an older TLS fails it":     {nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "version", all},
	} {
		for _, kind := range c.kinds {
			t.Run(name+" with "+kind, func(t *testing.T) {
				_, err := Run(job(kind, server(t, c.handler, c.change)))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
			})
		}
	}
}

func TestLoadFailsWhenNobodyListens(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:1")
	for _, kind := range []string{H1, H2, Handshake, Idle} {
		if _, err := Run(job(kind, addr)); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: got %v, want connection refused", kind, err)
		}
	}
}

func TestJobThatNobodyCanDoIsAnError(t *testing.T) {
	if _, err := Run(Job{Kind: "h9"}); err == nil || !strings.Contains(err.Error(), "h9") {
		t.Errorf("got %v, want an error that names the kind", err)
	}
}

func TestRequestIsWhatABrowserSends(t *testing.T) {
	got := string(h1Request(Job{Target: "/x", ServerName: "site.test", BodyBytes: 3}))
	for _, want := range []string{"POST /x HTTP/1.1\r\nhost: site.test\r\n", "\r\ncontent-length: 3\r\n", "\r\n\r\nbbb"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	got = string(h1Request(Job{Target: "/x", ServerName: "site.test"}))
	if !strings.HasPrefix(got, "GET /x ") || !strings.HasSuffix(got, "\r\n\r\n") || strings.Contains(got, "content-") {
		t.Errorf("got %q, want a GET without a body", got)
	}
}
