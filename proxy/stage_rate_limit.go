package proxy

import (
	"strconv"
	"time"
)

// limitRate takes a token out of the client's bucket, or answers 429 at once with the seconds after which there is one
// again in Retry-After (S-7.1).
func (p *pipeline) limitRate(x *exchange) *answer {
	verdict := p.limiter.allowAt(x.start, x.request.Client, x.config.RateLimit)
	if verdict.ok {
		return nil
	}
	x.limited = true
	if verdict.due {
		logRateLimit(p.log, x.accessRecord(), verdict.unlogged)
	}
	seconds := max(1, int((verdict.retryAfter+time.Second-1)/time.Second))
	return &answer{
		status: statusTooManyRequests,
		fields: Fields{{Name: "Retry-After", Value: strconv.Itoa(seconds)}},
	}
}
