package proxy

import (
	"math"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/limit"
)

// rule returns the limit that the exchange takes a token from: the limit of its route, or the file's.
func (x *exchange) rule() limit.Rule {
	if r := x.decision.route; r != nil && r.limits != nil {
		return r.limits.rule
	}
	return limit.Rule{Rate: x.config.RateLimit.Rate()}
}

// limitSetBy returns the counters of the site or route that has set the exchange's limit of that kind, or those of the
// file.
func (p *pipeline) limitSetBy(x *exchange, kind limit.Kind) *limitSeries {
	if r := x.decision.route; r != nil && r.limits != nil {
		return r.limits.setBy[kind]
	}
	return p.limits.file
}

// bodyLimit returns the largest body of the request, in bytes.
func (x *exchange) bodyLimit() int64 {
	most := x.config.BodyLimit
	if r := x.decision.route; r != nil && r.config.BodyLimitFrom != config.LevelDefault {
		most = r.config.BodyLimit
	}
	if most == 0 {
		return math.MaxInt64
	}
	return most
}

// bodyIdle returns how long a body of the exchange may make no progress: the time that its route sets, or the given one
// if the route sets none.
func (x *exchange) bodyIdle(otherwise time.Duration) time.Duration {
	r := x.decision.route
	if r == nil || r.config.BodyIdle == 0 {
		return otherwise
	}
	if client, ok := x.client.(patientClient); ok && r.config.BodyIdle > otherwise {
		client.bePatient(r.config.BodyIdle)
	}
	return r.config.BodyIdle
}

// patientClient is the side of a client whose connection can wait longer than usual for the client to read.
type patientClient interface{ bePatient(time.Duration) }
