package acmecert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxACMEResponseBytes bounds one answer of the CA; the largest is a certificate chain.
	maxACMEResponseBytes = 2 << 20
	// maxACMEPollWait bounds the Retry-After of a poll, in seconds, so that a poll cannot hold up an attempt.
	maxACMEPollWait = 15
)

var (
	errACMEAttemptOver = errors.New("this attempt to obtain a certificate is over")
	errACMENoChallenge = errors.New("every challenge type has been tried")
)

// newACMEBaseTransport makes the transport for connections to the CA. It trusts the roots in the PEM file caPath, or
// the system's if that is "".
func newACMEBaseTransport(caPath string) (*http.Transport, error) {
	var roots *x509.CertPool
	if caPath != "" {
		data, err := readFileLimited(caPath, maxACMEFileBytes)
		if err != nil {
			return nil, fmt.Errorf("%w; name a PEM file with the roots of the ACME server", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate; name a PEM file with the roots of the ACME server", caPath)
		}
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}, nil
}

// acmeTransport carries one attempt's requests to the CA. It ends with the attempt's context, although autocert has
// contexts of its own, reads whole answers of bounded size, and records the CA's reasons, which autocert drops.
//
// It also counts the orders. autocert makes one more than there are challenge types before it gives up, and orders
// without end if an authorization is valid but its order is not; the transport refuses those extra orders.
type acmeTransport struct {
	ctx       context.Context
	base      http.RoundTripper
	maxOrders int

	mu       sync.Mutex
	retired  bool
	orderURL string
	report   acmeReport
}

// acmeReport is what an attempt's transport saw.
type acmeReport struct {
	// answered reports whether the CA gave at least one HTTP answer.
	answered bool
	// asked reports whether an order was requested; orders counts those that the CA opened.
	asked  bool
	orders int
	// problems are the CA's distinct reasons, oldest first.
	problems []acmeProblem
	// retryAfter is the longest wait that the CA demanded with an error.
	retryAfter time.Duration
	// netErr is the last error of a request that got no answer.
	netErr error
}

// refused reports whether the failed attempt counts as a refusal, to be remembered over restarts: the CA refused, or an
// order was opened and failed. An attempt without any answer is not a refusal.
func (r acmeReport) refused() bool {
	return len(r.problems) > 0 || r.orders > 0 || r.answered && r.netErr == nil
}

// RoundTrip implements http.RoundTripper.
func (t *acmeTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.admit(req); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()

	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxACMEResponseBytes+1))
		resp.Body.Close()
	}
	if err == nil && len(body) > maxACMEResponseBytes {
		err = fmt.Errorf("%s: answer of more than %d bytes", req.URL.Host, maxACMEResponseBytes)
	}
	if err != nil {
		t.mu.Lock()
		t.report.netErr = err
		t.mu.Unlock()
		return nil, err
	}
	t.note(req, resp, body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// admit refuses requests that the attempt may no longer send.
func (t *acmeTransport) admit(req *http.Request) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.retired {
		return errACMEAttemptOver
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if req.Method == http.MethodPost && req.URL.String() == t.orderURL {
		if t.report.orders >= t.maxOrders {
			return errACMENoChallenge
		}
		t.report.asked = true
	}
	return nil
}

// note records what the report needs from an answer.
func (t *acmeTransport) note(req *http.Request, resp *http.Response, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.answered = true
	if req.Method == http.MethodGet && resp.StatusCode == http.StatusOK {
		// Only the directory is read with a plain GET in ACME (RFC 8555, section 6.3).
		var directory struct {
			NewOrder string `json:"newOrder"`
		}
		if json.Unmarshal(body, &directory) == nil && directory.NewOrder != "" {
			t.orderURL = directory.NewOrder
		}
		return
	}
	if resp.StatusCode == http.StatusCreated && req.URL.String() == t.orderURL {
		t.report.orders++
	}
	wait := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	if resp.StatusCode < 400 && wait > maxACMEPollWait*time.Second {
		resp.Header.Set("Retry-After", fmt.Sprint(maxACMEPollWait))
	}
	problems := acmeProblems(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	if len(problems) > 0 && problems[0].isBadNonce() {
		return
	}
	if resp.StatusCode >= 400 {
		t.report.retryAfter = max(t.report.retryAfter, wait)
	}
	for _, p := range problems {
		if len(t.report.problems) < maxACMEProblems && !slices.Contains(t.report.problems, p) {
			t.report.problems = append(t.report.problems, p)
		}
	}
}

// retire ends all contact with the CA and returns what was seen.
func (t *acmeTransport) retire() acmeReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retired = true
	report := t.report
	report.problems = slices.Clone(report.problems)
	return report
}

// acmeRetryBackoff returns the acme.Client's wait before it sends a request again, or 0 to give up. A bad nonce is
// retried soon, because the answer brought a fresh one, and a server error twice. Everything else, above all a rate
// limit, ends the attempt: we then choose the wait, and remember it.
func (t *acmeTransport) acmeRetryBackoff(n int, _ *http.Request, resp *http.Response) time.Duration {
	t.mu.Lock()
	over := t.retired || t.ctx.Err() != nil
	t.mu.Unlock()
	switch {
	case over:
		return 0
	case resp.StatusCode == http.StatusBadRequest && n <= 20:
		return min(time.Duration(n)*50*time.Millisecond, time.Second)
	case resp.StatusCode >= 500 && n <= 2 && resp.Header.Get("Retry-After") == "":
		return time.Duration(n) * time.Second
	}
	return 0
}

// cause returns the text of a failed attempt: the CA's own reasons if it gave any, otherwise the error.
func (r acmeReport) cause(err error) string {
	if len(r.problems) == 0 {
		return clipText(err.Error(), maxACMETextBytes)
	}
	texts := make([]string, len(r.problems))
	for i, p := range r.problems {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}
