package acmecert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/cert"
)

// acmeAttemptTimeout bounds one attempt. It is below autocert's own five minutes, so that ours always ends the attempt.
const acmeAttemptTimeout = 290 * time.Second

// acmeAttempt is one attempt to obtain a certificate for one name, with an autocert.Manager of its own.
//
// A Manager cannot be stopped. After it has issued a certificate it keeps a timer, and so itself, forever. After the
// attempt its cache answers that timer with the certificate in use and its transport refuses to contact the CA. What
// remains is a few kilobytes and one timer for each certificate ever issued.
type acmeAttempt struct {
	manager   *autocert.Manager
	http      http.Handler // nil without HTTP-01
	cache     *acmeCache
	transport *acmeTransport
}

// acmeOutcome is how an attempt ended.
type acmeOutcome struct {
	// cert is the new certificate; nil if err is set.
	cert *tls.Certificate
	err  error
	// refused reports whether the CA refused, so that the wait is remembered over restarts; otherwise the CA was not
	// reached.
	refused bool
	// general reports whether the attempt failed before the name mattered, so that other names would fail likewise.
	general bool
	// retryAfter is the least wait that the CA asked for, or 0.
	retryAfter time.Duration
	// cacheErr is set if cert is good but could not be written to the cache directory.
	cacheErr error
}

// newAttempt builds the Manager for one name. The attempt contacts the CA until ctx ends or it is retired.
func (s *Source) newAttempt(ctx context.Context, d *acmeDomain) *acmeAttempt {
	cache := &acmeCache{domain: d.name, dir: autocert.DirCache(s.cfg.ACMECacheDir), current: d.cert.Load}
	transport := &acmeTransport{ctx: ctx, base: s.transport, maxOrders: 1}
	a := &acmeAttempt{cache: cache, transport: transport}
	a.manager = &autocert.Manager{
		Prompt: autocert.AcceptTOS,
		Cache:  cache,
		HostPolicy: func(_ context.Context, host string) error {
			if cert.NormalName(host) != d.name {
				return fmt.Errorf("%q is not %s", host, d.name)
			}
			return nil
		},
		// The Manager renews only at the very end, when its cache answers with a newer certificate. Below 10 ns
		// autocert panics.
		RenewBefore: time.Second,
		Email:       strings.TrimPrefix(s.cfg.ACMEContact, "mailto:"),
		Client: &acme.Client{
			DirectoryURL: s.cfg.ACMEDirectory,
			HTTPClient:   &http.Client{Transport: transport},
			UserAgent:    "reverse-proxy",
			RetryBackoff: transport.acmeRetryBackoff,
		},
	}
	if s.httpChallenges {
		// Asking for the handler is what makes the Manager try HTTP-01 at all, after TLS-ALPN-01.
		a.http = a.manager.HTTPHandler(http.NotFoundHandler())
		transport.maxOrders = 2
	}
	return a
}

// try makes one attempt and counts it, unless it was abandoned because the daemon is shutting down.
func (s *Source) try(ctx context.Context, d *acmeDomain) acmeOutcome {
	outcome := s.obtain(ctx, d)
	switch {
	case outcome.err == nil:
		s.attempts[0].Add(1)
	case ctx.Err() != nil:
	case outcome.refused:
		s.attempts[1].Add(1)
	default:
		s.attempts[2].Add(1)
	}
	return outcome
}

// runAttempt makes one attempt for one name, and answers the name's challenges meanwhile.
func (s *Source) runAttempt(ctx context.Context, d *acmeDomain) acmeOutcome {
	ctx, cancel := context.WithTimeout(ctx, acmeAttemptTimeout)
	defer cancel()
	a := s.newAttempt(ctx, d)
	d.attempt.Store(a)
	defer s.transport.CloseIdleConnections()

	type result struct {
		cert *tls.Certificate
		err  error
	}
	done := make(chan result, 1)
	go func() {
		cert, err := a.manager.GetCertificate(&tls.ClientHelloInfo{
			ServerName: d.name,
			// A hello without an ECDSA suite of TLS 1.2 would order an RSA certificate.
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		})
		done <- result{cert, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		// autocert may sleep between two polls; when it wakes, its transport is closed.
		r.err = context.Cause(ctx)
	}
	d.attempt.Store(nil)
	report := a.transport.retire()
	cacheErr := a.cache.retire()
	if r.err != nil {
		return acmeOutcome{err: errors.New(report.cause(r.err)), refused: report.refused(),
			general: !report.asked && (report.answered || report.netErr != nil), retryAfter: report.retryAfter}
	}
	return acmeOutcome{cert: r.cert, cacheErr: cacheErr}
}

// challengeCertificate answers a TLS-ALPN-01 validation of the name.
func (a *acmeAttempt) challengeCertificate(name string) (*tls.Certificate, error) {
	return a.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{acme.ALPNProto}})
}

// httpChallenge answers an HTTP-01 validation of the name.
func (a *acmeAttempt) httpChallenge(name, path string) ([]byte, bool) {
	if a.http == nil {
		return nil, false
	}
	req := (&http.Request{Method: http.MethodGet, Host: name, URL: &url.URL{Path: path}})
	answer := &acmeAnswer{header: make(http.Header), status: http.StatusOK}
	a.http.ServeHTTP(answer, req)
	return answer.body, answer.status == http.StatusOK && len(answer.body) > 0
}

// acmeAnswer is an http.ResponseWriter that keeps the answer of autocert's handler.
type acmeAnswer struct {
	header http.Header
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (w *acmeAnswer) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *acmeAnswer) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *acmeAnswer) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}
