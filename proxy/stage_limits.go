package proxy

import (
	"net/netip"
	"time"

	"reverse-proxy/proxy/limit"
)

// limitRate takes a token from the client's bucket, and one from the bucket of all clients together if there is one.
// Without a token it answers 429 immediately, with the seconds until the next token in Retry-After (S-7.1, S-17.1).
func (p *pipeline) limitRate(x *exchange) *answer {
	rule := x.rule()
	verdict := p.limits.limiter.Take(x.start, x.request.Client, &rule)
	if verdict.OK {
		return nil
	}
	p.limitRefused(x, verdict)
	return answerLater(statusTooManyRequests, verdict.RetryAfter)
}

// limitUnnamed is limitRate for a head that a trusted proxy has passed on and that is too malformed to name a client.
// It spares the proxy's own bucket, which its health checks need, and logs nothing, because a fail2ban jail would ban
// the proxy for it.
func (p *pipeline) limitUnnamed(x *exchange) *answer {
	verdict := p.takeUnnamed(x.request.Client)
	if verdict.OK {
		return nil
	}
	x.limited = true
	p.limits.file.refused[limit.OfClient].Add(1)
	return answerLater(statusTooManyRequests, verdict.RetryAfter)
}

// takeUnnamed takes a token for a request that a trusted proxy has passed on without naming its client.
func (p *pipeline) takeUnnamed(proxy netip.Addr) limit.Verdict {
	rate := p.dynamic.Load().RateLimit.Rate()
	return p.limits.limiter.Take(time.Now(), proxy, &limit.Rule{Scope: limit.UnnamedScope, Rate: rate})
}

// limitRefused counts a request that a limit has refused, and logs it if a line is due.
func (p *pipeline) limitRefused(x *exchange, verdict limit.Verdict) {
	place := p.limitSetBy(x, verdict.Limit)
	place.refused[verdict.Limit].Add(1)
	refused := refusal{limit: verdict.Limit, site: place.host, route: place.path, unlogged: verdict.Unlogged}
	x.limited = verdict.Limit != limit.OfConcurrent
	if verdict.Limit == limit.OfClient && !verdict.Due {
		return
	}
	var record accessRecord
	x.describe(&record)
	if verdict.Limit == limit.OfClient {
		logRateLimit(p.log, &record, refused)
		return
	}
	logSharedLimit(p.log, &record, refused)
}

// limitBody refuses a body whose declared length exceeds the limit before the upstream is used. For a body of unknown
// length it sets the limit, so that the first byte beyond it ends the exchange (S-6, Errors: 413).
func (p *pipeline) limitBody(x *exchange) *answer {
	if x.request.ContentLength > x.bodyLimit() {
		return answerStatus(statusPayloadTooLarge)
	}
	if x.request.Body != nil {
		x.body.begin(x.request.Body, x.bodyLimit())
	}
	return nil
}
