package limit

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkLimiterAllow shows that a request costs the same however many clients are tracked (apart from cache
// effects), and allocates nothing.
func BenchmarkLimiterAllow(b *testing.B) {
	cfg := limiterConfig(10, 20)
	for _, clients := range []int{1, 1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			l := New(time.Now)
			for i := range clients {
				l.Allow(floodAddr(i), cfg)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l.Allow(floodAddr(i%min(clients, 1000)), cfg)
				i++
			}
		})
	}
}

// BenchmarkLimiterAllowParallel shows that cores do not wait for each other (S-7.5).
func BenchmarkLimiterAllowParallel(b *testing.B) {
	cfg := limiterConfig(10, 20)
	l := New(time.Now)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		i := 0
		for pb.Next() {
			l.Allow(floodAddr(i%10_000), cfg)
			i++
		}
	})
}

// BenchmarkLimiterFlood measures a request whose client is new while every shard is full.
func BenchmarkLimiterFlood(b *testing.B) {
	cfg := limiterConfig(10, 20)
	l := New(time.Now)
	for i := range limiterMaxClients * 5 / 4 {
		l.Allow(floodAddr(i), cfg)
	}
	b.ReportAllocs()
	i := 2 * limiterMaxClients
	for b.Loop() {
		l.Allow(floodAddr(i), cfg)
		i++
	}
}
