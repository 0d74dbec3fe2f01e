package certstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/conformance/redistest"
	"reverse-proxy/proxy/waittest"
)

// testSecret is the secret of a test's stores.
var testSecret = bytes.Repeat([]byte("secret! "), 4)

// events records what a store reports.
type events struct {
	mu      sync.Mutex
	changed []string
	synced  int
	states  []error
}

func (e *events) names() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.changed)
}

func (e *events) syncs() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.synced
}

// runStore runs a store until the test ends.
func runStore(t *testing.T, server *redistest.Server, change func(*Options)) (*Store, *events) {
	t.Helper()
	seen := &events{}
	opts := Options{
		Address: server.Address, Secret: testSecret, Machine: t.Name(),
		Changed: func(_ context.Context, name string) {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			seen.changed = append(seen.changed, name)
		},
		Synced: func(context.Context) {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			seen.synced++
		},
		StateChanged: func(err error) {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			seen.states = append(seen.states, err)
		},
	}
	if change != nil {
		change(&opts)
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait() })
	s.AwaitFirst(t.Context())
	return s, seen
}

// awaitUp waits until a store can be used.
func awaitUp(t *testing.T, s *Store) {
	t.Helper()
	waittest.For(t, "the store to be up", func() bool { return s.State().Up })
}

// awaitAway waits until a store is away because of something.
func awaitAway(t *testing.T, s *Store, because string) {
	t.Helper()
	waittest.For(t, "the store to be away because of "+because, func() bool {
		state := s.State()
		return !state.Up && strings.Contains(fmt.Sprint(state.Err), because)
	})
}

func TestAValueIsReadOnAnotherMachine(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, nil)
	b, seen := runStore(t, server, nil)
	var _ autocert.Cache = a
	if _, err := b.Get(t.Context(), "n"); !errors.Is(err, autocert.ErrCacheMiss) {
		t.Errorf("got %v before the write, want a miss", err)
	}
	for _, text := range []string{"one", "two"} {
		if err := a.Put(t.Context(), "n", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Get(t.Context(), "n"); err != nil || string(got) != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	}
	waittest.For(t, "the change", func() bool { return slices.Contains(seen.names(), "n") })
	if err := b.Delete(t.Context(), "n"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Get(t.Context(), "n"); !errors.Is(err, autocert.ErrCacheMiss) {
		t.Errorf("got %v after it was removed, want a miss", err)
	}
	waittest.For(t, "two machines", func() bool { return a.State().Machines == 2 && b.State().Machines == 2 })
	if left, _ := server.Keys(prefix + "lease:*"); len(left) != 0 {
		t.Errorf("got the leases %v, want all released", left)
	}
}

// TestAMachineThatEndsIsNoLongerWaitedFor checks that the end of a machine removes it from the list at once.
func TestAMachineThatEndsIsNoLongerWaitedFor(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, nil)
	t.Run("another machine lets it go", func(t *testing.T) {
		runStore(t, server, nil)
		waittest.For(t, "two machines", func() bool { return a.State().Machines == 2 })
	})
	began := time.Now()
	l, err := a.Lease(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.PutFor(t.Context(), "n", []byte("value"), time.Minute); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > heardPatience {
		t.Errorf("the write took %v, want that it does not wait for a machine that has ended", took)
	}
	if fields, err := server.Do("HLEN", membersKey); err != nil || fields != int64(1) {
		t.Errorf("got %v machines, %v, want 1", fields, err)
	}
}

// TestNothingSecretLeavesTheProcess searches everything that is on the server.
func TestNothingSecretLeavesTheProcess(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	s, _ := runStore(t, server, nil)
	if err := s.Put(t.Context(), "n", []byte("-----BEGIN EC PRIVATE KEY-----")); err != nil {
		t.Fatal(err)
	}
	keys, err := server.Keys("*")
	if err != nil || len(keys) == 0 {
		t.Fatalf("got the keys %v, %v", keys, err)
	}
	for _, key := range keys {
		dump, err := server.Do("DUMP", key)
		if err != nil {
			t.Fatal(err)
		}
		if data, _ := dump.([]byte); bytes.Contains(data, []byte("PRIVATE KEY")) || bytes.Contains(data, testSecret) {
			t.Errorf("%s holds the key in the clear", key)
		}
	}
}

func TestAValueThatCannotBeUsedCountsAsNone(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	s, _ := runStore(t, server, nil)
	key := valueKey("n")
	fresh := func() {
		t.Helper()
		if _, err := server.Do("DEL", key); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"n", "other"} {
			if err := s.Put(t.Context(), name, []byte("good")); err != nil {
				t.Fatal(err)
			}
		}
	}
	sealed := func(name string) []byte {
		t.Helper()
		data, err := s.read(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for what, spoil := range map[string]func(){
		"garbage counts as none":                     func() { server.Do("SET", key, "garbage") },
		"a value that is much longer counts as none": func() { server.Do("SET", key, bytes.Repeat([]byte{1}, 8<<20)) },
		"a list counts as none":                      func() { server.Do("DEL", key); server.Do("RPUSH", key, "a") },
		"the value of another name counts as none": func() {
			for range 20 { // so that its version is later than any of this name
				s.Put(t.Context(), "other", []byte("good"))
			}
			server.Do("SET", key, sealed("other"))
		},
		"an older version counts as none": func() {
			before := sealed("n")
			s.Put(t.Context(), "n", []byte("newer"))
			server.Do("SET", key, before)
		},
		"half of the value counts as none":                    func() { data := sealed("n"); server.Do("SET", key, data[:len(data)/2]) },
		"its head without the rest counts as none":            func() { server.Do("SET", key, sealed("n")[:headBytes]) },
		"another format counts as none":                       func() { data := sealed("n"); data[0]++; server.Do("SET", key, data) },
		"a later version that is only claimed counts as none": func() { data := sealed("n"); data[1]++; server.Do("SET", key, data) },
	} {
		t.Run(what, func(t *testing.T) {
			fresh()
			spoil()
			got, err := s.Get(t.Context(), "n")
			if unreadable := (UnreadableError{}); !errors.As(err, &unreadable) || unreadable.Name != "n" || !errors.Is(err, autocert.ErrCacheMiss) {
				t.Errorf("got %q, %v, want that it cannot be used", got, err)
			}
			if what == "a list counts as none" {
				return // SET replaces a value of any type
			}
			if err := s.Put(t.Context(), "n", []byte("mended")); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), "n"); err != nil || string(got) != "mended" {
				t.Errorf("got %q, %v after it was written anew", got, err)
			}
		})
	}
	if !s.State().Up {
		t.Errorf("got the store away (%v), want it in use", s.State().Err)
	}
}

