package limit

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Left returns the number of tokens in a client's bucket. It takes no token and creates no bucket.
func (l *Limiter) Left(now time.Time, addr netip.Addr, rule Rule) float64 {
	client := NewKey(addr)
	shard := &l.shards[maphash.Comparable(l.seed, client)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	bucket := shard.clients[bucketKey{client, rule.Scope}]
	if bucket == nil || bucket.tokens == nil {
		return float64(rule.Rate.Burst)
	}
	return max(0, min(bucket.tokens.TokensAt(now), float64(rule.Rate.Burst)))
}
