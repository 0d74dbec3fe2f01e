package certstore

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/conformance/redistest"
	"reverse-proxy/proxy/waittest"
)

func TestALeaseHasOneHolder(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, func(o *Options) { o.Machine = "edge1 4711" })
	b, _ := runStore(t, server, nil)
	held, err := a.Lease(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	var leased LeasedError
	if _, err := b.Lease(t.Context(), "n"); !errors.As(err, &leased) || leased.Holder != "edge1 4711" {
		t.Errorf("got %v, want that edge1 has it", err)
	}
	held.Release()
	other, err := b.Lease(t.Context(), "n")
	if err != nil {
		t.Fatalf("got %v after the release, want the lease", err)
	}
	held.Release() // it no longer has the lease
	if _, err := a.Lease(t.Context(), "n"); !errors.As(err, &leased) {
		t.Errorf("got %v, want that a release does not end another's lease", err)
	}
	other.Release()
}

// The server grants the lease, and the caller gives up before the answer.
func TestALeaseWhoseCallerHasLeftIsGivenUp(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	relay := redistest.RelayForTest(t, server)
	s, _ := runStore(t, server, func(o *Options) { o.Address = relay.Address })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	relay.Set(func(name string, args []string, _ io.Writer) bool {
		if name != "SET" {
			return false
		}
		if _, err := server.Do("SET", args[0], args[1]); err != nil {
			t.Error(err)
		}
		cancel()
		return true
	})
	if lease, err := s.Lease(ctx, "n"); err == nil {
		t.Fatalf("got the lease %v, want an error, because no answer came", lease)
	}
	if keys, err := server.Keys("reverse-proxy:lease:*"); err != nil || len(keys) != 0 {
		t.Errorf("got the leases %v, %v, want none", keys, err)
	}
}

// TestALostLeaseWritesNothing covers all ways to lose a lease: it expires, the store comes back empty, or another
// machine holds it now.
func TestALostLeaseWritesNothing(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, nil)
	b, _ := runStore(t, server, nil)
	for what, lose := range map[string]func(t *testing.T, key string){
		"it has expired": func(_ *testing.T, key string) { server.Do("DEL", key) },
		"another machine has it": func(t *testing.T, key string) {
			server.Do("DEL", key)
			l, err := b.Lease(t.Context(), "n")
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(l.Release)
			if err := l.Put(t.Context(), "n", []byte("of the new holder")); err != nil {
				t.Error(err)
			}
		},
		"the store was emptied": func(*testing.T, string) { server.Do("FLUSHALL") },
	} {
		t.Run(what, func(t *testing.T) {
			awaitUp(t, a)
			l, err := a.Lease(t.Context(), "n")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			ctx, cancel := l.Context(t.Context())
			defer cancel()
			lose(t, l.key)
			waittest.For(t, "the write to be refused", func() bool { // an emptied store is away for a moment
				return errors.Is(l.Put(t.Context(), "n", []byte("of the old holder")), ErrLost)
			})
			if err := l.Delete(t.Context(), "n"); !errors.Is(err, ErrLost) && !errors.Is(err, ErrAway) {
				t.Errorf("removing: got %v, want %v", err, ErrLost)
			}
			<-ctx.Done()
			if cause := context.Cause(ctx); cause != ErrLost {
				t.Errorf("got %v as the end of the work, want %v", cause, ErrLost)
			}
			awaitUp(t, b)
			if got, _ := b.Get(t.Context(), "n"); strings.Contains(string(got), "old holder") {
				t.Error("the old holder has written")
			}
		})
	}
}

