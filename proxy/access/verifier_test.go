package access

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/limit"
)

// client returns the key of the n-th client.
func client(n int) limit.Key {
	return limit.NewKey(netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}))
}

// slowHash takes a second, and knows one password.
type slowHash struct {
	running, most, compared *atomic.Int32
	password                string
}

func (h slowHash) matches(password string) bool {
	h.compared.Add(1)
	now := h.running.Add(1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
	time.Sleep(time.Second)
	h.running.Add(-1)
	return password == h.password
}

// slowUsers returns users with the only user ann, whose password is right.
func slowUsers(id byte) (*Users, slowHash) {
	hash := slowHash{new(atomic.Int32), new(atomic.Int32), new(atomic.Int32), "right"}
	return &Users{byName: map[string]int{"ann": 0}, hashes: []hashed{hash}, id: [32]byte{id}}, hash
}

// room sets how many passwords a verifier verifies at the same time.
func (v *Verifier) with(room int) *Verifier {
	v.queue.room = room
	return v
}

func TestAPasswordIsRememberedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier()
		users, hash := slowUsers(1)
		right := Credentials{"ann", "right"}
		if v.Remembers(users, right, time.Now()) {
			t.Fatal("a password is remembered that was never verified")
		}
		if got := v.Check(t.Context(), users, right, client(1)); got != Right {
			t.Fatalf("got %v, want that it is right", got)
		}
		changed, _ := slowUsers(2)
		for _, other := range []struct {
			users *Users
			of    Credentials
		}{{users, Credentials{"ann", "Right"}}, {users, Credentials{"annr", "ight"}}, {users, Credentials{"an", "nright"}}, {changed, right}} {
			if v.Remembers(other.users, other.of, time.Now()) {
				t.Errorf("%v is remembered, or %v of another file", other.of, right)
			}
		}
		time.Sleep(RememberedFor - time.Nanosecond)
		if !v.Remembers(users, right, time.Now()) || hash.compared.Load() != 1 {
			t.Error("the password is forgotten within the minute")
		}
		time.Sleep(time.Nanosecond)
		if v.Remembers(users, right, time.Now()) {
			t.Error("the password is still remembered after a minute")
		}
		if got := v.Check(t.Context(), users, right, client(1)); got != Right || hash.compared.Load() != 2 {
			t.Errorf("got %v after %d comparisons, want that it was verified again", got, hash.compared.Load())
		}
		if v.Remembers(users, Credentials{"ann", "wrong"}, time.Now()) || v.Check(t.Context(), users, Credentials{"ann", "wrong"}, client(1)) != Wrong ||
			v.Remembers(users, Credentials{"ann", "wrong"}, time.Now()) {
			t.Error("a wrong password is remembered as if it was right")
		}
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var r remembered
	now := time.Now()
	for i := range 2 * maxRemembered {
		r.add(mark{byte(i), byte(i >> 8)}, now)
	}
	if len(r.until) != maxRemembered || len(r.order) != maxRemembered {
		t.Errorf("got %d marks in the order of %d, want %d", len(r.until), len(r.order), maxRemembered)
	}
	if r.has(mark{0, 0}, now) || !r.has(mark{255, 2*maxRemembered>>8 - 1}, now) {
		t.Error("the oldest mark is remembered, or the newest one is forgotten")
	}
	r.add(mark{1}, now.Add(2*RememberedFor))
	if len(r.until) != 1 || len(r.order) != 1 {
		t.Errorf("got %d marks in the order of %d after their time, want the new one only", len(r.until), len(r.order))
	}
}

func TestAtMostAFewPasswordsAreVerifiedAtOnce(t *testing.T) {
	if room := newQueue().room; room < 1 || room > MaxAtOnce {
		t.Errorf("got %d at once, want 1 to %d", room, MaxAtOnce)
	}
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier().with(2)
		users, hash := slowUsers(1)
		var verdicts [3]atomic.Int32
		var all sync.WaitGroup
		for i := range 40 { // two a second, for three seconds
			all.Go(func() {
				verdicts[v.Check(t.Context(), users, Credentials{"ann", fmt.Sprint("wrong", i)}, client(i))].Add(1)
			})
		}
		all.Wait()
		if hash.most.Load() != 2 {
			t.Errorf("got %d at once, want 2", hash.most.Load())
		}
		if wrong, busy := verdicts[Wrong].Load(), verdicts[Busy].Load(); wrong < 6 || wrong > 8 || wrong+busy != 40 || hash.compared.Load() != wrong {
			t.Errorf("got %d wrong passwords and %d that were not verified, want 6 to 8 and the rest", wrong, busy)
		}
		if got := v.Counts.Busy.Load(); got != uint64(verdicts[Busy].Load()) {
			t.Errorf("counted %d, want %d", got, verdicts[Busy].Load())
		}
	})
}

