package acmecert

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

const (
	userAgent = "reverse-proxy"
	// directoryAge is how long a fetched directory is used. After that time, the Manager notices that the CA has
	// begun or ceased to offer profiles or renewal information.
	directoryAge = time.Hour
	// pollInterval is the time between two polls if the CA does not say.
	pollInterval = 500 * time.Millisecond
)

// authority is the CA as all attempts of one Manager use it, with its directory, its nonces and the account there. An
// attempt can thus begin with its order.
type authority struct {
	directoryURL string
	contact      string
	eab          *acme.EAB // nil without external account binding
	base         http.RoundTripper
	cache        autocert.Cache
	log          *eventlog.Logger
	// lock keeps other processes with the same cache from creating an account at the same time; nil if no other
	// process can use the cache.
	lock func(ctx context.Context) (unlock func(), err error)

	// turn is held while a session is opened, so that all names together wait only once for a CA that hangs.
	turn chan struct{}

	mu      sync.Mutex
	current *session
	// last is the account of the latest session; nil before the first one. It is used if the cache has lost the account.
	last *acme.Account
	// failed is how the last opening ended, for the callers that waited for it.
	failed   error
	openings int
}

// session is what an order needs of the CA: its directory, its account, and a client, which keeps the nonces.
type session struct {
	client    *acme.Client
	directory acme.Directory
	account   acme.Account
	fetched   time.Time
}

// offers returns an error if the CA does not offer the profile; "" means the CA's choice.
func (s *session) offers(profile string) error {
	if profile == "" {
		return nil
	}
	var offered []string
	if s.directory.Meta != nil {
		offered = slices.Sorted(maps.Keys(s.directory.Meta.Profiles))
	}
	switch {
	case slices.Contains(offered, profile):
		return nil
	case len(offered) == 0:
		return fmt.Errorf("acme_profile: the CA offers no profiles; leave the key out")
	}
	return fmt.Errorf("acme_profile: the CA does not offer %s; it offers %s", wording.Quoted(profile), strings.Join(offered, ", "))
}

func newAuthority(directoryURL, contact string, eab *acme.EAB, base http.RoundTripper, cache autocert.Cache, log *eventlog.Logger) *authority {
	return &authority{directoryURL: directoryURL, contact: contact, eab: eab, base: base, cache: cache, log: log, turn: make(chan struct{}, 1)}
}