func TestAMachineWithAnotherKeyUsesNothing(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, nil)
	if err := a.Put(t.Context(), "n", []byte("good")); err != nil {
		t.Fatal(err)
	}
	b, _ := runStore(t, server, func(o *Options) { o.Secret = bytes.Repeat([]byte("another "), 4) })
	awaitAway(t, b, "another key")
	if err := b.Put(t.Context(), "n", []byte("bad")); !errors.Is(err, ErrAway) {
		t.Errorf("got %v, want that it writes nothing", err)
	}
	if got, err := a.Get(t.Context(), "n"); err != nil || string(got) != "good" {
		t.Errorf("got %q, %v, want the value kept", got, err)
	}
}

func TestAKeyThatIsTooShort(t *testing.T) {
	if _, err := New(Options{Secret: make([]byte, minSecretBytes-1)}); err == nil || !strings.Contains(err.Error(), "31 bytes") {
		t.Errorf("got %v, want that the key is too short", err)
	}
}

// password returns a function that always returns the same password.
func password(text string) func() (string, error) { return func() (string, error) { return text, nil } }

func TestAPasswordThatWasReplacedIsReadAgain(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{Password: "old"})
	var text atomic.Value
	text.Store("old")
	s, _ := runStore(t, server, func(o *Options) { o.Password = func() (string, error) { return text.Load().(string), nil } })
	awaitUp(t, s)
	server.Kill()
	server.SetPassword("new")
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	awaitAway(t, s, "WRONGPASS")
	text.Store("new")
	awaitUp(t, s)
}

