package config

import (
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/wording"
)

// Limits are the limits of a site or a route (S-17.1). The From fields say whether the site or the route set each
// limit; LevelDefault if neither did. All requests whose limit was set by the same site or route share its bucket or
// bound.
type Limits struct {
	// Rate is the rate of each client's bucket if RateFrom is a site or route; otherwise clients use the file's
	// buckets.
	Rate     limit.Rate
	RateFrom Level
	// Total is the number of requests per second of all clients together; 0 for no limit.
	Total     float64
	TotalFrom Level
	// Concurrent is the largest number of requests at once, of all clients together; 0 for no bound. Wait is how long
	// further requests wait for a free place.
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

// Texts lists the keys of the limits in the order of the documentation. A key that is not set at the level has the
// value "".
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

// appendTexts appends the keys that have a value, for the description of a route.
func appendTexts(out *strings.Builder, texts []KeyText) {
	for _, key := range texts {
		if key.Value != "" {
			out.WriteString(" " + key.Key + " = " + key.Value)
		}
	}
}