func TestALeaseThatCannotBeExtendedIsLost(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	s, _ := runStore(t, server, func(o *Options) { o.leaseTime = 3 * time.Second })
	l, err := s.Lease(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	ctx, cancel := l.Context(t.Context())
	defer cancel()
	server.Kill()
	select {
	case <-ctx.Done():
	case <-time.After(leaseTime):
		t.Fatal("the holder continues, want it to stop before the lease expires")
	}
	if cause := context.Cause(ctx); cause != ErrLost {
		t.Errorf("got %v, want %v", cause, ErrLost)
	}
}

func TestManyMachinesTakeALeaseInTurn(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	var inside, most atomic.Int32
	var machines sync.WaitGroup
	const count = 5
	for range count {
		s, _ := runStore(t, server, nil)
		machines.Go(func() {
			for {
				l, err := s.Lease(t.Context(), "n")
				var leased LeasedError
				if errors.As(err, &leased) {
					time.Sleep(time.Millisecond)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				if err := l.Put(t.Context(), "n", []byte("x")); err != nil {
					t.Error(err)
				}
				inside.Add(-1)
				l.Release()
				return
			}
		})
	}
	machines.Wait()
	if most.Load() != 1 {
		t.Errorf("%d machines held the lease at the same time, want 1", most.Load())
	}
}

// TestAMachineThatHasStartedKnowsTheRecentChanges covers the answer to another machine's challenge, which a CA may
// request from this machine as soon as it accepts connections.
func TestAMachineThatHasStartedKnowsTheRecentChanges(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, nil)
	l, err := a.Lease(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.PutFor(t.Context(), "n", []byte("value"), time.Minute); err != nil {
		t.Fatal(err)
	}
	relay := redistest.RelayForTest(t, server)
	relay.Set(func(command string, _ []string, _ io.Writer) bool {
		if command == "XREAD" {
			time.Sleep(100 * time.Millisecond) // the line is slow
		}
		return false
	})
	_, seen := runStore(t, server, func(o *Options) { o.Address = relay.Address })
	if got := seen.names(); !slices.Contains(got, "n") {
		t.Errorf("got the changes %v right after the start, want that of n", got)
	}
}

// TestAllMachinesHaveHeardOfAValueThatExpires checks that PutFor, which writes answers to challenges, waits for all
// machines.
func TestAllMachinesHaveHeardOfAValueThatExpires(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	a, _ := runStore(t, server, nil)
	var got atomic.Value
	var b *Store
	ready := make(chan struct{})
	b, _ = runStore(t, server, func(o *Options) {
		o.Changed = func(ctx context.Context, name string) {
			<-ready
			data, _ := b.Get(ctx, name)
			time.Sleep(50 * time.Millisecond) // a busy machine
			got.Store(string(data))
		}
	})
	close(ready)
	l, err := a.Lease(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	for _, text := range []string{"one", "two", "three"} {
		if err := l.PutFor(t.Context(), "n", []byte(text), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got.Load() != text {
			t.Errorf("got %v on the other machine when the write returned, want %s", got.Load(), text)
		}
	}
	if ttl, err := server.Do("PTTL", valueKey("n")); err != nil || ttl.(int64) <= 0 {
		t.Errorf("got %v, %v, want that it expires", ttl, err)
	}
}

// TestAValueThatWasRemovedIsWrittenAnew removes it after a machine has seen many versions of it, and writes it on a
// machine that has seen none.
func TestAValueThatWasRemovedIsWrittenAnew(t *testing.T) {
	server := redistest.ForTest(t, redistest.Options{})
	for what, remove := range map[string]func(t *testing.T, s *Store){
		"it was removed": func(t *testing.T, s *Store) {
			if err := s.Delete(t.Context(), "n"); err != nil {
				t.Fatal(err)
			}
		},
		"it has expired": func(*testing.T, *Store) { server.Do("DEL", valueKey("n")) },
		"it is garbage":  func(*testing.T, *Store) { server.Do("SET", valueKey("n"), "garbage") },
	} {
		t.Run(what, func(t *testing.T) {
			a, _ := runStore(t, server, nil)
			awaitUp(t, a)
			for range 3 {
				if err := a.Put(t.Context(), "n", []byte("before")); err != nil {
					t.Fatal(err)
				}
			}
			remove(t, a)
			b, _ := runStore(t, server, nil)
			awaitUp(t, b)
			if err := b.Put(t.Context(), "n", []byte("after")); err != nil {
				t.Fatal(err)
			}
			if got, err := a.Get(t.Context(), "n"); err != nil || string(got) != "after" {
				t.Errorf("got %q, %v, want what the other machine wrote", got, err)
			}
		})
	}
}
