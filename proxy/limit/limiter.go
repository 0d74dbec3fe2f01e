package limit

import (
	"hash/maphash"
	"math"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

const (
	// limiterShards is the number of independently locked parts of the limiter. It is far larger than the number of
	// cores, so that two cores rarely want the same lock (S-7.5), and a power of two.
	limiterShards = 64
	// limiterMaxClients bounds the clients tracked at once, so that a flood of addresses costs bounded memory (S-7.3).
	// A client costs about 200 bytes.
	limiterMaxClients = 1 << 20
	// limiterMaxRetryAfter bounds the wait reported to a refused client, which at a tiny rate would overflow a
	// time.Duration.
	limiterMaxRetryAfter = 365 * 24 * time.Hour
)

// Config is the `[rate_limit]` table. All of it is dynamic.
type Config struct {
	// RequestsPerSecond is the rate at which a client's bucket fills; > 0.
	RequestsPerSecond float64
	// Burst is the size of a client's bucket, in requests; > 0.
	Burst int
	// EvictionInterval is the time between two sweeps over the tracked clients.
	EvictionInterval time.Duration
	// EvictionAge is how long a client must have been silent before a sweep forgets it.
	EvictionAge time.Duration
}

// Limiter is the rate limit of section 7: a token bucket for each client, global over all sites, in shards that each
// have their own lock. The configuration comes with every request, so that a request sees one configuration from its
// beginning to its end (S-3.1); a bucket adopts a changed one at its next request (S-7.4). A Limiter is safe for
// concurrent use.
type Limiter struct {
	// now is the clock; it is monotonic in production.
	now func() time.Time
	// start is the time to which the shards' usedAt are relative.
	start time.Time
	// seed is random, so that no client can choose addresses that all fall into one shard.
	seed   maphash.Seed
	shards [limiterShards]limiterShard
}

// New returns a limiter that tracks no clients yet. It reads the time from now, which is time.Now except in tests.
func New(now func() time.Time) *Limiter {
	l := &Limiter{now: now, start: now(), seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].init(limiterMaxClients / limiterShards)
	}
	return l
}

// Allow takes a token from the client's bucket and reports whether there was one. A new client's bucket is full. If
// there was none, retryAfter is the time until there is one, > 0, to be rounded up to whole seconds for Retry-After
// (RFC 9110, section 10.2.3). A refused request takes nothing from the bucket. Allow does not allocate for a known
// client.
func (l *Limiter) Allow(addr netip.Addr, cfg Config) (ok bool, retryAfter time.Duration) {
	verdict := l.AllowAt(l.now(), addr, cfg)
	return verdict.OK, verdict.RetryAfter
}

// Verdict is the limiter's decision about one request.
type Verdict struct {
	// OK reports whether there was a token.
	OK bool
	// RetryAfter is the time until there is a token if there was none.
	RetryAfter time.Duration
	// Due reports whether a refusal has to be logged.
	Due bool
	// Unlogged is the number of refusals since the last logged one.
	Unlogged int
}

// AllowAt is Allow for a caller that has just read the limiter's clock and that logs refusals.
func (l *Limiter) AllowAt(now time.Time, addr netip.Addr, cfg Config) Verdict {
	key := NewKey(addr)
	shard := &l.shards[maphash.Comparable(l.seed, key)%limiterShards]
	usedAt := now.Sub(l.start)

	shard.mu.Lock()
	defer shard.mu.Unlock()
	bucket := shard.clients[key]
	if bucket == nil {
		bucket = &clientBucket{tokens: rate.NewLimiter(rate.Limit(cfg.RequestsPerSecond), cfg.Burst)}
		shard.add(key, bucket)
	}
	// Another core may have read the clock later and got the lock earlier. A bucket whose clock went back would earn
	// the same tokens twice.
	if usedAt < bucket.usedAt {
		usedAt = bucket.usedAt
		now = l.start.Add(usedAt)
	}
	bucket.usedAt = usedAt
	var verdict Verdict
	verdict.OK, verdict.RetryAfter = bucket.take(now, rate.Limit(cfg.RequestsPerSecond), cfg.Burst)
	if !verdict.OK {
		verdict.Due, verdict.Unlogged = bucket.refusals.add(usedAt)
	}
	return verdict
}

// Tracked returns the number of clients that have a bucket.
func (l *Limiter) Tracked() int {
	total := 0
	for i := range l.shards {
		total += l.shards[i].len()
	}
	return total
}

// clientBucket is one client's token bucket. The lock of its shard guards it.
type clientBucket struct {
	tokens *rate.Limiter
	// usedAt is the time of the latest request, refused ones included, since the limiter's start.
	usedAt time.Duration
	// refusals decides which of the client's refusals are logged.
	refusals refusalLog
}

// take adopts limit and burst if they changed since the last request, and takes one token. It keeps the tokens saved so
// far, capped to the new burst. If there is no token, it returns the time until there is one.
func (b *clientBucket) take(now time.Time, limit rate.Limit, burst int) (ok bool, retryAfter time.Duration) {
	if b.tokens.Limit() != limit {
		b.tokens.SetLimitAt(now, limit)
	}
	if b.tokens.Burst() != burst {
		b.tokens.SetBurstAt(now, burst)
	}
	if b.tokens.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - b.tokens.TokensAt(now)
	seconds := missing / float64(limit)
	if seconds >= limiterMaxRetryAfter.Seconds() {
		return false, limiterMaxRetryAfter
	}
	return false, max(time.Duration(math.Ceil(seconds*float64(time.Second))), 1)
}
