package config

import (
	"math"
	"time"

	"reverse-proxy/proxy/limit"
)

// The bounds of the rate limit are wide enough for any use, and narrow enough that neither the time until the next
// token nor a bucket's size overflows.
const (
	minRequestsPerSecond = 0.0001
	maxRequestsPerSecond = 1e9
	maxBurst             = 1_000_000_000
)

// The limits of a file that sets none.
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
	cfg.RequestsPerSecond = v.requestsPerSecond("rate_limit.requests_per_second", raw.RequestsPerSecond)
	cfg.Burst = v.burst("rate_limit.burst", raw.Burst)
	return cfg
}

// requestsPerSecond resolves the rate of a client's bucket.
func (v *validator) requestsPerSecond(key string, value *float64) float64 {
	rate := orDefault(value, defaultRequestsPerSecond)
	if !isRate(rate) {
		v.add(key, "%v is out of range; write a number above 0, from %v to %.0f", rate, minRequestsPerSecond, maxRequestsPerSecond)
	}
	return rate
}

// isRate reports whether a rate is within the bounds. For NaN every comparison is false.
func isRate(rate float64) bool { return rate >= minRequestsPerSecond && rate <= maxRequestsPerSecond }

// burst resolves the size of a client's bucket.
func (v *validator) burst(key string, value *int64) int {
	burst := orDefault(value, defaultBurst)
	if burst < 1 || burst > maxBurst {
		v.add(key, "%d is out of range; write a number above 0, up to %d", burst, maxBurst)
		return 1
	}
	return int(burst)
}

// limits resolves the limits of a site or a route (S-17.1).
func (v *validator) limits(in inherited) Limits {
	limits := Limits{
		RateFrom:       max(in.ownLevel("rate_limit.requests_per_second"), in.ownLevel("rate_limit.burst")),
		Total:          v.totalRate(in.key("total_requests_per_second"), in.TotalRequestsPerSecond),
		TotalFrom:      in.ownLevel("total_requests_per_second"),
		Concurrent:     v.concurrent(in.key("concurrent"), in.Concurrent),
		ConcurrentFrom: in.ownLevel("concurrent"),
		Wait:           v.wait(in.key("concurrent_wait_secs"), in.ConcurrentWaitSecs),
		WaitFrom:       in.ownLevel("concurrent_wait_secs"),
		BodyLimit:      orDefault(in.BodyLimitBytes, defaultBodyLimit),
		BodyLimitFrom:  in.ownLevel("body_limit_bytes"),
		BodyIdleFrom:   in.ownLevel("body_idle_timeout_secs"),
	}
	if limits.RateFrom != LevelDefault {
		limits.Rate.RequestsPerSecond = v.requestsPerSecond(in.key("rate_limit.requests_per_second"), in.RateLimit.RequestsPerSecond)
		limits.Rate.Burst = v.burst(in.key("rate_limit.burst"), in.RateLimit.Burst)
	}
	if limits.BodyLimitFrom != LevelDefault {
		v.bodyLimit(in.key("body_limit_bytes"), limits.BodyLimit)
	}
	if limits.BodyIdleFrom != LevelDefault {
		limits.BodyIdle = v.seconds(in.key("body_idle_timeout_secs"), in.BodyIdleTimeoutSecs, 60)
	}
	return limits
}

// ownLevel returns whether the site or the route has set the key with the path; LevelDefault if neither has.
func (in inherited) ownLevel(path string) Level {
	if level := in.level(path); level >= LevelSite {
		return level
	}
	return LevelDefault
}

// totalRate resolves `total_requests_per_second`. 0 means no limit.
func (v *validator) totalRate(key string, value *float64) float64 {
	rate := orDefault(value, 0)
	if rate != 0 && !isRate(rate) {
		v.add(key, "%v is out of range; write a number from %v to %.0f, or 0 for no limit", rate, minRequestsPerSecond, maxRequestsPerSecond)
	}
	return rate
}

// concurrent resolves `concurrent`. 0 means no bound. The most is max_connections: over HTTP/1.1 each of these
// requests has its own connection to the upstream.
func (v *validator) concurrent(key string, value *int64) int {
	bound := orDefault(value, 0)
	if bound < 0 || v.connections > 0 && bound > int64(v.connections) {
		v.add(key, "%d is out of range; write a number of requests from 1 to max_connections (%d), or 0 for no bound", bound, v.connections)
		return 0
	}
	return int(bound)
}

// defaultWait is the default of `concurrent_wait_secs`: long enough to load a page full of pictures a few at a time,
// and shorter than a visitor's patience.
const defaultWait = 5

// wait resolves `concurrent_wait_secs`. With 0, requests do not wait.
func (v *validator) wait(key string, value *int64) time.Duration {
	secs := orDefault(value, defaultWait)
	if secs < 0 || secs > maxSeconds {
		v.add(key, "%d is out of range; write seconds up to %d, or 0 not to wait", secs, maxSeconds)
		secs = defaultWait
	}
	return time.Duration(secs) * time.Second
}

// body resolves `[body]` (S-2.9).
func (v *validator) body(raw rawBody) Body {
	limit := orDefault(raw.LimitBytes, defaultBodyLimit)
	v.bodyLimit("body.limit_bytes", limit)
	return Body{LimitBytes: limit}
}

// bodyLimit checks the largest size of a body.
func (v *validator) bodyLimit(key string, limit int64) {
	if limit < 0 {
		v.add(key, "%d is out of range; write a number of bytes up to %d, or 0 for no limit", limit, math.MaxInt64)
	}
}
