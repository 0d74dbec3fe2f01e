package proxy

import (
	"strconv"
	"time"
)

// limitRate takes a token from the client's bucket. If there is none, it answers 429 at once, with the seconds until the
// next token in Retry-After (S-7.1).
func (p *pipeline) limitRate(x *exchange) *answer {
	verdict := p.limiter.AllowAt(x.start, x.request.Client, x.config.RateLimit)
	if verdict.OK {
		return nil
	}
	x.limited = true
	if verdict.Due {
		logRateLimit(p.log, x.accessRecord(), refusal{unlogged: verdict.Unlogged})
	}
	seconds := max(1, int((verdict.RetryAfter+time.Second-1)/time.Second))
	return &answer{
		status: statusTooManyRequests,
		fields: Fields{{Name: "Retry-After", Value: strconv.Itoa(seconds)}},
	}
}
