package config

import (
	"math"

	"reverse-proxy/proxy/limit"
)

// The bounds of the rate limit are wide enough for any use, and narrow enough that neither the time until the next
// token nor a bucket's size overflows.
const (
	minRequestsPerSecond = 0.0001
	maxRequestsPerSecond = 1e9
	maxBurst             = 1_000_000_000
)

// The limits of a file that has none.
const (
	defaultRequestsPerSecond = 100.0
	defaultBurst             = int64(1000)
	defaultBodyLimit         = int64(100 << 20)
)

// rateLimit resolves `[rate_limit]` (S-2.8, S-2.21).
func (v *validator) rateLimit(raw rawRateLimit) limit.Config {
	cfg := limit.Config{
		EvictionInterval: v.seconds("rate_limit.eviction_interval_secs", raw.EvictionIntervalSecs, 60),
		EvictionAge:      v.seconds("rate_limit.eviction_age_secs", raw.EvictionAgeSecs, 300),
	}
	const rateKey, burstKey = "rate_limit.requests_per_second", "rate_limit.burst"
	cfg.RequestsPerSecond = orDefault(raw.RequestsPerSecond, defaultRequestsPerSecond)
	// Written so that NaN, for which every comparison is false, is refused.
	if !(cfg.RequestsPerSecond >= minRequestsPerSecond && cfg.RequestsPerSecond <= maxRequestsPerSecond) {
		v.add(rateKey, "%v is out of range; write a number above 0, from %v to %.0f",
			cfg.RequestsPerSecond, minRequestsPerSecond, maxRequestsPerSecond)
	}
	if burst := orDefault(raw.Burst, defaultBurst); burst < 1 || burst > maxBurst {
		v.add(burstKey, "%d is out of range; write a number above 0, up to %d", burst, maxBurst)
	} else {
		cfg.Burst = int(burst)
	}
	return cfg
}

// body resolves `[body]` (S-2.9).
func (v *validator) body(raw rawBody) Body {
	limit := orDefault(raw.LimitBytes, defaultBodyLimit)
	if limit < 0 {
		v.add("body.limit_bytes", "%d is out of range; write a number of bytes up to %d, or 0 for no limit", limit, math.MaxInt64)
	}
	return Body{LimitBytes: limit}
}
