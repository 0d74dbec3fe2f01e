package limit

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// limiterClock is a clock that moves only when a test moves it.
type limiterClock struct{ nanos atomic.Int64 }

func (c *limiterClock) now() time.Time { return time.Unix(1_700_000_000, c.nanos.Load()) }

func (c *limiterClock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// limiterConfig returns a configuration with the given rate and burst and the default eviction.
func limiterConfig(perSecond float64, burst int) Config {
	return Config{
		RequestsPerSecond: perSecond, Burst: burst,
		EvictionInterval: time.Minute, EvictionAge: 5 * time.Minute,
	}
}

// countAllowed sends n requests of one client at one moment and returns how many of them got a token.
func countAllowed(l *Limiter, addr netip.Addr, cfg Config, n int) int {
	allowed := 0
	for range n {
		if ok, _ := l.Allow(addr, cfg); ok {
			allowed++
		}
	}
	return allowed
}

func TestLimiterGivesEachClientItsBurstAndThenTheRate(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	cfg := limiterConfig(2, 5)
	first, second := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")

	if got := countAllowed(l, first, cfg, 20); got != 5 {
		t.Errorf("20 requests at once: got %d allowed, want the burst of 5", got)
	}
	if got := countAllowed(l, second, cfg, 20); got != 5 {
		t.Errorf("another client: got %d allowed, want its own burst of 5", got)
	}
	clock.advance(time.Second)
	if got := countAllowed(l, first, cfg, 20); got != 2 {
		t.Errorf("a second later at 2 a second: got %d allowed, want 2", got)
	}
	clock.advance(time.Hour)
	if got := countAllowed(l, first, cfg, 20); got != 5 {
		t.Errorf("an hour later: got %d allowed, want no more than the burst of 5", got)
	}
}

func TestLimiterRetryAfterIsTheTimeUntilATokenIsThere(t *testing.T) {
	addr := netip.MustParseAddr("203.0.113.1")
	tests := []struct {
		name  string
		rate  float64
		after time.Duration
		want  time.Duration
	}{
		{"an empty bucket at one a second waits a second", 1, 0, time.Second},
		{"a bucket that is half a token full waits for the other half", 1, 500 * time.Millisecond, 500 * time.Millisecond},
		{"a rate above one waits less than a second", 100, 0, 10 * time.Millisecond},
		{"a rate of one an hour waits an hour", 1.0 / 3600, 0, time.Hour},
		{"a rate that no duration can express waits the longest time", 1e-300, 0, limiterMaxRetryAfter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock := &limiterClock{}
			l := New(clock.now)
			cfg := limiterConfig(tt.rate, 1)
			if ok, wait := l.Allow(addr, cfg); !ok || wait != 0 {
				t.Fatalf("first request: got %v with wait %v, want true with 0", ok, wait)
			}
			clock.advance(tt.after)
			ok, wait := l.Allow(addr, cfg)
			if ok || wait < tt.want || wait > tt.want+time.Microsecond {
				t.Fatalf("second request: got %v with wait %v, want false with %v", ok, wait, tt.want)
			}
			if tt.want == limiterMaxRetryAfter {
				return
			}
			clock.advance(wait)
			if ok, wait := l.Allow(addr, cfg); !ok {
				t.Errorf("after waiting as told: got refused with wait %v, want allowed", wait)
			}
		})
	}
}

func TestLimiterRefusedRequestsTakeNothing(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	cfg := limiterConfig(1, 1)
	addr := netip.MustParseAddr("203.0.113.1")
	countAllowed(l, addr, cfg, 1000)
	clock.advance(time.Second)
	if ok, _ := l.Allow(addr, cfg); !ok {
		t.Error("a second after 999 refused requests: got refused, want allowed")
	}
}

func TestLimiterBucketsAdoptAReloadAndAreNotForgotten(t *testing.T) {
	addr := netip.MustParseAddr("203.0.113.1")
	tests := []struct {
		name     string
		before   Config
		used     int
		after    Config
		pause    time.Duration
		wantOnce int
	}{
		{"an empty bucket stays empty under a larger burst", limiterConfig(1, 5), 5, limiterConfig(1, 50), 0, 0},
		{"a full bucket is capped to a smaller burst", limiterConfig(1, 50), 1, limiterConfig(1, 3), 0, 3},
		{"a full bucket keeps its tokens under a larger burst", limiterConfig(1, 5), 1, limiterConfig(1, 50), 0, 4},
		{"a higher rate fills from the next request on", limiterConfig(1, 5), 5, limiterConfig(10, 50), time.Second, 10},
		{"a lower rate fills from the next request on", limiterConfig(10, 50), 50, limiterConfig(1, 50), 4 * time.Second, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock := &limiterClock{}
			l := New(clock.now)
			if got := countAllowed(l, addr, tt.before, tt.used); got != tt.used {
				t.Fatalf("before the reload: got %d allowed, want %d", got, tt.used)
			}
			got := countAllowed(l, addr, tt.after, 100)
			if tt.pause > 0 {
				if got != 0 {
					t.Fatalf("at the reload: got %d allowed, want 0", got)
				}
				clock.advance(tt.pause)
				got = countAllowed(l, addr, tt.after, 100)
			}
			if got != tt.wantOnce {
				t.Errorf("after the reload: got %d allowed, want %d", got, tt.wantOnce)
			}
		})
	}
}

