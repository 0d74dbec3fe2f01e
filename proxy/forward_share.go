package proxy

import (
	"errors"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/share"
)

// shareRetry is the Retry-After in the answer to a request that was refused because of a share.
const shareRetry = time.Second

// shareOf returns the share that ended the exchange, or nil.
func (x *exchange) shareOf(err error) *shareError {
	var met *shareError
	if errors.As(x.cancelled(), &met) || errors.As(err, &met) {
		return met
	}
	return nil
}

// refuseByShare answers an exchange that had to give way before its response began.
func (p *pipeline) refuseByShare(x *exchange, met *shareError) *answer {
	p.gaveWay(x, met)
	a := answerLater(statusServiceUnavailable, shareRetry)
	switch met.limit {
	case share.OfClient:
		a.status = statusTooManyRequests
	case share.Stalled: // before the response the client can hold up only the request's body
		return answerStatus(statusRequestTimeout)
	}
	return a
}

// gaveWay counts an exchange that had to give way to others, and logs how much its client or upstream held.
func (p *pipeline) gaveWay(x *exchange, met *shareError) {
	p.metrics.process.shares[met.limit].Add(1)
	key := eventlog.RepeatKey{Key: "share", Cause: met.limit.String(), Upstream: x.call.to.address}
	if met.limit == share.OfClient || met.limit == share.Stalled {
		key.Host = shareHolder(x.request.Client)
	}
	p.log.RepeatingBy(eventlog.LevelWarn, key, "UPSTREAM_SHARE",
		eventlog.Str("client_ip", x.request.ClientText), eventlog.Str("host", x.host), eventlog.Str("upstream", x.call.to.address),
		eventlog.Str("limit", met.limit.String()), eventlog.Int("held", met.held), eventlog.Int("share", met.of))
}
