package acmecert

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"github.com/miekg/dns"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/conformance/redistest"
	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/waittest"
)

// testMachine is a machine in a test: a source with a cache of its own, and a store that it shares with other
// machines.
type testMachine struct {
	*Source
	store *certstore.Store
	log   *waittest.Buffer
	cfg   config.TLS
}

// startMachine starts a machine. Only the test renews its certificates.
func startMachine(t *testing.T, server *redistest.Server, cfg config.TLS) *testMachine {
	t.Helper()
	cfg.ACMECacheDir = cacheDir(t)
	return restartMachine(t, server, cfg)
}

// restartMachine is startMachine with a cache from before.
func restartMachine(t *testing.T, server *redistest.Server, cfg config.TLS) *testMachine {
	t.Helper()
	m := &testMachine{log: &waittest.Buffer{}, cfg: cfg}
	logger, err := eventlog.New(eventlog.Options{Level: eventlog.LevelDebug, Format: eventlog.FormatText}, m.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logger.Close() })
	responders := Responders{}
	if cfg.ACMEDNS.Method == config.DNSResponder {
		responders[cfg.ACMEDNS.Bind] = acmedns.NewRecords(cfg.ACMEDNS.Host)
	}
	managers := NewManagers(logger, responders)
	m.store, err = certstore.New(certstore.Options{Address: server.Address, Secret: bytes.Repeat([]byte("secret! "), 4), Machine: "machine",
		Changed: managers.Changed, Synced: managers.Synced})
	if err != nil {
		t.Fatal(err)
	}
	managers.Share(m.store)
	if m.Source, err = managers.Source("listeners[0]", "127.0.0.1:443", cfg, true); err != nil {
		t.Fatal(err)
	}
	m.manager.lookEvery = 0
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { m.store.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait(); managers.Wait() })
	m.store.AwaitFirst(t.Context())
	return m
}

// datedCA starts a CA that dates all certificates to the same moment, as some CAs date all those of a day to its
// beginning.
func datedCA(t *testing.T, names ...string) (*acmetest.FakeCA, config.TLS) {
	t.Helper()
	return intervalCA(t, 0, names...)
}

// intervalCA starts a CA that dates each certificate later than the one before.
func intervalCA(t *testing.T, interval time.Duration, names ...string) (*acmetest.FakeCA, config.TLS) {
	t.Helper()
	began, issued := time.Now().Add(-time.Hour), atomic.Int32{}
	return issuingCA(t, func(c *x509.Certificate) {
		c.NotBefore = began.Add(time.Duration(issued.Add(1)) * interval)
		c.NotAfter = c.NotBefore.Add(90 * day)
	}, names...)
}

// serves returns the certificate that a machine serves for a name.
func (m *testMachine) serves(name string) *tls.Certificate {
	return m.Certificate(&tls.ClientHelloInfo{ServerName: name})
}

// first returns the first name of a machine.
func (m *testMachine) first() *domain { return m.names.Load().list[0] }

// renew renews the first name now.
func (m *testMachine) renew(t *testing.T) outcome {
	t.Helper()
	m.manager.mu.Lock()
	m.first().renewAt, m.first().retryAt = time.Now().Add(-time.Minute), time.Time{}
	m.manager.mu.Unlock()
	return m.manager.try(t.Context(), m.first())
}

// sameCertificate waits until all machines serve the same certificate for a name, one that differs from before.
func sameCertificate(t *testing.T, name string, before *tls.Certificate, machines ...*testMachine) {
	t.Helper()
	waittest.For(t, "all machines to serve the same certificate", func() bool {
		first := machines[0].serves(name)
		for _, m := range machines {
			if c := m.serves(name); c == nil || !c.Leaf.Equal(first.Leaf) || before != nil && c.Leaf.Equal(before.Leaf) {
				return false
			}
		}
		return true
	})
}