func TestManyRequestsWithTheSamePasswordAreOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier().with(1)
		users, hash := slowUsers(1)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if got := v.Check(t.Context(), users, Credentials{"ann", "right"}, client(i)); got != Right {
					t.Errorf("got %v, want that it is right", got)
				}
			})
		}
		all.Wait()
		if hash.compared.Load() != 1 {
			t.Errorf("got %d comparisons, want 1", hash.compared.Load())
		}
	})
}

// TestFewRequestsWaitForTheCheckOfAnother sends one wrong password more often than may wait for its check.
func TestFewRequestsWaitForTheCheckOfAnother(t *testing.T) {
	for _, tt := range []struct {
		name          string
		clients, each int
		want          int
	}{
		{"one client has few requests that wait", 1, 1000, maxSharingPerClient},
		{"many clients have few requests that wait", 100, 50, maxSharing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := NewVerifier().with(1)
				users, _ := slowUsers(1)
				var all sync.WaitGroup
				var busy atomic.Int32
				for i := range tt.clients * tt.each {
					all.Go(func() {
						if v.Check(t.Context(), users, Credentials{"ann", "wrong"}, client(i/tt.each)) == Busy {
							busy.Add(1)
						}
					})
				}
				synctest.Wait()
				if got := tt.clients*tt.each - 1 - int(busy.Load()); got != tt.want {
					t.Errorf("%d requests wait for the check of another, want %d", got, tt.want)
				}
				all.Wait()
				if v.sharing != 0 || len(v.sharingBy) != 0 {
					t.Errorf("at the end %d requests wait, and %d clients, want none", v.sharing, len(v.sharingBy))
				}
			})
		})
	}
}

func TestAClientWithManyPasswordsDoesNotDelayAnotherOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier().with(1)
		users, _ := slowUsers(1)
		var flood sync.WaitGroup
		var busy atomic.Int32
		for i := range 50 {
			flood.Go(func() {
				if v.Check(t.Context(), users, Credentials{"ann", fmt.Sprint("wrong", i)}, client(1)) == Busy {
					busy.Add(1)
				}
			})
		}
		synctest.Wait()
		if got, want := busy.Load(), int32(50-1-maxQueuedPerClient); got != want {
			t.Errorf("%d requests of the flood were turned away at once, want %d", got, want)
		}
		began := time.Now()
		if got := v.Check(t.Context(), users, Credentials{"ann", "right"}, client(2)); got != Right || time.Since(began) > 3*time.Second {
			t.Errorf("got %v after %v, want that it is right after its turn", got, time.Since(began))
		}
		flood.Wait()
	})
}

func TestTheQueueIsBoundedAndEmptiesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier().with(1)
		users, _ := slowUsers(1)
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				v.Check(t.Context(), users, Credentials{"nobody", fmt.Sprint(i)}, client(i))
			})
		}
		synctest.Wait()
		v.queue.mu.Lock() // synctest orders nothing after the clock moves on
		if v.queue.waiting != maxQueued {
			t.Errorf("%d wait, want %d", v.queue.waiting, maxQueued)
		}
		v.queue.mu.Unlock()
		all.Wait()
		if q := v.queue; q.waiting != 0 || len(q.clients) != 0 || len(q.byKey) != 0 || q.room != 1 || len(v.running) != 0 {
			t.Errorf("got the queue %+v and %d checks at the end, want nothing", q, len(v.running))
		}
	})
}

func TestAClientThatLeavesDoesNotTakeTheCheckFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier().with(1)
		users, _ := slowUsers(1)
		go v.Check(t.Context(), users, Credentials{"ann", "wrong"}, client(1))
		synctest.Wait()
		leaving, leave := context.WithCancel(t.Context())
		left := make(chan Verdict)
		go func() { left <- v.Check(leaving, users, Credentials{"ann", "right"}, client(2)) }()
		synctest.Wait()
		stays := make(chan Verdict)
		go func() { stays <- v.Check(t.Context(), users, Credentials{"ann", "right"}, client(3)) }()
		synctest.Wait()
		leave()
		if got := <-left; got != Busy {
			t.Errorf("the client that has left: got %v, want that nothing was verified", got)
		}
		if got := <-stays; got != Right {
			t.Errorf("the client that has stayed: got %v, want that it is right", got)
		}
	})
}

func BenchmarkARememberedPassword(b *testing.B) {
	v := NewVerifier()
	users := usersOf(b, "ann:"+bcryptOf(b, "right")+"\n")
	c := Credentials{"ann", "right"}
	v.Check(b.Context(), users, c, client(1))
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if !v.Remembers(users, c, now) {
			b.Fatal("forgotten")
		}
	}
}

func BenchmarkAPasswordThatIsNotRemembered(b *testing.B) {
	users := usersOf(b, "ann:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n")
	for b.Loop() {
		users.match(nil, "ann", "wrong")
	}
}