func TestPasswordsAndTLS(t *testing.T) {
	cert, key, pool := testCertificate(t)
	for name, tc := range map[string]struct {
		server redistest.Options
		client func(*Options)
		works  bool
		away   string
	}{
		"the correct password is accepted":          {redistest.Options{Password: "p"}, func(o *Options) { o.Password = password("p") }, true, ""},
		"a wrong password is refused":               {redistest.Options{Password: "p"}, func(o *Options) { o.Password = password("hidden-text") }, false, "WRONGPASS"},
		"the password file is missing":              {redistest.Options{Password: "p"}, func(o *Options) { o.Password = func() (string, error) { return "", os.ErrNotExist } }, false, "the password cannot be read: file does not exist"},
		"the password is not set":                   {redistest.Options{Password: "p"}, nil, false, "NOAUTH"},
		"the server speaks TLS":                     {redistest.Options{CertFile: cert, KeyFile: key}, func(o *Options) { o.TLS = clientTLS(pool) }, true, ""},
		"the root of the server is unknown":         {redistest.Options{CertFile: cert, KeyFile: key}, func(o *Options) { o.TLS = clientTLS(nil) }, false, "x509"},
		"the server speaks TLS, the store does not": {redistest.Options{CertFile: cert, KeyFile: key}, nil, false, ""},
		"the database is another one":               {redistest.Options{}, func(o *Options) { o.Database = 3 }, true, ""},
		"the database does not exist":               {redistest.Options{}, func(o *Options) { o.Database = 99 }, false, "out of range"},
		"the store speaks TLS, the server does not": {redistest.Options{}, func(o *Options) { o.TLS = clientTLS(pool) }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.ForTest(t, tc.server)
			s, _ := runStore(t, server, tc.client)
			if state := s.State(); state.Up != tc.works || !strings.Contains(fmt.Sprint(state.Err), tc.away) {
				t.Errorf("got %v, %v, want up: %v, and %q", state.Up, state.Err, tc.works, tc.away)
			}
			if text := fmt.Sprint(s.State().Err); strings.Contains(text, "hidden-text") {
				t.Errorf("got %q, want no password in it", text)
			}
			err := s.Put(t.Context(), "n", []byte("x"))
			if tc.works && err != nil || !tc.works && !errors.Is(err, ErrAway) {
				t.Errorf("writing: got %v", err)
			}
		})
	}
}

func TestAnUnreachableStoreFailsAtOnceAndComesBack(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	server.Kill()
	s, seen := runStore(t, server, nil)
	awaitAway(t, s, "connection refused")
	began := time.Now()
	for range 1000 {
		if _, err := s.Get(t.Context(), "n"); !errors.Is(err, ErrAway) {
			t.Fatalf("got %v, want that the store is away", err)
		}
	}
	if took := time.Since(began); took > requestTimeout {
		t.Errorf("1000 requests took %v, want that they fail at once", took)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	awaitUp(t, s)
	waittest.For(t, "a call of Synced", func() bool { return seen.syncs() == 1 })
	server.Kill()
	awaitAway(t, s, "")
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	awaitUp(t, s)
	waittest.For(t, "a second call of Synced", func() bool { return seen.syncs() == 2 })
	// Versions begin again in a store that came back empty.
	if err := s.Put(t.Context(), "n", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

func TestAnEmptiedStoreIsNoticed(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, seen := runStore(t, server, nil)
	for range 3 {
		if err := a.Put(t.Context(), "n", []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	waittest.For(t, "a second call of Synced", func() bool { return seen.syncs() == 2 })
	b, _ := runStore(t, server, nil) // it knows no versions
	awaitUp(t, b)
	if err := b.Put(t.Context(), "n", []byte("new")); err != nil {
		t.Fatal(err)
	}
	awaitUp(t, a)
	if got, err := a.Get(t.Context(), "n"); err != nil || string(got) != "new" {
		t.Errorf("got %q, %v, want the first version of the new contents", got, err)
	}
}

func TestAReadOnlyStoreIsAway(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	s, _ := runStore(t, server, nil)
	if _, err := server.Do("REPLICAOF", "127.0.0.1", "1"); err != nil {
		t.Fatal(err)
	}
	awaitAway(t, s, "READONLY")
	if _, err := server.Do("REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
	awaitUp(t, s)
}

func TestAFullStoreIsAway(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	s, _ := runStore(t, server, nil)
	if _, err := server.Do("CONFIG", "SET", "maxmemory", "1"); err != nil {
		t.Fatal(err)
	}
	awaitAway(t, s, "OOM")
}

func TestAStoreThatHangsCostsOneTimeout(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	s, _ := runStore(t, server, nil)
	server.Pause()
	began := time.Now()
	for range 10 {
		if _, err := s.Get(t.Context(), "n"); !errors.Is(err, ErrAway) {
			t.Fatalf("got %v, want that the store is away", err)
		}
	}
	if took := time.Since(began); took > 3*requestTimeout {
		t.Errorf("ten requests took %v, want about %v", took, requestTimeout)
	}
	awaitAway(t, s, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "n"); err == nil {
		t.Error("got a value, want that the end of the context ends it")
	}
	server.Continue()
	awaitUp(t, s)
}
