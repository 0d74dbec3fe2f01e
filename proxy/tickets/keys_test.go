package tickets

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"reverse-proxy/conformance/redistest"
	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/waittest"
)

// testClock is a clock that a test advances.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *testClock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// machine simulates a machine with one listener.
type machine struct {
	*Keys
	config *tls.Config
	store  *certstore.Store
}

func newMachine(t *testing.T, server *redistest.Server, clock *testClock, skew time.Duration) *machine {
	t.Helper()
	m := &machine{config: &tls.Config{}}
	store, err := certstore.New(certstore.Options{Address: server.Address, Secret: bytes.Repeat([]byte("secret! "), 4),
		Changed: func(ctx context.Context, name string) {
			if name == Name {
				m.Load(ctx)
			}
		},
		Synced: func(ctx context.Context) { m.Load(ctx) }})
	if err != nil {
		t.Fatal(err)
	}
	m.store = store
	m.Keys = New(store, func() time.Time { return clock.now().Add(skew) }, func(err error) { t.Error(err) })
	m.Bind("443", m.config)
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { store.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait() })
	store.AwaitFirst(t.Context())
	return m
}

// opens reports whether the machine accepts a ticket.
func (m *machine) opens(ticket []byte) bool {
	session, err := m.config.DecryptTicket(ticket, tls.ConnectionState{})
	return err == nil && session != nil
}