// open returns the session. It opens a new one if there is none or its directory is too old. Callers that wait
// meanwhile share the result, even a failure.
func (a *authority) open(ctx context.Context) (*session, error) {
	current, seen, _ := a.state()
	if current != nil && time.Since(current.fetched) < directoryAge {
		return current, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	current, openings, failed := a.state()
	if openings != seen {
		if failed != nil {
			return nil, failed
		}
		if current != nil {
			return current, nil
		}
	}
	s, err := a.newSession(ctx, current)
	if err != nil && ctx.Err() != nil {
		if err = context.Cause(ctx); !errors.Is(err, errNoAnswer) {
			return nil, err // the caller has given up, which says nothing about the CA
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.openings++
	a.failed = err
	if err == nil {
		a.current, a.last = s, &s.account
	}
	return s, err
}

func (a *authority) state() (current *session, openings int, failed error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current, a.openings, a.failed
}

func (a *authority) lastAccount() *acme.Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// drop forgets the session, so that the next attempt begins with the directory. The account is kept.
func (a *authority) drop(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == s {
		a.current = nil
	}
}

// newSession fetches the directory and finds the account. It takes the account from the previous session, if there
// was one.
func (a *authority) newSession(ctx context.Context, before *session) (*session, error) {
	directory, err := fetchDirectory(ctx, a.base, a.directoryURL)
	if err != nil {
		return nil, err
	}
	s := &session{directory: directory, fetched: time.Now()}
	if s.client, err = a.newClient(directory); err != nil {
		return nil, err
	}
	if before != nil {
		s.account = before.account
		return s, nil
	}
	if last := a.lastAccount(); last != nil && !a.cacheHasKey(ctx) {
		s.account = *last
		return s, nil
	}
	if a.lock != nil {
		unlock, err := a.lock(ctx)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	key, err := a.accountKey(ctx)
	if err != nil {
		return nil, err
	}
	s.account, err = a.account(ctx, s.client, key)
	return s, err
}

// newClient returns acmez's client for a directory.
//
// The client's package caches every directory for twelve hours under its URL. A hash of the directory in the URL's
// fragment, which no server sees, gives a changed directory an entry of its own. Renewal information is removed from
// the directory, because the client would ask for it at every certificate; renewalInfo asks instead.
func (a *authority) newClient(directory acme.Directory) (*acme.Client, error) {
	directory.RenewalInfo = ""
	document, err := json.Marshal(directory)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(document)
	return &acme.Client{
		Directory:    a.directoryURL + "#" + hex.EncodeToString(hash[:8]),
		HTTPClient:   &http.Client{Transport: &transport{base: a.base, directory: document}},
		UserAgent:    userAgent,
		PollInterval: pollInterval,
	}, nil
}

// account returns the account of the key: the one in the record that is cached with the key, or else the one that the
// CA has for the key or creates. It updates the contact if that has changed (S-5.12).
func (a *authority) account(ctx context.Context, client *acme.Client, key *ecdsa.PrivateKey) (acme.Account, error) {
	account := acme.Account{PrivateKey: key, Status: acme.StatusValid, Contact: []string{a.contact}}
	print, err := account.Thumbprint()
	if err != nil {
		return account, err
	}
	record := a.readRecord(ctx)
	if record.Directory != a.directoryURL || record.Key != print || record.URL == "" {
		return a.register(ctx, client, key, print)
	}
	account.Location = record.URL
	if record.Contact == a.contact {
		return account, nil
	}
	updated, err := client.UpdateAccount(ctx, acme.Account{PrivateKey: key, Location: account.Location, Contact: []string{a.contact}})
	if err != nil {
		if p, ok := problemOf(err); ok && p.Type == acme.ProblemTypeAccountDoesNotExist {
			return a.register(ctx, client, key, print)
		}
		return account, err
	}
	a.log.Log(eventlog.LevelInfo, "ACME_ACCOUNT", eventlog.Str("directory", a.directoryURL), eventlog.Str("account", account.Location),
		eventlog.Str("contact", a.contact), eventlog.Str("status", accountStatus(updated.Status)))
	a.writeRecord(ctx, accountRecord{a.directoryURL, account.Location, print, a.contact})
	return account, nil
}

// accountStatus returns the status in the CA's answer about an account, or "valid" if the CA leaves it out.
func accountStatus(status string) string {
	if status == "" {
		return acme.StatusValid
	}
	return status
}

// register creates an account for the key. If the CA already has one, it updates its contact and returns it.
func (a *authority) register(ctx context.Context, client *acme.Client, key *ecdsa.PrivateKey, print string) (acme.Account, error) {
	request := acme.Account{PrivateKey: key, Contact: []string{a.contact}, TermsOfServiceAgreed: true}
	if a.eab != nil {
		if err := request.SetExternalAccountBinding(ctx, client, *a.eab); err != nil {
			return request, err
		}
	}
	found, err := client.NewAccount(ctx, request)
	if err != nil {
		return found, err
	}
	if found.Location == "" {
		return found, errors.New("the CA's answer to newAccount names no account")
	}
	account := acme.Account{PrivateKey: key, Status: acme.StatusValid, Contact: []string{a.contact}, Location: found.Location}
	if len(found.Contact) > 0 && found.Contact[0] != a.contact {
		// For an account that exists the CA answers with the old contact (RFC 8555, section 7.3).
		if _, err := client.UpdateAccount(ctx, acme.Account{PrivateKey: key, Location: found.Location, Contact: []string{a.contact}}); err != nil {
			return account, err
		}
	}
	a.writeRecord(ctx, accountRecord{a.directoryURL, account.Location, print, a.contact})
	return account, nil
}

// lost registers the key again after the CA has said that the account does not exist.
func (a *authority) lost(ctx context.Context, s *session) (*session, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if current, _, _ := a.state(); current != nil && current.account.Location != s.account.Location {
		return current, nil // another attempt has registered it
	}
	key := s.account.PrivateKey.(*ecdsa.PrivateKey)
	print, err := s.account.Thumbprint()
	if err != nil {
		return nil, err
	}
	renewed := session{client: s.client, directory: s.directory, fetched: s.fetched}
	if renewed.account, err = a.register(ctx, s.client, key, print); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current, a.last = &renewed, &renewed.account
	return &renewed, nil
}
