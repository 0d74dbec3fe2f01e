package acmecert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// attemptTimeout bounds one attempt. Most of the time is for the CA's validation of the name.
const attemptTimeout = 290 * time.Second

var errAttemptTimeout = errors.New("no result within " + attemptTimeout.String())

// origin says where the certificate of an outcome came from, as the log writes it.
type origin string

const (
	ordered     origin = "order"  // from the CA
	foundCache  origin = "cache"  // in the cache, put there by another process
	foundStore  origin = "store"  // in the store, put there by another machine
	foundServed origin = "served" // already served: it was renewed while the attempt waited for its turn
)

// outcome is how an attempt ended.
type outcome struct {
	// certificate is the new certificate; nil if err is set.
	certificate *tls.Certificate
	// origin is where certificate came from.
	origin origin
	err    error
	// refused reports whether the CA refused because of the name. The wait that follows is then remembered over
	// restarts.
	refused bool
	// local reports whether the attempt failed on this machine, before it asked the CA.
	local bool
	// elsewhere reports whether the attempt did not ask the CA because the CA has meanwhile refused another process
	// or machine.
	elsewhere bool
	// retryAfter is the minimum wait that the CA asked for, or 0.
	retryAfter time.Duration
	// saveErr is set if certificate is good but could not be written to the cache.
	saveErr error
}

// general reports whether the attempt failed for a reason unrelated to the name. The failure is then part of an
// outage (S-5.10).
func (o outcome) general() bool { return o.err != nil && !o.refused && !o.local && !o.elsewhere }

// attempt is one attempt to obtain a certificate for one name, with the answers to its challenges, which handshakes
// and requests read while it runs.
type attempt struct {
	domain   *domain
	session  *session
	profile  string
	replaces string
	at       stage
	// lease is the lease of the name, and shared is the store that has it; both are nil without a store.
	lease  *certstore.Lease
	shared *shared

	mu      sync.Mutex
	tlsALPN *tls.Certificate
	tokens  map[string]string
}

