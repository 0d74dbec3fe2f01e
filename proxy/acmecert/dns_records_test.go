package acmecert

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/waittest"
)

// recordingProvider is a provider that adds no records, and keeps what it is asked to remove.
type recordingProvider struct {
	removed []string
	remove  error
}

func (p *recordingProvider) Present(context.Context, string, string) error {
	return errors.New("the zone is locked")
}

func (p *recordingProvider) CleanUp(_ context.Context, _, value string) error {
	p.removed = append(p.removed, value)
	return p.remove
}

// TestTheRecordOfAKilledProcessIsRemoved lets the next process order the same wildcard.
func TestTheRecordOfAKilledProcessIsRemoved(t *testing.T) {
	const name = "*." + acmeTestName
	cfg := acmeTestConfig(t, acmeTestDirectory, "", name)
	challenge := func(token string) acme.Challenge {
		return acme.Challenge{Type: acme.ChallengeTypeDNS01, KeyAuthorization: token + ".print", Identifier: acme.Identifier{Type: "dns", Value: acmeTestName}}
	}
	value := func(token string) string { return challenge(token).DNS01KeyAuthorization() }
	killed := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	killed.manager.rememberRecord(t.Context(), killed.names.Load().list[0], challenge("left"))

	s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	provider := &recordingProvider{remove: errors.New("no answer")}
	s.manager.solver = acmedns.NewSolver(provider, acmedns.SystemNetwork())
	d := s.names.Load().list[0]
	file := filepath.Join(cfg.ACMECacheDir, recordPrefix+cacheKey(name))
	present := func(token string) {
		t.Helper()
		if _, err := (&attempt{domain: d}).presentRecord(t.Context(), s.manager, challenge(token)); err == nil {
			t.Fatal("got no error, want that of the provider")
		}
	}
	present("one")
	if want := []string{value("left"), value("one")}; !slices.Equal(provider.removed, want) {
		t.Errorf("got %q to remove, want %q", provider.removed, want)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("got %v, want a record that could not be removed remembered", err)
	}
	provider.remove, provider.removed = nil, nil
	present("two")
	if want := []string{value("one"), value("two")}; !slices.Equal(provider.removed, want) {
		t.Errorf("got %q to remove, want %q", provider.removed, want)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("got %v, want a record that was removed forgotten", err)
	}
}
