package limit

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// limiterShards is the number of independently locked parts of the limiter. It is far larger than the number of
	// cores, so that two cores rarely want the same lock (S-7.5), and a power of two.
	limiterShards = 64
	// limiterMaxClients bounds the buckets of clients, over all scopes, so that a flood of addresses costs bounded memory
	// (S-7.3). A bucket costs about 200 bytes.
	limiterMaxClients = 1 << 20
	// limiterMaxRetryAfter bounds the wait that is reported to a refused client. At a tiny rate, the exact wait would
	// overflow a time.Duration.
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

// Limiter is the rate limit of sections 7 and 17: token buckets for each client, in shards that each have their own
// lock, and total limits. A request takes a token from one of its client's buckets (S-7.6). The configuration is passed
// with every request, so that a request sees one configuration from its beginning to its end (S-3.1). A bucket adopts a
// changed configuration at its next request (S-7.4). A Limiter is safe for concurrent use.
type Limiter struct {
	// now is the clock; it is monotonic in production.
	now func() time.Time
	// start is the time that usedAt in the shards is relative to.
	start time.Time
	// seed is random, so that no client can choose addresses that all fall into one shard.
	seed   maphash.Seed
	shards [limiterShards]limiterShard

	// totalsMu guards totals; no request takes it.
	totalsMu sync.Mutex
	totals   map[Scope]*Total
}

// New returns a limiter that tracks no clients yet. now is time.Now except in tests.
func New(now func() time.Time) *Limiter {
	l := &Limiter{now: now, start: now(), seed: maphash.MakeSeed(), totals: map[Scope]*Total{}}
	for i := range l.shards {
		l.shards[i].init(limiterMaxClients / limiterShards)
	}
	return l
}

// Allow takes a token from the client's bucket and reports whether there was one. A new client's bucket is full. If
// there was no token, retryAfter is the time until there is one; it is positive, and is rounded up to whole seconds for
// Retry-After (RFC 9110, section 10.2.3). A refused request takes nothing from the bucket. Allow does not allocate for
// a known client.
func (l *Limiter) Allow(addr netip.Addr, cfg Config) (ok bool, retryAfter time.Duration) {
	verdict := l.AllowAt(l.now(), addr, cfg)
	return verdict.OK, verdict.RetryAfter
}

// Verdict is the limiter's decision about one request.
type Verdict struct {
	// OK reports whether there was a token.
	OK bool
	// Limit is the limit that had no token: OfClient or OfTotal.
	Limit Kind
	// RetryAfter is the time until there is a token. It is 0 if OK.
	RetryAfter time.Duration
	// Due reports whether a refusal by the client's limit must be logged.
	Due bool
	// Unlogged is the number of refusals since the last logged one.
	Unlogged int
}

// AllowAt is Allow for a caller that has just read the limiter's clock and that logs refusals.
func (l *Limiter) AllowAt(now time.Time, addr netip.Addr, cfg Config) Verdict {
	return l.Take(now, addr, &Rule{Rate: cfg.Rate()})
}

// Take takes a token by the rule, first from the client's bucket: a client without a token there takes none from the
// total. now is the time of the limiter's clock, which the caller has just read.
func (l *Limiter) Take(now time.Time, addr netip.Addr, rule *Rule) Verdict {
	client := NewKey(addr)
	usedAt := now.Sub(l.start)
	shard := &l.shards[maphash.Comparable(l.seed, client)%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	var verdict Verdict
	bucket := shard.find(bucketKey{client, rule.Scope})
	verdict.OK, verdict.RetryAfter = bucket.take(bucket.use(now, usedAt), rule.Rate, 0)
	switch {
	case !verdict.OK:
		// One page may load things with different limits. Its client is still logged only once a second (S-7.7), so
		// refusals are counted in one bucket. All buckets of a client are in one shard.
		if rule.Scope != FileScope {
			bucket = shard.find(bucketKey{client, FileScope})
			bucket.use(now, usedAt)
		}
		verdict.Due, verdict.Unlogged = bucket.refusals.add(bucket.usedAt)
	case rule.Total != nil:
		verdict.Limit = OfTotal
		own := shard.find(bucketKey{client, rule.Total.scope.share()})
		verdict.OK, verdict.RetryAfter = rule.Total.take(now, usedAt, rule.TotalRate, own)
	}
	return verdict
}

// Tracked returns the number of buckets of clients.
func (l *Limiter) Tracked() int {
	total := 0
	for i := range l.shards {
		total += l.shards[i].len()
	}
	return total
}

// clientBucket is one client's token bucket. The lock of its shard guards it.
type clientBucket struct {
	// tokens is nil until a token is first taken: a bucket may exist only to count refusals.
	tokens *rate.Limiter
	// usedAt is the time of the latest request, refused ones included, since the limiter's start.
	usedAt time.Duration
	// refusals decides which of the client's refusals are logged.
	refusals refusalLog
}

// use records a request and returns its time. Another core may have read the clock later but got the lock earlier. A
// bucket whose clock went back would earn the same tokens twice.
func (b *clientBucket) use(now time.Time, usedAt time.Duration) time.Time {
	if usedAt < b.usedAt {
		return now.Add(b.usedAt - usedAt)
	}
	b.usedAt = usedAt
	return now
}

// take adopts the rate if it has changed since the last request, and takes one token. The bucket keeps its tokens, up
// to the new burst. take succeeds only if at least kept tokens remain. Otherwise it returns the time until it would
// succeed.
func (b *clientBucket) take(now time.Time, r Rate, kept int) (ok bool, retryAfter time.Duration) {
	b.adopt(now, rate.Limit(r.RequestsPerSecond), r.Burst)
	needed := float64(kept + 1)
	if (kept == 0 || b.tokens.TokensAt(now) >= needed) && b.tokens.AllowN(now, 1) {
		return true, 0
	}
	seconds := (needed - b.tokens.TokensAt(now)) / r.RequestsPerSecond
	if seconds >= limiterMaxRetryAfter.Seconds() {
		return false, limiterMaxRetryAfter
	}
	return false, max(time.Duration(math.Ceil(seconds*float64(time.Second))), 1)
}

// adopt sets the bucket's rate. A new bucket is full.
func (b *clientBucket) adopt(now time.Time, limit rate.Limit, burst int) {
	if b.tokens == nil {
		b.tokens = rate.NewLimiter(limit, burst)
		return
	}
	if b.tokens.Limit() != limit {
		b.tokens.SetLimitAt(now, limit)
	}
	if b.tokens.Burst() != burst {
		b.tokens.SetBurstAt(now, burst)
	}
}
