package acmecert

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/conformance/redistest"
)

// putShared writes a value to the store as another machine would.
func putShared(t *testing.T, m *testMachine, kind, domain string, data []byte) {
	t.Helper()
	lease, err := m.store.Lease(t.Context(), m.manager.shared.nameOf(orderKind, domain))
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if err := lease.Put(context.Background(), m.manager.shared.nameOf(kind, domain), data); err != nil {
		t.Fatal(err)
	}
}

// TestMachinesWhoseClocksDifferByAMinute lets a machine read what another machine, whose clock is a minute ahead or
// behind, has written. Leases need no such test: the store measures their time.
func TestMachinesWhoseClocksDifferByAMinute(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	for _, skew := range []time.Duration{-time.Minute, time.Minute} {
		t.Run(fmt.Sprintf("a refusal, by a clock that is off by %s", skew), func(t *testing.T) {
			for left, want := range map[time.Duration]int{10 * time.Minute: 0, -2 * time.Minute: 1} {
				ca, cfg := datedCA(t, acmeTestName)
				a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
				there := time.Now().Add(skew).UTC()
				data, err := json.Marshal(refusal{Directory: cfg.ACMEDirectory, Domain: acmeTestName, Failures: 1, LastError: "no",
					LastAttempt: there.Add(-3 * time.Minute), NextTry: there.Add(left)})
				if err != nil {
					t.Fatal(err)
				}
				putShared(t, a, refusalKind, acmeTestName, data)
				b.manager.try(t.Context(), b.first())
				if got := ca.Requests(acmetest.FakeCANewOrder); got != want {
					t.Errorf("got %d orders when %s of the wait are left on the other machine, want %d", got, left, want)
				}
			}
		})
		t.Run(fmt.Sprintf("a certificate, by a clock that is off by %s", skew), func(t *testing.T) {
			// Certificates have the time of the CA's clock, which is the other machine's here.
			ca, cfg := issuingCA(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(skew) }, acmeTestName)
			a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
			for _, m := range []*testMachine{a, b} {
				if err := m.Provision(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			first := a.serves(acmeTestName)
			sameCertificate(t, acmeTestName, nil, a, b)
			time.Sleep(time.Until(first.Leaf.NotBefore.Add(-skew + 1100*time.Millisecond))) // times in certificates are whole seconds
			if o := b.renew(t); o.err != nil || o.origin != ordered {
				t.Fatalf("got %+v, want a renewal", o)
			}
			sameCertificate(t, acmeTestName, first, a, b)
			if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
				t.Errorf("got %d orders, want 2", got)
			}
		})
	}
}