// ticket makes a ticket.
func (m *machine) ticket(t *testing.T) []byte {
	t.Helper()
	ticket, err := m.config.EncryptTicket(tls.ConnectionState{}, session(t))
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// session makes a session with a handshake. crypto/tls accepts no other sessions.
func session(t *testing.T) *tls.SessionState {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	var made *tls.SessionState
	near, far := net.Pipe()
	defer near.Close()
	server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		WrapSession: func(_ tls.ConnectionState, s *tls.SessionState) ([]byte, error) {
			made = s
			return []byte("ticket"), nil
		}})
	var handshake sync.WaitGroup
	handshake.Go(func() {
		if err := server.Handshake(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, client)
	handshake.Wait()
	return made
}

func (m *machine) count() int { m.mu.Lock(); defer m.mu.Unlock(); return len(m.keys) }

func TestMachinesHaveTheSameKeysAndChangeThemEachDay(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	clock := &testClock{at: time.Now()}
	a, b := newMachine(t, server, clock, 0), newMachine(t, server, clock, time.Minute)
	a.rotate(t.Context())
	waittest.For(t, "the keys on the other machine", func() bool { return b.count() == 1 })
	b.rotate(t.Context())
	if n := b.count(); n != 1 {
		t.Errorf("got %d keys after both machines looked, want 1", n)
	}
	first := a.ticket(t)
	var later []byte
	for day := range 6 {
		clock.add(rotateEvery)
		a.rotate(t.Context())
		b.rotate(t.Context())
		waittest.For(t, "the keys on both machines", func() bool { return a.count() == day+2 && b.count() == day+2 })
		later = a.ticket(t)
		clock.add(settle + time.Minute)
		a.Load(t.Context())
		b.Load(t.Context())
		if !b.opens(later) || !b.opens(a.ticket(t)) || !a.opens(b.ticket(t)) || !b.opens(first) {
			t.Errorf("day %d: a ticket of one machine is not accepted by the other", day)
		}
	}
	clock.add(2 * rotateEvery)
	a.rotate(t.Context())
	if a.opens(first) {
		t.Error("a ticket is accepted after more than a week")
	}
}

// TestANewKeyIsUsedOnceAllHaveIt checks that a machine that has not yet received the new key accepts all tickets.
func TestANewKeyIsUsedOnceAllHaveIt(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	clock := &testClock{at: time.Now()}
	a := newMachine(t, server, clock, 0)
	a.rotate(t.Context())
	old := New(a.store, clock.now, nil) // has the first key only
	config := &tls.Config{}
	old.Bind("443", config)
	old.Load(t.Context())
	other := &machine{Keys: old, config: config}
	clock.add(rotateEvery)
	a.rotate(t.Context())
	if !other.opens(a.ticket(t)) {
		t.Error("a machine that has only the previous key does not accept a new ticket")
	}
	clock.add(settle)
	a.Load(t.Context())
	if other.opens(a.ticket(t)) {
		t.Error("the new key is not used after it has settled")
	}
}

func TestListenersHaveDifferentKeys(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a := newMachine(t, server, &testClock{at: time.Now()}, 0)
	other := &machine{Keys: a.Keys, config: &tls.Config{}}
	a.Bind("8443", other.config)
	a.rotate(t.Context())
	if !a.opens(a.ticket(t)) || !other.opens(other.ticket(t)) {
		t.Error("a listener does not accept its own ticket")
	}
	if other.opens(a.ticket(t)) {
		t.Error("a ticket of one port is accepted at another")
	}
}

func TestWithTheStoreAwayTheKeysStayForTwoDays(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	clock := &testClock{at: time.Now()}
	a := newMachine(t, server, clock, 0)
	a.rotate(t.Context())
	before := a.ticket(t)
	server.Kill()
	waittest.For(t, "the store to be away", func() bool { return !a.store.State().Up })
	clock.add(rotateEvery + time.Minute)
	a.rotate(t.Context())
	if a.count() != 1 || !a.opens(before) {
		t.Errorf("got %d keys after a day without the store, want the previous one", a.count())
	}
	clock.add(rotateEvery)
	a.rotate(t.Context())
	if a.count() != 2 || !a.opens(before) {
		t.Errorf("got %d keys after two days without the store, want one more", a.count())
	}
	fresh := newMachine(t, server, clock, 0)
	fresh.rotate(t.Context())
	if fresh.count() != 0 {
		t.Error("a machine that never had shared keys made some, want each listener to use its own")
	}
}

func TestAnEmptiedStoreGetsTheKeysBack(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	clock := &testClock{at: time.Now()}
	a, b := newMachine(t, server, clock, 0), newMachine(t, server, clock, 0)
	a.rotate(t.Context())
	waittest.For(t, "the key on the other machine", func() bool { return b.count() == 1 })
	before := a.ticket(t)
	if _, err := server.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	waittest.For(t, "the keys in the store", func() bool {
		data, err := a.store.Get(t.Context(), Name)
		return err == nil && len(parseKeys(data)) == 1
	})
	fresh := newMachine(t, server, clock, 0)
	fresh.rotate(t.Context())
	if fresh.count() != 1 || !fresh.opens(before) {
		t.Errorf("got %d keys on a machine that came later, want the one that the others have", fresh.count())
	}
}

func TestGarbageIsNoKey(t *testing.T) {
	long, _ := json.Marshal(make([]key, 100))
	future, _ := json.Marshal([]key{{Secret: make([]byte, 32), Created: time.Now().AddDate(1, 0, 0)}})
	for _, data := range [][]byte{nil, []byte("garbage"), []byte("[]"), []byte(`[{"secret":"AAAA","created":"2026-01-02T03:04:05Z"}]`), long, future} {
		k := New(nil, time.Now, nil)
		if got := k.merged(parseKeys(data)); len(got) != 0 {
			t.Errorf("%q: got %d keys, want none", data, len(got))
		}
	}
	server := redistest.ForTest(t, redistest.Options{})
	a := newMachine(t, server, &testClock{at: time.Now()}, 0)
	if err := a.store.Put(t.Context(), Name, []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	a.rotate(t.Context())
	if data, err := a.store.Get(t.Context(), Name); err != nil || len(parseKeys(data)) != 1 || errors.Is(err, errNoKeys) {
		t.Errorf("got %q, %v in the store, want a key", data, err)
	}
}
