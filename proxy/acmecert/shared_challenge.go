package acmecert

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/certstore"
)

// challengeTime is how long the answer to a challenge stays in the store if the machine that wrote it dies.
const challengeTime = attemptTimeout

// sharedAnswer is the form of an answer to a challenge in the store.
type sharedAnswer struct {
	Type             string `json:"type"`
	Token            string `json:"token"`
	KeyAuthorization string `json:"key_authorization"`
}

// remoteChallenge is the answer to another machine's challenge.
type remoteChallenge struct {
	until            time.Time
	certificate      *tls.Certificate
	path             string
	keyAuthorization string
	// record is the challenge whose record this machine's responder has; nil for none.
	record *acme.Challenge
}

// shareChallenge tells all machines the answer to a challenge, because the CA may ask any of them. It returns once
// they know it. If the lease is lost, the attempt ends. If the store is away, the attempt goes on: the CA may ask
// this machine.
func (a *attempt) shareChallenge(ctx context.Context, challenge acme.Challenge) (withdraw func(), err error) {
	if a.lease == nil {
		return func() {}, nil
	}
	data, err := json.Marshal(sharedAnswer{challenge.Type, challenge.Token, challenge.KeyAuthorization})
	if err != nil {
		return nil, err
	}
	name := a.shared.nameOf(challengeKind, a.domain.name)
	if err := a.lease.PutFor(ctx, name, data, challengeTime); err != nil && !errors.Is(err, certstore.ErrAway) {
		return nil, err
	}
	return func() { _ = a.lease.Delete(ctx, name) }, nil // if this fails, the value expires
}

// learnChallenge reads the answer to the challenge of a name from the store.
func (m *Manager) learnChallenge(ctx context.Context, domain string) {
	name := m.shared.nameOf(challengeKind, domain)
	data, err := m.shared.store.Get(ctx, name)
	var answer sharedAnswer
	if err == nil && json.Unmarshal(data, &answer) != nil {
		err = certstore.UnreadableError{Name: name}
	}
	challenge := acme.Challenge{Type: answer.Type, Token: answer.Token, KeyAuthorization: answer.KeyAuthorization,
		Identifier: identifierOf(strings.TrimPrefix(domain, "*."))}
	remote := remoteChallenge{until: time.Now().Add(challengeTime)}
	switch {
	case err != nil:
		m.logUnreadable(name, err)
	case answer.Type == acme.ChallengeTypeTLSALPN01:
		if remote.certificate, err = acmez.TLSALPN01ChallengeCert(challenge); err != nil {
			m.logUnusable(name, err)
		}
	case answer.Type == acme.ChallengeTypeHTTP01:
		remote.path, remote.keyAuthorization = challenge.HTTP01ResourcePath(), answer.KeyAuthorization
	}
	if err == nil && answer.Type == acme.ChallengeTypeDNS01 && m.records != nil {
		remote.record = &challenge
	}
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	m.swapRecord(ctx, m.shared.challenges[domain].record, remote.record)
	if err != nil {
		delete(m.shared.challenges, domain)
		return
	}
	m.shared.challenges[domain] = remote
}

// swapRecord replaces the record for one challenge by that for another in this machine's DNS responder; either may be
// nil.
func (m *Manager) swapRecord(ctx context.Context, before, next *acme.Challenge) {
	if before != nil { // neither can fail: the records are in memory
		_ = m.records.CleanUp(ctx, before.DNS01TXTRecordName()+".", before.DNS01KeyAuthorization())
	}
	if next != nil {
		_ = m.records.Present(ctx, next.DNS01TXTRecordName()+".", next.DNS01KeyAuthorization())
	}
}

// remoteChallenge returns the answer to another machine's challenge for a name.
func (m *Manager) remoteChallenge(name string) (remote remoteChallenge, ok bool) {
	if m.shared == nil {
		return remote, false
	}
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	remote, ok = m.shared.challenges[challengedDomain(name)]
	return remote, ok && time.Now().Before(remote.until)
}
