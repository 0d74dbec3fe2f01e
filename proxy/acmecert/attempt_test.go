package acmecert

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/cert"
)

func TestACMECacheOfAnAttempt(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	now := time.Now()
	current := makeACMETestCert(t, acmeTestName, now.Add(-time.Hour), now.Add(time.Hour))
	cacheACMETestCert(t, dir, acmeTestName, current)
	c := &acmeCache{domain: acmeTestName, dir: autocert.DirCache(dir), current: func() *tls.Certificate { return current }}
	wantMiss := func(key string) {
		t.Helper()
		if data, err := c.Get(ctx, key); err != autocert.ErrCacheMiss {
			t.Errorf("%s: got %q, %v, want a miss", key, data, err)
		}
	}
	// Otherwise a renewal would find the old certificate and order nothing.
	wantMiss(acmeTestName)
	wantMiss(acmeTestName + "+rsa")
	wantMiss("acme_account+key")
	for _, key := range []string{"acme_account+key", acmeTestName, "token+http-01", acmeTestName + "+token"} {
		if err := c.Put(ctx, key, []byte("data of "+key)); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	for _, key := range []string{"acme_account+key", "token+http-01", acmeTestName + "+token"} {
		if data, err := c.Get(ctx, key); err != nil || string(data) != "data of "+key {
			t.Errorf("%s: got %q, %v, want what was put", key, data, err)
		}
	}
	for key, want := range map[string]bool{"acme_account+key": true, acmeTestName: true, "token+http-01": false,
		acmeTestName + "+token": false} {
		if _, err := os.Stat(filepath.Join(dir, key)); (err == nil) != want {
			t.Errorf("%s: got %v, want a file: %v", key, err, want)
		}
	}
	if err := c.Delete(ctx, "token+http-01"); err != nil {
		t.Fatal(err)
	}
	wantMiss("token+http-01")

	if err := c.retire(); err != nil {
		t.Errorf("retire: got %v, want no failed write", err)
	}
	wantMiss(acmeTestName + "+token")
	data, err := c.Get(ctx, acmeTestName)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil || !pair.Leaf.Equal(current.Leaf) {
		t.Errorf("after the attempt: got %v, want the certificate in use", err)
	}
	if err := c.Put(ctx, acmeTestName, []byte("late")); err == nil {
		t.Error("after the attempt: got a write, want it refused")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, acmeTestName)); string(got) != "data of "+acmeTestName {
		t.Errorf("after the attempt: got %q in the file, want it untouched", got)
	}
}

func TestACMECacheReportsAFailedWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &acmeCache{domain: acmeTestName, dir: autocert.DirCache(file), current: func() *tls.Certificate { return nil }}
	c.Put(t.Context(), acmeTestName, []byte("data"))
	if err := c.retire(); err == nil {
		t.Error("got no error, want that of the write")
	}
}