// TestThreeMachinesWithFiftyNewNames starts the machines at the same time. They make 50 orders, not 150, with one
// account.
func TestThreeMachinesWithFiftyNewNames(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("n%d.example.test", i))
	}
	ca, cfg := datedCA(t, names...)
	var machines []*testMachine
	var starts sync.WaitGroup
	for range 3 {
		m := startMachine(t, server, cfg)
		machines = append(machines, m)
		starts.Go(func() {
			if err := m.Provision(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	for path, want := range map[string]int{acmetest.FakeCANewAccount: 1, acmetest.FakeCANewOrder: len(names)} {
		if got := ca.Requests(path); got != want {
			t.Errorf("%s: got %d requests of three machines, want %d", path, got, want)
		}
	}
	for _, name := range names {
		sameCertificate(t, name, nil, machines...)
	}
	for i, m := range machines {
		cached, _, err := loadCertificate(t.Context(), diskCache{testDisk(m.cfg.ACMECacheDir)}, names[0], time.Now())
		if err != nil || cached == nil || !cached.Leaf.Equal(machines[0].serves(names[0]).Leaf) {
			t.Errorf("machine %d: got %v, %v in its cache, want the certificate that all serve", i, cached, err)
		}
	}
}

func TestARenewalReachesAllMachines(t *testing.T) {
	for what, interval := range map[string]time.Duration{
		"the CA dates each certificate to its issue":      time.Minute,
		"the CA dates all certificates of a day the same": 0,
	} {
		t.Run(what, func(t *testing.T) {
			server := redistest.ForTest(t, redistest.Options{})
			ca, cfg := intervalCA(t, interval, acmeTestName)
			a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
			for _, m := range []*testMachine{a, b} {
				if err := m.Provision(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			before := a.serves(acmeTestName)
			if o := a.renew(t); o.err != nil || o.origin == foundStore {
				t.Fatalf("got %+v, want a renewal", o)
			}
			sameCertificate(t, acmeTestName, before, a, b)
			waitForACMELog(t, b.log, "ACME_RENEWED domain="+acmeTestName+" source=store")
			if o := b.renew(t); o.err != nil || o.origin == foundStore { // its own is due by then, and no machine has renewed it
				t.Fatalf("got %+v, want a renewal", o)
			}
			if got := ca.Requests(acmetest.FakeCANewOrder); got != 3 {
				t.Errorf("got %d orders, want 3", got)
			}
		})
	}
}

// TestARenewalWithoutTheStoreIsNotUndone renews a certificate while the store is away and keeps the old one, at a CA
// whose dates do not show which of the two is newer.
func TestARenewalWithoutTheStoreIsNotUndone(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	_, cfg := datedCA(t, acmeTestName)
	a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
	for _, m := range []*testMachine{a, b} {
		if err := m.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	before := a.serves(acmeTestName)
	value, err := encodeCertificate(before)
	if err != nil {
		t.Fatal(err)
	}
	renewed := makeACMETestCert(t, acmeTestName, before.Leaf.NotBefore, before.Leaf.NotAfter)
	a.manager.succeed(t.Context(), a.first(), outcome{certificate: renewed, origin: ordered})
	if err := a.store.Put(t.Context(), a.manager.shared.nameOf(certificateKind, acmeTestName), value); err != nil {
		t.Fatal(err)
	}
	a.manager.sync(t.Context())
	sameCertificate(t, acmeTestName, before, a, b)
	if got := a.serves(acmeTestName); !got.Leaf.Equal(renewed.Leaf) {
		t.Error("got another certificate, want the renewed one")
	}
}

// TestAnEarlyRenewalCountsOnAllMachines prevents several machines from renewing a certificate in turn, at a CA whose
// windows are always in the past.
func TestAnEarlyRenewalCountsOnAllMachines(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	_, cfg := datedCA(t, acmeTestName)
	a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
	past := time.Now().Add(-time.Minute)
	for _, m := range []*testMachine{a, b} {
		if err := m.Provision(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		m.manager.mu.Lock()
		m.first().suggested = suggestion{Directory: cfg.ACMEDirectory, Domain: acmeTestName, Certificate: "a.b", Start: past, End: past, Moment: past}
		m.manager.mu.Unlock()
	}
	before := a.serves(acmeTestName)
	if o := a.manager.try(t.Context(), a.first()); o.err != nil || o.origin != ordered {
		t.Fatalf("got %+v, want an early renewal", o)
	}
	sameCertificate(t, acmeTestName, before, a, b)
	for what, m := range map[string]*testMachine{"that has renewed": a, "that has not": b} {
		waittest.For(t, "the early renewal to count on the machine "+what, func() bool {
			return m.manager.suggestions.get(cfg.ACMEDirectory, acmeTestName).Early.After(past)
		})
	}
}

func TestAnyMachineAnswersTheChallengeOfAnother(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	cfg := acmeTestConfig(t, acmeTestDirectory, "", acmeTestName)
	a := startMachine(t, server, cfg)
	cfg.ACMEDomains = []string{"other.example.test"} // it need not know the name
	b := startMachine(t, server, cfg)
	waittest.For(t, "two machines", func() bool { return a.store.State().Machines == 2 })
	hello := &tls.ClientHelloInfo{ServerName: acmeTestName, SupportedProtos: []string{"acme-tls/1"}}
	const path = "/.well-known/acme-challenge/token"
	a.manager.obtain = func(ctx context.Context, d *domain) outcome {
		attempt := &attempt{domain: d, lease: d.lease, shared: a.manager.shared}
		for _, kind := range []string{acme.ChallengeTypeTLSALPN01, acme.ChallengeTypeHTTP01} {
			withdraw, err := attempt.shareChallenge(ctx, acme.Challenge{Type: kind, Token: "token", KeyAuthorization: "token.print",
				Identifier: acme.Identifier{Type: "dns", Value: d.name}})
			if err != nil {
				t.Error(err)
				continue
			}
			certificate, _ := b.ChallengeCertificate(hello)
			answer, ok := b.HTTPChallenge(acmeTestName+":80", path)
			if (certificate != nil) != (kind == acme.ChallengeTypeTLSALPN01) || ok != (kind == acme.ChallengeTypeHTTP01) || ok && string(answer) != "token.print" {
				t.Errorf("%s: got the certificate %v and the answer %q on the other machine", kind, certificate, answer)
			}
			if _, ok := b.HTTPChallenge(acmeTestName, path+"x"); ok {
				t.Error("got an answer for another token")
			}
			late := startMachine(t, server, cfg)
			waittest.For(t, "the answer on a machine that connects after it was shared", func() bool {
				certificate, _ := late.ChallengeCertificate(hello)
				_, ok := late.HTTPChallenge(acmeTestName, path)
				return certificate != nil || ok
			})
			withdraw()
		}
		return outcome{err: errors.New("enough"), local: true}
	}
	a.manager.try(t.Context(), a.first())
	waittest.For(t, "the answers to be withdrawn", func() bool {
		certificate, _ := b.ChallengeCertificate(hello)
		_, ok := b.HTTPChallenge(acmeTestName, path)
		return certificate == nil && !ok
	})
}

func TestAnyResponderAnswersTheChallengeOfAnotherMachine(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	cfg := acmeTestConfig(t, acmeTestDirectory, "", "*."+acmeTestName)
	cfg.ACMEDNS = config.DNS01{Method: config.DNSResponder, Bind: "127.0.0.1:53", Host: "edge.example.test"}
	a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
	waittest.For(t, "two machines", func() bool { return a.store.State().Machines == 2 })
	responder, err := acmedns.Listen("127.0.0.1:0", b.manager.records)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(responder.Close)
	texts := func() int {
		question := new(dns.Msg).SetQuestion(acmeTestName+"._acme-challenge.edge.example.test.", dns.TypeTXT)
		reply, _, err := new(dns.Client).Exchange(question, responder.Addr())
		if err != nil {
			return -1
		}
		return len(reply.Answer)
	}
	a.manager.obtain = func(ctx context.Context, d *domain) outcome {
		attempt := &attempt{domain: d, lease: d.lease, shared: a.manager.shared}
		withdraw, err := attempt.shareChallenge(ctx, acme.Challenge{Type: acme.ChallengeTypeDNS01, Token: "token", KeyAuthorization: "token.print",
			Identifier: acme.Identifier{Type: "dns", Value: acmeTestName}})
		if err != nil {
			t.Error(err)
			return outcome{err: err, local: true}
		}
		if got := texts(); got != 1 {
			t.Errorf("got %d TXT records from the other machine's responder, want 1", got)
		}
		withdraw()
		return outcome{err: errors.New("enough"), local: true}
	}
	a.manager.try(t.Context(), a.first())
	waittest.For(t, "the record to be withdrawn", func() bool { return texts() == 0 })
}

func TestWithTheStoreAwayACacheIsEnough(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	ca, cfg := datedCA(t, acmeTestName)
	first := startMachine(t, server, cfg)
	if err := first.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	m := restartMachine(t, server, first.cfg)
	if err := m.Provision(t.Context(), nil); err != nil || m.serves(acmeTestName) == nil {
		t.Fatalf("got %v and %v, want the cached certificate", err, m.serves(acmeTestName))
	}
	if o := m.renew(t); !o.local || !errors.Is(o.err, certstore.ErrAway) {
		t.Errorf("a certificate that is due: got %+v, want that it waits for the store", o)
	}
	m.manager.mu.Lock()
	m.first().renewAt = time.Now().Add(-90 * day) // half of the time for the renewal has passed
	m.manager.mu.Unlock()
	before := m.serves(acmeTestName)
	if o := m.manager.try(t.Context(), m.first()); o.err != nil || o.origin == foundStore {
		t.Errorf("near its end: got %+v, want that it is ordered without the store", o)
	}
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
		t.Errorf("got %d orders, want 2", got)
	}
	if err := server.Restart(); err != nil { // empty
		t.Fatal(err)
	}
	sameCertificate(t, acmeTestName, before, m, first)
	fresh := startMachine(t, server, cfg)
	if err := fresh.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	sameCertificate(t, acmeTestName, before, m, first, fresh)
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 2 {
		t.Errorf("got %d orders after the store was filled again, want still 2", got)
	}
}

func TestANewNameWaitsForTheStore(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	ca, cfg := datedCA(t, acmeTestName)
	server.Kill()
	m := startMachine(t, server, cfg)
	wantACMEError(t, m.Provision(t.Context(), nil), acmeTestName+": the store is away", "connection refused", "until the store answers")
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 0 {
		t.Errorf("got %d orders, want none", got)
	}
	if got := m.Names()[0].NextTry; !got.After(time.Now()) {
		t.Errorf("got the next try at %v, want later", got)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	waittest.For(t, "the name to be due once the store is back", func() bool { return !m.Names()[0].NextTry.After(time.Now()) })
}

// TestAStoreThatCannotBeReadMayHaveTheCertificate covers a store that grants the lease of a name and then cannot be
// read.
func TestAStoreThatCannotBeReadMayHaveTheCertificate(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	ca, cfg := datedCA(t, acmeTestName)
	m := startMachine(t, server, cfg)
	if _, err := server.Do("ACL", "SETUSER", "default", "-getrange"); err != nil {
		t.Fatal(err)
	}
	if o := m.manager.try(t.Context(), m.first()); !o.local || !errors.Is(o.err, certstore.ErrAway) {
		t.Errorf("got %+v, want that the store is away", o)
	}
	if got := ca.Requests(acmetest.FakeCANewOrder); got != 0 {
		t.Errorf("got %d orders, want none", got)
	}
}

func TestARefusalIsSharedAmongMachines(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	for what, refusal := range map[string]acmetest.Refusal{
		"of the name":  {Status: 403, Type: "urn:ietf:params:acme:error:rejectedIdentifier", Detail: "no"},
		"of all names": {Status: 503, Type: "urn:ietf:params:acme:error:serverInternal", Detail: "busy", RetryAfter: time.Hour},
	} {
		t.Run(what, func(t *testing.T) {
			ca, cfg := datedCA(t, acmeTestName)
			ca.Refuse(acmetest.FakeCANewOrder, refusal)
			a, b := startMachine(t, server, cfg), startMachine(t, server, cfg)
			a.manager.try(t.Context(), a.first())
			asked := ca.Requests("")
			if o := b.manager.try(t.Context(), b.first()); o.err == nil || !o.elsewhere || !strings.Contains(o.err.Error(), refusal.Detail) {
				t.Errorf("got %+v on the other machine, want the refusal", o)
			}
			if got := ca.Requests(""); got != asked {
				t.Errorf("the other machine made %d requests, want none", got-asked)
			}
		})
	}
}

func TestARefusalOfBeforeIsForgottenOnAllMachines(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	ca, cfg := datedCA(t, acmeTestName)
	ca.Refuse(acmetest.FakeCANewOrder, acmetest.Refusal{Status: 403, Type: "urn:ietf:params:acme:error:rejectedIdentifier", Detail: "no"})
	m := startMachine(t, server, cfg)
	m.manager.try(t.Context(), m.first())
	if keys, _ := server.Keys("*value:refusal/*"); len(keys) != 1 {
		t.Fatalf("got the keys %v, want the refusal", keys)
	}
	if err := ca.Issue(nil); err != nil {
		t.Fatal(err)
	}
	m.manager.refusals.mu.Lock()
	r, _ := m.manager.refusals.find(m.cfg.ACMEDirectory, acmeTestName)
	r.NextTry = time.Now()
	m.manager.refusals.store(r)
	m.manager.refusals.mu.Unlock()
	if o := m.manager.try(t.Context(), m.first()); o.err != nil {
		t.Fatal(o.err)
	}
	if keys, _ := server.Keys("*value:refusal/*"); len(keys) != 0 {
		t.Errorf("got the keys %v after a success, want none", keys)
	}
}

// TestALostLeaseEndsTheOrder removes the lease while the CA hangs.
func TestALostLeaseEndsTheOrder(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	ca, cfg := datedCA(t, acmeTestName)
	m := startMachine(t, server, cfg)
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ca.Answer(acmetest.FakeCANewOrder, func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		<-answer
	})
	ended := make(chan outcome)
	go func() { ended <- m.manager.try(t.Context(), m.first()) }()
	<-asked
	if _, err := server.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	o := <-ended
	close(answer)
	if !errors.Is(o.err, certstore.ErrLost) || !o.local {
		t.Errorf("got %+v, want that the order ends with the lease", o)
	}
	if keys, _ := server.Keys("*value:certificate/*"); len(keys) != 0 {
		t.Errorf("got the keys %v, want none", keys)
	}
}

func TestGarbageInTheStoreIsReplaced(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	_, cfg := datedCA(t, acmeTestName)
	m := startMachine(t, server, cfg)
	shared := m.manager.shared
	for _, kind := range []string{certificateKind, refusalKind} {
		if _, err := server.Do("SET", "reverse-proxy:value:"+shared.nameOf(kind, acmeTestName), "garbage"); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.store.Put(t.Context(), shared.nameOf(accountKind, ""), []byte(`{"key":"AAAA"}`)); err != nil {
		t.Fatal(err)
	}
	if err := m.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{certificateKind, refusalKind, accountKind} {
		waitForACMELog(t, m.log, "STORE_VALUE value="+kind+"/")
	}
	for _, kind := range []string{certificateKind, accountKind} {
		name := acmeTestName
		if kind == accountKind {
			name = ""
		}
		if data, err := m.store.Get(t.Context(), shared.nameOf(kind, name)); err != nil || len(data) < 100 {
			t.Errorf("%s: got %q, %v, want it written anew", kind, data, err)
		}
	}
}

// TestACertificateOfTheCacheFillsTheStore loads the certificate after the machine, which had none then, was compared
// with an empty store.
func TestACertificateOfTheCacheFillsTheStore(t *testing.T) {
	tests := map[string]func(t *testing.T, m *testMachine){
		"a start finds it": func(t *testing.T, m *testMachine) {
			if err := m.Provision(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		},
		"a reload finds it": func(t *testing.T, m *testMachine) {
			next, err := m.Prepare([]string{acmeTestName})
			if err != nil {
				t.Fatal(err)
			}
			next.Commit()
		},
	}
	for name, load := range tests {
		t.Run(name, func(t *testing.T) {
			server := redistest.ForTest(t, redistest.Options{})
			_, cfg := datedCA(t, acmeTestName)
			cfg.ACMECacheDir = cacheDir(t)
			if err := newTestACMESource(t, cfg, true, &waittest.Buffer{}).Provision(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			m := restartMachine(t, server, cfg)
			m.manager.shared.syncing.await(t)
			ctx, cancel := context.WithCancel(t.Context())
			var run sync.WaitGroup
			defer run.Wait()
			defer cancel()
			run.Go(func() { m.manager.run(ctx) })
			load(t, m)
			waittest.For(t, "the certificate in the store", func() bool {
				data, err := m.store.Get(t.Context(), m.manager.shared.nameOf(certificateKind, acmeTestName))
				return err == nil && len(data) > 100
			})
		})
	}
}

// TestTheNewestCertificateOfAStartWins compares a machine with the store before it reads its cache. The certificate
// with which it starts is logged as the first one, and only once.
func TestTheNewestCertificateOfAStartWins(t *testing.T) {
	now := time.Now()
	older := makeACMETestCert(t, acmeTestName, now.Add(-2*time.Hour), now.Add(80*day))
	younger := makeACMETestCert(t, acmeTestName, now.Add(-time.Hour), now.Add(80*day))
	for what, test := range map[string]struct {
		cached, shared *tls.Certificate
		source         string
	}{
		"the cache has a newer one":         {younger, older, "cache"},
		"the store has a newer one":         {older, younger, "store"},
		"only the store has one":            {nil, younger, "store"},
		"both have the same":                {younger, younger, "cache"},
		"the store has one that is garbage": {younger, nil, "cache"},
	} {
		t.Run(what, func(t *testing.T) {
			server := redistest.ForTest(t, redistest.Options{})
			_, cfg := datedCA(t, acmeTestName)
			before := startMachine(t, server, cfg)
			value := []byte("garbage")
			if test.shared != nil {
				var err error
				if value, err = encodeCertificate(test.shared); err != nil {
					t.Fatal(err)
				}
			}
			if err := before.store.Put(t.Context(), before.manager.shared.nameOf(certificateKind, acmeTestName), value); err != nil {
				t.Fatal(err)
			}
			cfg.ACMECacheDir = cacheDir(t)
			if test.cached != nil {
				cacheACMETestCert(t, cfg.ACMECacheDir, acmeTestName, test.cached)
			}
			m := restartMachine(t, server, cfg)
			m.manager.shared.syncing.await(t)
			if err := m.Provision(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if got := m.serves(acmeTestName); !got.Leaf.Equal(younger.Leaf) {
				t.Errorf("serves the certificate of %v, want that of %v", got.Leaf.NotBefore, younger.Leaf.NotBefore)
			}
			if kept, _, err := loadCertificate(t.Context(), m.manager.cache, acmeTestName, now); err != nil || !kept.Leaf.Equal(younger.Leaf) {
				t.Errorf("the cache has another certificate, %v", err)
			}
			waitForACMELog(t, m.log, "ACME_PROVISION domain="+acmeTestName+" source="+test.source)
			if log := m.log.String(); strings.Contains(log, "ACME_RENEWED") || strings.Count(log, "ACME_PROVISION") != 1 {
				t.Errorf("got the lines %s, want one ACME_PROVISION", log)
			}
		})
	}
}

// TestALeaseThatWasLeftBehindDelaysAnOffer ends a machine that holds the lease of a name and has written nothing.
func TestALeaseThatWasLeftBehindDelaysAnOffer(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	_, cfg := datedCA(t, acmeTestName)
	m := startMachine(t, server, cfg)
	if err := m.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	name := m.manager.shared.nameOf(certificateKind, acmeTestName)
	lease := "reverse-proxy:lease:" + m.manager.shared.nameOf(orderKind, acmeTestName)
	for key, value := range map[string]string{"reverse-proxy:value:" + name: "garbage", lease: "x edge1"} {
		if _, err := server.Do("SET", key, value); err != nil {
			t.Fatal(err)
		}
	}
	if m.manager.compare(t.Context(), m.first()) {
		t.Fatal("got the comparison done, want the lease of the other machine respected")
	}
	var compared sync.WaitGroup
	compared.Go(func() { m.manager.untilCompared(t.Context(), m.first()) })
	if _, err := server.Do("DEL", lease); err != nil {
		t.Fatal(err)
	}
	compared.Wait()
	if data, err := m.store.Get(t.Context(), name); err != nil || len(data) < 100 {
		t.Errorf("got %q, %v after the end of the lease, want the certificate", data, err)
	}
}

// TestAMachineTakesTheAccountOfTheOthers gives the machine an account of its own first.
func TestAMachineTakesTheAccountOfTheOthers(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	_, cfg := datedCA(t, acmeTestName)
	a := startMachine(t, server, cfg)
	if err := a.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	cfg.ACMEDomains = []string{"b.example.test"}
	alone := newTestACMESource(t, cfg, true, &waittest.Buffer{})
	if err := alone.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	cfg.ACMEDomains = []string{"b.example.test", "c.example.test"}
	b := restartMachine(t, server, cfg)
	if err := b.Provision(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	key := func(dir, name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if key(a.cfg.ACMECacheDir, accountKeyFile) != key(cfg.ACMECacheDir, accountKeyFile) {
		t.Error("the machines have different accounts, want one")
	}
	if aside, _ := filepath.Glob(filepath.Join(cfg.ACMECacheDir, accountKeyFile+".replaced-*")); len(aside) != 1 {
		t.Errorf("got %v, want the account of before set aside", aside)
	}
}
