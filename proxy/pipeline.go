package proxy

import (
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/limit"
)

// pipeline handles every request, from its head to its log line. There is one for the life of the process, shared by all
// listeners and protocols.
type pipeline struct {
	dynamic   *atomic.Pointer[DynamicConfig]
	limits    *limits
	upstreams *upstreams
	conns     *connRegistry
	log       *eventlog.Logger
	metrics   *metrics
	passwords *access.Verifier
	// bodyIdle is how long a body may stall (S-6.9).
	bodyIdle time.Duration
	// inFlight counts the exchanges between their head and their last byte, for `status`.
	inFlight atomic.Int64
	dates    dateText
	stages   []stage
}

// newPipeline builds the pipeline of the process with its stages. Its metrics know the sites of the first configuration; a
// reload adds those of the next one.
func newPipeline(dynamic *atomic.Pointer[DynamicConfig], shared *sharedState, bodyIdle time.Duration) *pipeline {
	p := &pipeline{dynamic: dynamic, limits: shared.limits, upstreams: shared.upstreams, conns: shared.conns, log: shared.log, metrics: shared.metrics, passwords: access.NewVerifier(), bodyIdle: bodyIdle}
	p.metrics.adopt(dynamic.Load())
	p.limits.adopt(dynamic.Load())
	dynamic.Load().obey(shared.holds)
	dynamic.Load().balanceOn(shared.upstreams)
	dynamic.Load().settleUpstreams(shared.upstreams)
	p.stages = p.requestStages()
	return p
}

// requestStages is the one list of the steps of a request, in this order (S-6). A stage that returns an answer ends the
// request; the last stage sends the upstream's answer.
func (p *pipeline) requestStages() []stage {
	return []stage{
		{name: "rate limit", run: p.limitRate, acts: true}, // S-7: cheapest first, so that a flood costs a map look-up
		{name: "body limit", run: p.limitBody},             // a declared length over the limit ends here, before the upstream is used
		{name: "hold back", run: p.holdBack, acts: true},   // S-14.9: 503 in maintenance, and a wait during a pause
		{name: "proxy headers", run: p.proxyFields},        // S-6.3, S-6.4, S-6.12: what the upstream may believe
		{name: "host routing", run: p.routeHost},           // S-6.1, S-6.2, S-6.14, S-14.3: what reaches no route ends here
		// S-16.5: what a route answers itself is protected like what it forwards
		{name: "access", run: p.restrict, acts: true, plan: (*exchange).planRestrict},
		{name: "route answer", run: (*exchange).answerRoute}, // S-14: redirects and fixed answers
		{name: "forward", run: p.forward, acts: true},        // S-6.7 to S-6.10: the upstream's answer, or 502 and 504
	}
}

// handle runs one exchange to its end and logs it. It returns when the last byte of the response was given to the client's
// side; then x.abort reports whether the adapter has to cut the connection.
func (p *pipeline) handle(x *exchange) {
	p.inFlight.Add(1)
	defer p.ended(x)
	x.start = time.Now()
	x.call.start = x.start
	x.log, x.dates, x.config = p.log, &p.dates, p.dynamic.Load()
	if clients := &x.config.sites[x.listener].clients; clients.Trusted != nil {
		p.findClient(x, clients)
	}
	x.host = hostOf(x.request)
	x.decision = x.config.decide(x.listener, x.host, x.request)
	x.body.timedBy(x.timer, x.bodyIdle(p.bodyIdle))
	for _, stage := range p.stages {
		if answer := stage.run(x); answer != nil {
			if answer.reply != nil {
				p.sendReply(x, answer)
			} else {
				x.send(answer)
			}
			break
		}
	}
	p.record(x)
}

// record counts and logs an exchange that has ended. It is not inlined, because the record would enlarge the stacks of all
// requests that wait (S-12.8).
//
//go:noinline
func (p *pipeline) record(x *exchange) {
	var record accessRecord
	x.describe(&record)
	p.metrics.request(x, record.Duration)
	if !x.limited { // the rate limiter logs its own line
		logRequest(p.log, &record)
	}
}

// findClient finds the client for which a trusted proxy sends the request (S-15.1). From here on the request counts for
// that client (S-12.6). No upstream connection is pinned to the trusted proxy's connection, because the next request on
// that may be another client's.
func (p *pipeline) findClient(x *exchange, clients *config.Clients) {
	r := x.request
	if !clients.Trusted.Contains(r.Client) {
		return
	}
	x.scratch = x.via.find(r, clients, x.scratch)
	x.call.pin = nil
	if x.via.found.Line < 0 || r.Account == nil {
		return
	}
	x.turn.pause()
	x.via.account = p.conns.enterRequest(limit.NewKey(r.Client))
	r.Account = x.via.account
	x.call.client = &r.Account.upstreams
	if r.Protocol == HTTP2 {
		x.turn.take(r.Account)
	}
}

// ended counts the end of an exchange.
func (p *pipeline) ended(x *exchange) {
	p.inFlight.Add(-1)
	if x.via.account != nil {
		p.leaveClient(x)
	}
}

// leaveClient undoes findClient.
func (p *pipeline) leaveClient(x *exchange) {
	if x.via.account != nil {
		p.conns.leaveRequest(x.via.account)
		x.via.account = nil
	}
}

// refuse implements requestHandler. It asks the limiter first: a malformed request costs the client a token too, so a flood
// of them does not fill the log.
func (p *pipeline) refuse(x *exchange, a *answer, reason string) {
	x.start = time.Now()
	x.dates, x.config = &p.dates, p.dynamic.Load()
	x.body.timedBy(x.timer, p.bodyIdle)
	if clients := &x.config.sites[x.listener].clients; clients.Trusted != nil {
		p.findClient(x, clients)
		defer p.leaveClient(x)
	}
	defer func() { p.metrics.request(x, time.Since(x.start)) }()
	take := p.limitRate
	if x.via.trusted && x.via.found.Line < 0 {
		take = p.limitUnnamed
	}
	if limited := take(x); limited != nil {
		x.send(limited)
		return
	}
	x.send(a)
	line := []eventlog.Attr{eventlog.Str("client_ip", x.request.ClientText), eventlog.Int("status", a.status), eventlog.Str("error", reason)}
	if x.id != "" {
		line = append(line, eventlog.Str("request_id", x.id))
	}
	if peer := x.request.otherPeer(); peer.IsValid() {
		line = append(line, eventlog.Addr("peer_ip", peer))
	}
	p.log.Log(eventlog.LevelInfo, "BAD_REQUEST", line...)
}

// describe collects the values for the exchange's log line in the record (S-8.1).
func (x *exchange) describe(record *accessRecord) {
	took := time.Since(x.start)
	ended := x.start.Add(took) // near enough, and saves reading the wall clock
	if took > time.Minute {
		ended = time.Now() // the wall clock may have been set meanwhile
	}
	*record = accessRecord{
		ClientIP:  x.request.Client,
		Host:      x.host,
		Method:    x.request.Method,
		Path:      x.request.Target,
		Status:    x.status,
		Duration:  took,
		Ended:     ended,
		Problem:   x.problem,
		RequestID: x.loggedID(),
		PeerIP:    x.request.otherPeer(),
	}
	if x.route != nil {
		record.Route = x.route.config.Path
		if x.decision.outcome == forwarded && x.refusedBy == noRule {
			record.Upstream = x.call.to.address
		}
	}
	if x.abort {
		record.EndedBy = clockOf(x.cancelled())
	}
}
