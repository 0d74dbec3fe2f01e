package acmecert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/config"
)

// Responders holds the records of this machine's DNS responders, keyed by address and port.
type Responders map[string]*acmedns.Records

// localError is the error of an attempt that failed on this machine, before the CA validated: it is neither a refusal
// nor an outage.
type localError struct{ error }

// Unwrap returns the cause.
func (e localError) Unwrap() error { return e.error }

// newSolver returns the solver for DNS-01 challenges and, for the method `responder`, the records of that responder.
// Both are nil without DNS-01. key is the key of the listener's `tls` table. The error is a config.KeyError.
func newSolver(key string, cfg config.DNS01, responders Responders) (*acmedns.Solver, *acmedns.Records, error) {
	network := acmedns.SystemNetwork()
	switch cfg.Method {
	case config.DNSResponder:
		records := responders[cfg.Bind]
		if records == nil {
			return nil, nil, config.KeyError{Key: key + ".acme_dns_bind", Problem: cfg.Bind + ": nothing answers there"}
		}
		return acmedns.NewSolver(records, network), records, nil
	case config.DNSUpdate:
		secret := fromFile(cfg.KeyFile, acmedns.ParseSecret)
		if _, err := secret(context.Background()); err != nil {
			return nil, nil, config.KeyError{Key: key + ".acme_dns_key_file", Problem: err.Error()}
		}
		return acmedns.NewSolver(&acmedns.Updater{Server: cfg.Server, Zone: cfg.Zone, KeyName: cfg.KeyName, Algorithm: cfg.KeyAlgorithm,
			Secret: secret, Network: network}, network), nil, nil
	case config.DNSWebhook:
		if cfg.HeaderFile == "" {
			return acmedns.NewSolver(acmedns.NewWebhook(cfg.PresentURL, cfg.CleanUpURL, nil), network), nil, nil
		}
		field := fromFile(cfg.HeaderFile, acmedns.ParseField)
		if _, err := field(context.Background()); err != nil {
			return nil, nil, config.KeyError{Key: key + ".acme_dns_header_file", Problem: err.Error()}
		}
		return acmedns.NewSolver(acmedns.NewWebhook(cfg.PresentURL, cfg.CleanUpURL, field), network), nil, nil
	}
	return nil, nil, nil
}

// fromFile returns a function that reads a secret from a file at each call, so that a new secret needs neither a
// restart nor a reload. Its errors name the file.
func fromFile[T any](path string, parse func(text []byte) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (secret T, err error) {
		text, err := clock.Within(ctx, func() ([]byte, error) { return readFile(path) })
		if err == nil {
			secret, err = parse(text)
		}
		if err != nil {
			return secret, errors.New(secretProblem(path, err))
		}
		return secret, nil
	}
}

// secretProblem renders the error about a file with its path, which appears only once.
func secretProblem(path string, err error) string {
	var pathError *os.PathError
	if errors.As(err, &pathError) || strings.HasPrefix(err.Error(), path) {
		return err.Error()
	}
	return path + " " + err.Error()
}

// tellResponder tells this machine's responder which names it answers for.
func (m *Manager) tellResponder() {
	if m.records == nil {
		return
	}
	m.mu.Lock()
	names := make([]string, 0, len(m.domains))
	for name := range m.domains {
		names = append(names, name)
	}
	m.mu.Unlock()
	m.records.SetNames(m, names)
}

// presentRecord puts the record of a DNS-01 challenge into the DNS, and waits until the authoritative name servers have it.
func (a *attempt) presentRecord(ctx context.Context, m *Manager, challenge acme.Challenge) (withdraw func(), err error) {
	withdraw = func() {
		if err := m.solver.CleanUp(ctx, challenge); err != nil {
			m.warn(a.domain, "the record of the challenge cannot be removed: "+clipText(err.Error(), maxTextBytes))
			return // the next order of the name tries to remove it again
		}
		m.forgetRecord(ctx, a.domain)
	}
	m.removeRecord(ctx, a.domain)
	m.rememberRecord(ctx, a.domain, challenge)
	err = m.solver.Present(ctx, challenge)
	if err == nil {
		err = m.solver.Wait(ctx, challenge)
	}
	if err != nil {
		withdraw()
		return nil, localError{fmt.Errorf("DNS-01: %w", err)}
	}
	return withdraw, nil
}

// isWildcard reports whether a name is `*.` and a host name.
func isWildcard(name string) bool {
	_, ok := config.IsWildcard(name)
	return ok
}

// cacheKey returns the key of a name's certificate in the cache. It replaces the `*` of a wildcard, which would be a
// pattern in a shell, by an underscore, which no host name has.
func cacheKey(name string) string {
	if rest, ok := config.IsWildcard(name); ok {
		return "_wildcard." + rest
	}
	return name
}

// wildcardOf returns the wildcard that covers a host name.
func wildcardOf(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return "*." + rest
}