// runAttempt orders a certificate for one name, and answers the name's challenges meanwhile.
func (m *Manager) runAttempt(ctx context.Context, d *domain) (o outcome) {
	ctx, cancel := context.WithTimeoutCause(ctx, attemptTimeout, errAttemptTimeout)
	defer cancel()
	ctx, seen := withReport(ctx)
	a := &attempt{domain: d, profile: m.cfg.Profile, lease: d.lease, shared: m.shared}
	d.attempt.Store(a)
	defer d.attempt.Store(nil)

	certificate, err := a.obtain(ctx, m)
	if err == nil {
		m.reportClock(seen, eventlog.Str("domain", d.name))
		o = outcome{certificate: certificate, origin: ordered, saveErr: m.save(ctx, d, certificate)}
		if o.saveErr == nil {
			m.forgetUnfinished(ctx, d)
		}
		return o
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if _, o.local = errors.AsType[localError](err); !o.local {
		if o.refused = isRefusal(err, a.at, d.name); o.refused && a.at >= stageIssue {
			m.forgetUnfinished(ctx, d)
			m.forgetShared(ctx, a.lease, d)
		}
	}
	if a.session != nil && !o.refused && !o.local {
		m.ca.drop(a.session)
	}
	o.err, o.retryAfter = errors.New(seen.cause(err)), seen.retryAfter
	if o.local || errors.Is(err, context.Canceled) || errors.Is(err, errStartTimeout) {
		o.err = err
	}
	if hint := clockHint(seen.skew); hint != "" {
		o.err = fmt.Errorf("%w; %s", o.err, hint)
	}
	return o
}

// clockHint returns a hint for the error if the CA's clock differs from ours by more than an hour, which can make
// certificates unusable; otherwise "".
func clockHint(skew time.Duration) string {
	if skew.Abs() < time.Hour {
		return ""
	}
	direction := "behind"
	if skew < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %s %s the CA's", wording.Duration(skew.Abs()), direction)
}

// obtain finishes an order that was left unfinished, or runs one from beginning to end. It tries one challenge type
// after the other.
func (a *attempt) obtain(ctx context.Context, m *Manager) (*tls.Certificate, error) {
	var err error
	if a.session, err = m.ca.open(ctx); err != nil {
		return nil, err
	}
	if err := a.session.offers(a.profile); err != nil {
		return nil, err
	}
	if a.session.directory.RenewalInfo != "" {
		a.replaces = replacesID(a.domain.certificate())
	}
	if certificate, err := a.resume(ctx, m); certificate != nil || err != nil {
		return certificate, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	types := m.challengeTypes(a.domain.name)
	for i, challengeType := range types {
		order, err := a.order(ctx, m)
		if err != nil {
			return nil, err
		}
		a.at = stageValidation
		if err := a.validate(ctx, m, order, challengeType); err != nil {
			if i+1 < len(types) && isRefusal(err, a.at, a.domain.name) {
				m.warn(a.domain, fmt.Sprintf("%s: %v; %s is tried next", challengeType, err, types[i+1]))
				continue
			}
			return nil, err
		}
		a.at = stageIssue
		a.remember(ctx, m, order, key)
		if order, err = a.finalize(ctx, order, key); err != nil {
			return nil, err
		}
		return a.download(ctx, order, key)
	}
	return nil, errors.New("no challenge type is left")
}

// order creates an order. If the CA no longer knows the account, it registers the account again. If the CA rejects
// `replaces`, or answers 500 to it, it orders without that.
func (a *attempt) order(ctx context.Context, m *Manager) (acme.Order, error) {
	a.at = stageOrder
	request := acme.Order{
		Profile: a.profile, Replaces: a.replaces,
		Identifiers: []acme.Identifier{identifierOf(a.domain.name)},
	}
	order, err := a.session.client.NewOrder(ctx, a.session.account, request)
	p, isProblem := problemOf(err)
	if isProblem && p.Type == acme.ProblemTypeAccountDoesNotExist {
		a.at = stageAccount
		if a.session, err = m.ca.lost(ctx, a.session); err != nil {
			return order, err
		}
		a.at = stageOrder
		order, err = a.session.client.NewOrder(ctx, a.session.account, request)
		p, isProblem = problemOf(err)
	}
	if isProblem && a.replaces != "" && p.Status <= http.StatusInternalServerError && p.Type != acme.ProblemTypeRateLimited {
		a.replaces, request.Replaces = "", ""
		order, err = a.session.client.NewOrder(ctx, a.session.account, request)
	}
	return order, err
}

// validate answers the challenges of an order's authorizations, and waits until the CA has validated them.
func (a *attempt) validate(ctx context.Context, m *Manager, order acme.Order, challengeType string) error {
	client, account := a.session.client, a.session.account
	for _, url := range order.Authorizations {
		authorization, err := client.GetAuthorization(ctx, account, url)
		if err != nil {
			return err
		}
		if authorization.Status == acme.StatusValid {
			continue
		}
		challenge, ok := challengeOf(authorization, challengeType)
		if !ok {
			return fmt.Errorf("the CA offers no %s challenge", challengeType)
		}
		recall, err := a.shareChallenge(ctx, challenge)
		if err != nil {
			return err
		}
		withdraw, err := a.present(ctx, m, challenge)
		if err != nil {
			recall()
			return err
		}
		_, err = client.InitiateChallenge(ctx, account, challenge)
		if err == nil {
			_, err = client.PollAuthorization(ctx, account, authorization)
		}
		recall()
		withdraw()
		if err != nil {
			return err
		}
	}
	return nil
}

// challengeOf returns the challenge of a type.
func challengeOf(authorization acme.Authorization, challengeType string) (acme.Challenge, bool) {
	for _, challenge := range authorization.Challenges {
		if challenge.Type == challengeType {
			return challenge, true
		}
	}
	return acme.Challenge{}, false
}

// challengeTypes returns the types of challenges to try for a name, in order. Let's Encrypt allows five failed
// validations of a name in an hour. The first attempt can use two of them, and the next two attempts, which come
// within minutes, one each. That leaves one for an operator who has fixed the cause.
func (m *Manager) challengeTypes(name string) []string {
	if isWildcard(name) {
		return []string{acme.ChallengeTypeDNS01} // the only one that proves a wildcard
	}
	types := []string{acme.ChallengeTypeTLSALPN01}
	if !m.httpChallenges.Load() {
		return types
	}
	switch refused, _ := m.refusals.get(m.cfg.Directory, name); refused.Failures {
	case 1:
		return types
	case 2:
		return []string{acme.ChallengeTypeHTTP01}
	}
	return append(types, acme.ChallengeTypeHTTP01)
}

// present makes the answer to a challenge available until withdraw is called.
func (a *attempt) present(ctx context.Context, m *Manager, challenge acme.Challenge) (withdraw func(), err error) {
	if challenge.Type == acme.ChallengeTypeDNS01 {
		return a.presentRecord(ctx, m, challenge)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if challenge.Type == acme.ChallengeTypeTLSALPN01 {
		if a.tlsALPN, err = acmez.TLSALPN01ChallengeCert(challenge); err != nil {
			return nil, err
		}
		return func() { a.mu.Lock(); defer a.mu.Unlock(); a.tlsALPN = nil }, nil
	}
	if a.tokens == nil {
		a.tokens = map[string]string{}
	}
	path := challenge.HTTP01ResourcePath()
	a.tokens[path] = challenge.KeyAuthorization
	return func() { a.mu.Lock(); defer a.mu.Unlock(); delete(a.tokens, path) }, nil
}

// finalize asks the CA to issue the certificate of a validated order for the key, and waits until it has.
func (a *attempt) finalize(ctx context.Context, order acme.Order, key *ecdsa.PrivateKey) (acme.Order, error) {
	request, err := x509.CreateCertificateRequest(rand.Reader, requestFor(a.domain.name), key)
	if err != nil {
		return order, err
	}
	return a.session.client.FinalizeOrder(ctx, a.session.account, order, request)
}

// download gets the certificate of a finalized order, and checks it.
func (a *attempt) download(ctx context.Context, order acme.Order, key *ecdsa.PrivateKey) (*tls.Certificate, error) {
	chains, err := a.session.client.GetCertificateChain(ctx, a.session.account, order.Certificate)
	if err != nil {
		return nil, err
	}
	a.at = stageIssued
	if len(chains) == 0 {
		return nil, errors.New("the CA's answer holds no certificate")
	}
	return parseChain(chains[0].ChainPEM, key, a.domain.name, time.Now())
}

// challengeCertificate returns the certificate that answers a TLS-ALPN-01 validation (RFC 8737, section 3); nil if
// none is under way.
func (a *attempt) challengeCertificate() *tls.Certificate {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tlsALPN
}

// httpAnswer answers an HTTP-01 validation (RFC 8555, section 8.3).
func (a *attempt) httpAnswer(path string) ([]byte, bool) {
	if a == nil {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	answer, ok := a.tokens[path]
	return []byte(answer), ok
}
