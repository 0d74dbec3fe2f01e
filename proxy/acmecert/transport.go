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
	"strconv"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

const (
	// maxResponseBytes bounds one answer of the CA; the largest is a certificate chain.
	maxResponseBytes = 2 << 20
	// maxPollWait bounds the Retry-After of a poll, in seconds, so that it cannot delay an attempt for long.
	maxPollWait = 15
	// requestTimeout bounds one request to the CA and its answer.
	requestTimeout = 30 * time.Second
	// maxRequests bounds the requests of one attempt. An ordinary attempt makes fewer than twenty.
	maxRequests = 300
)

var (
	errNoAnswer        = errors.New("no answer within " + requestTimeout.String())
	errTooManyRequests = fmt.Errorf("no result after %d requests to the CA", maxRequests)
)

// newBaseTransport makes the transport for connections to the CA. It trusts the roots in the PEM file caPath, or the
// system's if that is "".
func newBaseTransport(caPath string) (*http.Transport, error) {
	var roots *x509.CertPool
	if caPath != "" {
		data, err := readFile(caPath)
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
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}, nil
}

// transport carries the requests of acmez's client to the CA. It bounds the time and the size of each answer, and
// records in the report of the request's context what the client does not pass on.
//
// It answers requests for the directory from memory. The client holds a lock of its whole package while it fetches a
// directory, and one CA that hangs must not stop the renewals at another.
type transport struct {
	base http.RoundTripper
	// directory is the directory's document, without the parts that the client must not use by itself.
	directory []byte
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Fragment != "" { // see authority.newClient
		return t.directoryAnswer(req), nil
	}
	resp, body, err := send(t.base, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 400 {
		boundRetryAfter(resp.Header, time.Now())
	}
	resp.Header.Del("Link") // the client would follow every one, to other chains
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// directoryAnswer returns the answer to a request for the directory.
func (t *transport) directoryAnswer(req *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(t.directory)),
		ContentLength: int64(len(t.directory)),
	}
}

// send sends one request and returns the answer with its whole body. It records both in the report of the request's
// context. An answer that does not arrive in time ends the attempt, because its other requests would wait as long.
func send(base http.RoundTripper, req *http.Request) (*http.Response, []byte, error) {
	r := reportOf(req.Context())
	if err := r.admit(); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(req.Context(), requestTimeout, errNoAnswer)
	defer cancel()
	resp, err := base.RoundTrip(req.WithContext(ctx))
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes+1))
		resp.Body.Close()
	}
	switch {
	case err != nil && context.Cause(ctx) == errNoAnswer:
		err = fmt.Errorf("%s %s: %w", req.Method, req.URL, errNoAnswer)
		r.end(err)
		return nil, nil, err
	case err != nil:
		return nil, nil, err
	case len(body) > maxResponseBytes:
		return nil, nil, fmt.Errorf("%s: answer of more than %d bytes", req.URL.Host, maxResponseBytes)
	}
	r.note(resp, body)
	return resp, body, nil
}

// boundRetryAfter replaces Retry-After by a number of seconds that the client can parse, at most maxPollWait.
func boundRetryAfter(header http.Header, now time.Time) {
	value := header.Get("Retry-After")
	if value == "" {
		return
	}
	header.Set("Retry-After", strconv.Itoa(min(int(parseRetryAfter(value, now)/time.Second), maxPollWait)))
}

// fetchDirectory requests the directory of the CA.
func fetchDirectory(ctx context.Context, base http.RoundTripper, url string) (acme.Directory, error) {
	var directory acme.Directory
	resp, body, err := get(ctx, base, url)
	if err != nil {
		return directory, err
	}
	if resp.StatusCode != http.StatusOK {
		return directory, problemIn(resp, body)
	}
	if err := json.Unmarshal(body, &directory); err != nil {
		return directory, fmt.Errorf("%s is not an ACME directory: %w", url, err)
	}
	if directory.NewNonce == "" || directory.NewAccount == "" || directory.NewOrder == "" {
		return directory, fmt.Errorf("%s is not an ACME directory: newNonce, newAccount or newOrder is missing", url)
	}
	return directory, nil
}

// get sends a plain GET and follows redirects, as for the directory and renewal information (RFC 8555, section 6.3).
func get(ctx context.Context, base http.RoundTripper, url string) (*http.Response, []byte, error) {
	client := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, body, err := send(base, req)
		if err == nil {
			resp.Body = io.NopCloser(bytes.NewReader(body))
		}
		return resp, err
	})}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// roundTripper is an http.RoundTripper of one function.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