// acmeRoundTrip is an http.RoundTripper of one function.
type acmeRoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f acmeRoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// acmeTestAnswer makes an answer; header holds pairs of names and values.
func acmeTestAnswer(status int, body string, header ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// acmeTestPost sends one request through a transport and returns its error.
func acmeTestPost(t *testing.T, tr *acmeTransport, method, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr.RoundTrip(req)
}

func TestACMETransport(t *testing.T) {
	const dir, order, other = "https://ca.test/dir", "https://ca.test/new-order", "https://ca.test/authz"
	directory := acmeTestAnswer(200, `{"newOrder":"`+order+`"}`)
	newTransport := func(ctx context.Context, answers ...*http.Response) *acmeTransport {
		return &acmeTransport{ctx: ctx, maxOrders: 2, base: acmeRoundTrip(func(*http.Request) (*http.Response, error) {
			if len(answers) == 0 {
				return nil, errors.New("connection refused")
			}
			r := answers[0]
			answers = answers[1:]
			return r, nil
		})}
	}
	t.Run("no more orders than challenge types are opened", func(t *testing.T) {
		opened := func() *http.Response { return acmeTestAnswer(201, `{"status":"pending"}`) }
		tr := newTransport(t.Context(), directory, opened(), acmeTestAnswer(400,
			`{"type":"urn:ietf:params:acme:error:badNonce"}`), opened(), opened())
		acmeTestPost(t, tr, "GET", dir)
		for range 3 {
			if _, err := acmeTestPost(t, tr, "POST", order); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := acmeTestPost(t, tr, "POST", order); !errors.Is(err, errACMENoChallenge) {
			t.Errorf("third order: got %v, want %v", err, errACMENoChallenge)
		}
		if report := tr.retire(); report.orders != 2 || len(report.problems) != 0 || !report.refused() {
			t.Errorf("got %+v, want 2 orders, no problem for a bad nonce, and a refusal", report)
		}
	})
	t.Run("problems and the longest Retry-After are kept", func(t *testing.T) {
		tr := newTransport(t.Context(), acmeTestAnswer(429, `{"type":"limit","detail":"a"}`, "Retry-After", "60"),
			acmeTestAnswer(429, `{"type":"limit","detail":"a"}`, "Retry-After", "30"),
			acmeTestAnswer(200, `{"status":"invalid","error":{"type":"t","detail":"b"}}`, "Retry-After", "3600"))
		var last *http.Response
		for range 3 {
			last, _ = acmeTestPost(t, tr, "POST", other)
		}
		report := tr.retire()
		if got, want := report.cause(errors.New("unused")), "limit: a; t: b"; got != want {
			t.Errorf("got cause %q, want %q", got, want)
		}
		if report.retryAfter != time.Minute {
			t.Errorf("got Retry-After %v, want the minute of the error", report.retryAfter)
		}
		if got := last.Header.Get("Retry-After"); got != "15" {
			t.Errorf("got Retry-After %q passed on for a poll, want it bounded to 15", got)
		}
		if body, err := io.ReadAll(last.Body); err != nil || !bytes.Contains(body, []byte(`"invalid"`)) {
			t.Errorf("got body %q, %v, want it passed on", body, err)
		}
	})
	t.Run("no answer at all is no refusal", func(t *testing.T) {
		tr := newTransport(t.Context())
		_, err := acmeTestPost(t, tr, "GET", dir)
		if report := tr.retire(); report.refused() || report.answered || err == nil {
			t.Errorf("got %+v, %v, want a CA that is unreachable", report, err)
		}
	})
	t.Run("a CA lost after the directory is no refusal, after an order it is", func(t *testing.T) {
		tr := newTransport(t.Context(), acmeTestAnswer(200, `{"newOrder":"`+order+`"}`))
		acmeTestPost(t, tr, "GET", dir)
		acmeTestPost(t, tr, "HEAD", other)
		if report := tr.retire(); report.refused() {
			t.Errorf("got %+v, want no refusal before an order", report)
		}
		tr = newTransport(t.Context(), acmeTestAnswer(200, `{"newOrder":"`+order+`"}`), acmeTestAnswer(201, `{}`))
		acmeTestPost(t, tr, "GET", dir)
		acmeTestPost(t, tr, "POST", order)
		acmeTestPost(t, tr, "POST", other)
		if report := tr.retire(); !report.refused() {
			t.Errorf("got %+v, want an order that came to nothing to count", report)
		}
	})
	t.Run("an endless answer is cut", func(t *testing.T) {
		endless := &http.Response{StatusCode: 200, Header: make(http.Header),
			Body: io.NopCloser(acmeZeroes{})}
		if _, err := acmeTestPost(t, newTransport(t.Context(), endless), "GET", dir); err == nil {
			t.Error("got no error, want one for too many bytes")
		}
	})
	t.Run("nothing passes when the attempt is over", func(t *testing.T) {
		tr := newTransport(t.Context(), acmeTestAnswer(200, "{}"))
		tr.retire()
		if _, err := acmeTestPost(t, tr, "GET", dir); !errors.Is(err, errACMEAttemptOver) {
			t.Errorf("got %v, want %v", err, errACMEAttemptOver)
		}
		if got := tr.acmeRetryBackoff(1, nil, acmeTestAnswer(400, "")); got != 0 {
			t.Errorf("got a retry after %v, want none", got)
		}
	})
	t.Run("the attempt's context ends a request that waits", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tr := &acmeTransport{ctx: ctx, maxOrders: 1, base: acmeRoundTrip(func(r *http.Request) (*http.Response, error) {
			cancel()
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		if _, err := acmeTestPost(t, tr, "GET", dir); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if _, err := acmeTestPost(t, tr, "GET", dir); !errors.Is(err, context.Canceled) {
			t.Errorf("next request: got %v, want %v", err, context.Canceled)
		}
	})
}

// acmeZeroes is a body that never ends.
type acmeZeroes struct{}

// Read implements io.Reader.
func (acmeZeroes) Read(p []byte) (int, error) { return len(p), nil }

func TestACMERetryBackoff(t *testing.T) {
	tr := &acmeTransport{ctx: t.Context()}
	for _, tc := range []struct {
		name   string
		n      int
		answer *http.Response
		want   time.Duration
	}{
		{"a bad nonce is tried again at once", 1, acmeTestAnswer(400, ""), 50 * time.Millisecond},
		{"then later, up to a second", 20, acmeTestAnswer(400, ""), time.Second},
		{"and not for ever", 21, acmeTestAnswer(400, ""), 0},
		{"a server error is tried again", 2, acmeTestAnswer(503, ""), 2 * time.Second},
		{"twice", 3, acmeTestAnswer(503, ""), 0},
		{"unless the server names a time", 1, acmeTestAnswer(503, "", "Retry-After", "1"), 0},
		{"a rate limit ends the attempt", 1, acmeTestAnswer(429, ""), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tr.acmeRetryBackoff(tc.n, nil, tc.answer); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestACMEShutdownEndsProvisioning(t *testing.T) {
	ca, root := startFakeCA(t)
	// The client of the acme package waits a second before it tries this again.
	ca.Refuse(acmetest.FakeCANewAccount, acmetest.Refusal{Status: 500, Type: "busy"})
	cfg := acmeTestConfig(t, ca.DirectoryURL, root, acmeTestName)
	s := newTestACMESource(t, cfg, true, &acmeTestLog{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Provision(ctx) }()
	for ca.Requests(acmetest.FakeCANewAccount) == 0 {
		<-time.After(time.Millisecond)
	}
	cancel()
	var err error
	select {
	case err = <-done:
	case <-time.After(time.Minute):
		t.Fatal("the retries did not end")
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, ok := s.refusals.get(cfg.ACMEDirectory, acmeTestName); ok {
		t.Error("got a remembered refusal, want none for a shutdown")
	}
}

func TestAnAttemptIsCountedByItsResult(t *testing.T) {
	var log acmeTestLog
	source := newTestACMESource(t, acmeTestConfig(t, acmeTestDirectory, "", "a.example.test", "b.example.test"), true, &log)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, attempt := range []struct {
		ctx     context.Context
		outcome acmeOutcome
	}{
		{t.Context(), acmeOutcome{cert: new(tls.Certificate)}},
		{t.Context(), acmeOutcome{err: errors.New("no"), refused: true}},
		{t.Context(), acmeOutcome{err: errors.New("no"), refused: true}},
		{t.Context(), acmeOutcome{err: errors.New("connection refused")}},
		{ended, acmeOutcome{err: errors.New("given up")}}, // the daemon is shutting down: nothing has failed
		{ended, acmeOutcome{cert: new(tls.Certificate)}},
	} {
		source.obtain = func(context.Context, *acmeDomain) acmeOutcome { return attempt.outcome }
		source.try(attempt.ctx, source.domains[0])
	}
	for result, want := range []uint64{2, 2, 1} {
		if got := source.Attempts()[result]; got != want {
			t.Errorf("%s: %d attempts counted, want %d", cert.AttemptResults[result], got, want)
		}
	}
	failing := func() (names []string) {
		for _, name := range source.Names() {
			if name.LastError != "" {
				names = append(names, name.Domain)
			}
		}
		return names
	}
	if got := failing(); len(got) != 0 {
		t.Errorf("%v fail, want none", got)
	}
	source.failed(source.domains[1], acmeOutcome{err: errors.New("no")})
	if got := failing(); len(got) != 1 || got[0] != "b.example.test" {
		t.Errorf("%v fail, want b.example.test", got)
	}
}
