package acmecert

import (
	"context"
	"errors"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/waittest"
)

func TestACMEShutdownEndsProvisioning(t *testing.T) {
	ca, root := startFakeCA(t)
	// The client of acmez waits a quarter of a second before it tries again.
	ca.Refuse(acmetest.FakeCANewAccount, acmetest.Refusal{Status: 500, Type: "busy"})
	cfg := acmeTestConfig(t, ca.DirectoryURL, root, acmeTestName)
	s := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Provision(ctx, nil) }()
	waittest.For(t, "a request for an account", func() bool { return ca.Requests(acmetest.FakeCANewAccount) > 0 })
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
	if _, ok := s.manager.refusals.get(cfg.ACMEDirectory, acmeTestName); ok {
		t.Error("got a remembered refusal, want none for a shutdown")
	}
}

func TestAnAttemptIsCountedByItsResult(t *testing.T) {
	var log waittest.Buffer
	source := newTestACMESource(t, acmeTestConfig(t, acmeTestDirectory, "", "a.example.test", "b.example.test"), true, &log)
	good := makeACMETestCert(t, "a.example.test", time.Now().AddDate(0, 0, -89), time.Now().Add(time.Hour)) // due at once
	ended := func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}
	for _, attempt := range []struct {
		ctx     context.Context
		outcome outcome
	}{
		{t.Context(), outcome{certificate: good, origin: ordered}},
		{t.Context(), outcome{err: errors.New("no"), refused: true}},
		{t.Context(), outcome{err: errors.New("no"), refused: true}},
		{t.Context(), outcome{err: errors.New("connection refused")}},
		{ended(), outcome{err: errors.New("given up")}}, // the daemon is shutting down: nothing has failed
		{ended(), outcome{certificate: good, origin: ordered}},
	} {
		source.manager.count(attempt.ctx, attempt.outcome)
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
	source.manager.failed(t.Context(), source.names.Load().list[1], outcome{err: errors.New("no")}, time.Now())
	if got := failing(); len(got) != 1 || got[0] != "b.example.test" {
		t.Errorf("%v fail, want b.example.test", got)
	}
}

// TestFailedValidationsStayBelowTheLimitOfTheCA counts failed validations if every one fails. Let's Encrypt allows
// five for a name in an hour; one must be left for an operator who tries again by hand.
func TestFailedValidationsStayBelowTheLimitOfTheCA(t *testing.T) {
	s := newTestACMESource(t, acmeTestConfig(t, "https://127.0.0.1:1/dir", "", acmeTestName), true, &waittest.Buffer{})
	m := s.manager
	var failed []time.Time
	both := 0
	for now := time.Now(); len(failed) < 30; {
		types := m.challengeTypes(acmeTestName)
		if len(types) == 2 {
			both++
		}
		for range types {
			failed = append(failed, now)
		}
		refused, err := m.refusals.refuse(t.Context(), m.cfg.Directory, acmeTestName, "no", 0, 0, now)
		if err != nil {
			t.Fatal(err)
		}
		now = refused.NextTry
	}
	for i := range failed {
		n := 0
		for _, at := range failed[i:] {
			if at.Sub(failed[i]) < time.Hour {
				n++
			}
		}
		if n > 4 {
			t.Fatalf("got %d failed validations within an hour, want at most 4", n)
		}
	}
	if both < 5 {
		t.Errorf("got %d attempts with both types of challenges, want the first and all late ones", both)
	}
}
