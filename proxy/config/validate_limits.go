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

// rateLimit resolves `[rate_limit]` (S-2.8, S-2.21).
func (v *validator) rateLimit(raw rawRateLimit) limit.Config {
	cfg := limit.Config{
		EvictionInterval: v.seconds("rate_limit.eviction_interval_secs", raw.EvictionIntervalSecs, 60),
		EvictionAge:      v.seconds("rate_limit.eviction_age_secs", raw.EvictionAgeSecs, 300),
	}
	const rateKey, burstKey = "rate_limit.requests_per_second", "rate_limit.burst"
	if raw.RequestsPerSecond == nil {
		v.add(rateKey, "missing; write the requests a second that one client may make, as in 100")
	} else {
		cfg.RequestsPerSecond = *raw.RequestsPerSecond
		// Written so that NaN, for which every comparison is false, is refused.
		if !(cfg.RequestsPerSecond >= minRequestsPerSecond && cfg.RequestsPerSecond <= maxRequestsPerSecond) {
			v.add(rateKey, "%v is out of range; write a number above 0, from %v to %.0f",
				cfg.RequestsPerSecond, minRequestsPerSecond, maxRequestsPerSecond)
		}
	}
	if raw.Burst == nil {
		v.add(burstKey, "missing; write the requests that one client may make at once, as in 1000")
	} else if *raw.Burst < 1 || *raw.Burst > maxBurst {
		v.add(burstKey, "%d is out of range; write a number above 0, up to %d", *raw.Burst, maxBurst)
	} else {
		cfg.Burst = int(*raw.Burst)
	}
	return cfg
}

// body resolves `[body]` (S-2.9).
func (v *validator) body(raw rawBody) Body {
	const key = "body.limit_bytes"
	switch {
	case raw.LimitBytes == nil:
		v.add(key, "missing; write the largest request body in bytes, as in 104857600 (100 MiB)")
	case *raw.LimitBytes < 1:
		v.add(key, "%d is out of range; write a number of bytes above 0, up to %d", *raw.LimitBytes, math.MaxInt64)
	default:
		return Body{LimitBytes: *raw.LimitBytes}
	}
	return Body{}
}