func TestLimiterDistinguishesClients(t *testing.T) {
	tests := []struct {
		name string
		a, b string
		same bool
	}{
		{"two IPv4 addresses are two clients", "192.0.2.1", "192.0.2.2", false},
		{"an IPv4-mapped address is the IPv4 address", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two addresses of one /64 are one client", "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
		{"two neighbouring /64 are two clients", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"the zone makes no difference", "fe80::1%eth0", "fe80::1%eth1", true},
		{"the IPv6 loopback is not the IPv4 one", "::1", "127.0.0.1", false},
		{"a /64 that begins with zeros is no IPv4 address", "::", "0.0.0.0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := New((&limiterClock{}).now)
			cfg := limiterConfig(1, 1)
			l.Allow(netip.MustParseAddr(tt.a), cfg)
			ok, _ := l.Allow(netip.MustParseAddr(tt.b), cfg)
			if same := !ok; same != tt.same {
				t.Errorf("%s and %s: got one client %v, want %v", tt.a, tt.b, same, tt.same)
			}
			if ok, _ := l.Allow(netip.Addr{}, cfg); !ok {
				t.Error("a peer without an address: got refused by another client's bucket, want its own")
			}
		})
	}
}

func TestLimiterClockThatGoesBackEarnsNothing(t *testing.T) {
	clock := &limiterClock{}
	clock.advance(time.Minute)
	l := New(clock.now)
	cfg := limiterConfig(1, 1)
	addr := netip.MustParseAddr("203.0.113.1")
	clock.advance(10 * time.Second)
	l.Allow(addr, cfg)
	clock.advance(-5 * time.Second)
	l.Allow(addr, cfg)
	clock.advance(5 * time.Second)
	if ok, _ := l.Allow(addr, cfg); ok {
		t.Error("the clock went back and forward again: got allowed, want refused, because no time has passed since the token")
	}
}

// floodAddr returns the i-th of a series of distinct IPv4 addresses.
func floodAddr(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i)+0x0a000000)
	return netip.AddrFrom4(b)
}

func TestLimiterIsBoundedUnderAFloodAndForgetsTheLongestUnused(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	const perShard = 64
	for i := range l.shards {
		l.shards[i].init(perShard)
	}
	cfg := limiterConfig(1, 1)
	busy := netip.MustParseAddr("203.0.113.1")
	l.Allow(busy, cfg)
	forgotten := 0
	for i := range 100_000 {
		clock.advance(time.Microsecond)
		l.Allow(floodAddr(i), cfg)
		if i%100 == 0 {
			// The busy client's bucket holds far less than a token: an allowed request means that it was forgotten.
			if ok, _ := l.Allow(busy, cfg); ok {
				forgotten++
			}
		}
	}
	if got, most := l.Tracked(), limiterShards*perShard; got > most || got < most/2 {
		t.Errorf("tracked clients after the flood: got %d, want at most %d and nearly as many", got, most)
	}
	if forgotten > 50 {
		t.Errorf("a client in use was forgotten %d times in 1000 requests, want the longest unused to go first", forgotten)
	}
}

func TestLimiterHoldsUnderParallelUse(t *testing.T) {
	l := New(time.Now)
	cfg := limiterConfig(1e-9, 100)
	var allowed [8]atomic.Int64
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				client := (i + worker) % len(allowed)
				if ok, _ := l.Allow(floodAddr(client), cfg); ok {
					allowed[client].Add(1)
				}
				if i%500 == 0 {
					l.evict(time.Hour)
					l.Tracked()
				}
			}
		})
	}
	wg.Wait()
	for client := range allowed {
		if got := allowed[client].Load(); got != 100 {
			t.Errorf("client %d: got %d of 2000 parallel requests allowed, want exactly the burst of 100", client, got)
		}
	}
}

func TestLimiterDoesNotAllocateForAKnownClient(t *testing.T) {
	l := New(time.Now)
	cfg := limiterConfig(1000, 10)
	for _, addr := range []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")} {
		l.Allow(addr, cfg)
		if got := testing.AllocsPerRun(1000, func() { l.Allow(addr, cfg) }); got != 0 {
			t.Errorf("allow(%s): got %v allocations, want 0", addr, got)
		}
	}
}

func TestRefusalsAreLoggedOnceASecondForEachClient(t *testing.T) {
	clock := new(limiterClock)
	l, limit := New(clock.now), Config{RequestsPerSecond: 0.001, Burst: 1}
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	ask := func(addr netip.Addr) Verdict { return l.AllowAt(clock.now(), addr, limit) }
	for _, addr := range []netip.Addr{one, other} {
		if got := ask(addr); !got.OK || got.Due || got.Unlogged != 0 {
			t.Errorf("%v: got %+v for a request that is allowed, want nothing to log", addr, got)
		}
		if got := ask(addr); got.OK || !got.Due || got.Unlogged != 0 {
			t.Errorf("%v: got %+v for the first refusal, want a line", addr, got)
		}
	}
	for i := range 350 {
		if got := ask(one); got.OK || got.Due {
			t.Fatalf("refusal %d in the same second: got %+v, want no line", i, got)
		}
	}
	clock.advance(refusalLogEvery - 1)
	if got := ask(one); got.Due {
		t.Errorf("before the second is over: got %+v, want no line", got)
	}
	clock.advance(1)
	if got := ask(one); !got.Due || got.Unlogged != 351 {
		t.Errorf("a second later: got %+v, want a line for 351 more", got)
	}
	if got := ask(other); !got.Due || got.Unlogged != 0 {
		t.Errorf("the other client: got %+v, want a line for itself only", got)
	}
}
