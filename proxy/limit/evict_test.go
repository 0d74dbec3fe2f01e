package limit

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimiterEvictsOnlyTheUnused(t *testing.T) {
	clock := &limiterClock{}
	l := New(clock.now)
	cfg := limiterConfig(1e-9, 1)
	const clients = 10_000
	for i := range clients {
		l.Allow(floodAddr(i), cfg)
	}
	clock.advance(time.Minute)
	// A refused request counts as use: a client that keeps trying is not forgotten.
	l.Allow(floodAddr(0), cfg)

	if got := l.evict(time.Minute + time.Second); got != 0 {
		t.Errorf("clients younger than the age: got %d evicted, want 0", got)
	}
	if got := l.evict(time.Minute); got != clients-1 {
		t.Errorf("clients of the age: got %d evicted, want %d", got, clients-1)
	}
	if got := l.Tracked(); got != 1 {
		t.Errorf("tracked clients: got %d, want 1", got)
	}
	if ok, _ := l.Allow(floodAddr(0), cfg); ok {
		t.Error("the client in use: got a fresh bucket, want the old one")
	}
	if ok, _ := l.Allow(floodAddr(1), cfg); !ok {
		t.Error("an evicted client: got refused, want a fresh bucket")
	}
}

func TestLimiterShardGivesMemoryBackAfterAFlood(t *testing.T) {
	var s limiterShard
	s.init(100_000)
	for i := range 50_000 {
		s.add(bucketKey{client: NewKey(floodAddr(i))}, &clientBucket{usedAt: time.Duration(i)})
	}
	if got := s.evict(49_899); got != 49_900 {
		t.Fatalf("evicted: got %d, want 49900", got)
	}
	if s.peak != 100 {
		t.Errorf("size the map was made for: got %d, want 100: the flood's map is still in use", s.peak)
	}
	for i := 49_900; i < 50_000; i++ {
		if s.clients[bucketKey{client: NewKey(floodAddr(i))}] == nil {
			t.Fatalf("client %d was lost when the map was shrunk", i)
		}
	}
}

func TestLimiterRunSweepsAtTheIntervalAndFollowsReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		l := New(time.Now)
		var config atomic.Pointer[Config]
		slow := limiterConfig(1, 1)
		slow.EvictionInterval, slow.EvictionAge = time.Hour, time.Hour
		config.Store(&slow)
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Run(ctx, func() Config { return *config.Load() })
		}()

		l.Allow(floodAddr(1), slow)
		time.Sleep(30 * time.Minute)
		if got := l.Tracked(); got != 1 {
			t.Errorf("before the interval is over: got %d tracked, want 1", got)
		}
		quick := slow
		quick.EvictionInterval, quick.EvictionAge = 10*time.Second, 10*time.Second
		config.Store(&quick)
		time.Sleep(limiterEvictStep + time.Second)
		if got := l.Tracked(); got != 0 {
			t.Errorf("soon after a reload that shortened the interval: got %d tracked, want 0", got)
		}
		l.Allow(floodAddr(2), quick)
		time.Sleep(25 * time.Second)
		if got := l.Tracked(); got != 0 {
			t.Errorf("two intervals later: got %d tracked, want 0", got)
		}
		cancel()
		<-done
	})
}

func TestLimiterKeepsAClientForTheAgeHoweverShortTheIntervalIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		l := New(time.Now)
		cfg := limiterConfig(1e-9, 1)
		cfg.EvictionInterval, cfg.EvictionAge = time.Second, time.Hour
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Run(ctx, func() Config { return cfg })
		}()
		l.Allow(floodAddr(1), cfg)
		time.Sleep(30 * time.Minute)
		l.Allow(floodAddr(1), cfg) // this one is refused, but it counts as use
		for range 59 {
			time.Sleep(time.Minute)
			if got := l.Tracked(); got != 1 {
				t.Fatalf("within the age: got %d tracked, want 1", got)
			}
		}
		time.Sleep(2 * time.Minute)
		if got := l.Tracked(); got != 0 {
			t.Errorf("when the age is over: got %d tracked, want 0", got)
		}
		cancel()
		<-done
	})
}
