package config

import (
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/wording"
)

// Limits are the limits of a site or a route (S-17.1). The level of each is that of the site or the route that sets it, and
// LevelDefault if neither does. Requests share a bucket, or a bound, with all others for which the same site or route sets it.
type Limits struct {
	// Rate is that of each client's bucket if RateFrom is a site or route; otherwise the bucket is the file's.
	Rate     limit.Rate
	RateFrom Level
	// Total is the number of requests per second of all clients together; 0 for no limit.
	Total     float64
	TotalFrom Level
	// Concurrent is the largest number of requests at once, of all clients; 0 for no bound. Wait is how long further ones wait.
	Concurrent     int
	ConcurrentFrom Level
	Wait           time.Duration
	WaitFrom       Level
	// BodyLimit is the largest request body, in bytes; 0 for no limit.
	BodyLimit     int64
	BodyLimitFrom Level
	// BodyIdle ends an exchange in which no byte of a body has moved for that long; 0 for the file's time, which is static.
	BodyIdle     time.Duration
	BodyIdleFrom Level
}

// KeyText is a key with its value, as the file has them.
type KeyText struct{ Key, Value string }

// Texts lists the keys of the limits in the order of the documentation. The values of those that are not set at the level
// are "".
func (l Limits) Texts(at Level) []KeyText {
	text := func(from Level, value string) string {
		if from != at {
			return ""
		}
		return value
	}
	return []KeyText{
		{"rate_limit.requests_per_second", text(l.RateFrom, decimal(l.Rate.RequestsPerSecond))},
		{"rate_limit.burst", text(l.RateFrom, strconv.Itoa(l.Rate.Burst))},
		{"total_requests_per_second", text(l.TotalFrom, decimal(l.Total))},
		{"concurrent", text(l.ConcurrentFrom, strconv.Itoa(l.Concurrent))},
		{"concurrent_wait_secs", text(l.WaitFrom, wording.InSeconds(l.Wait))},
		{"body_limit_bytes", text(l.BodyLimitFrom, strconv.FormatInt(l.BodyLimit, 10))},
		{"body_idle_timeout_secs", text(l.BodyIdleFrom, wording.InSeconds(l.BodyIdle))},
	}
}

// decimal writes a number without an exponent.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// appendTexts appends the keys that have a value to the description of a route.
func appendTexts(out *strings.Builder, texts []KeyText) {
	for _, key := range texts {
		if key.Value != "" {
			out.WriteString(" " + key.Key + " = " + key.Value)
		}
	}
}
