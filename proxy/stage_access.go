package proxy

import (
	"context"
	"net/http"
	"time"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// restrict passes the requests that the rules of access of their route let in, and answers the others (S-16.5).
func (p *pipeline) restrict(x *exchange) *answer {
	rules := x.route.access
	if rules == nil {
		return nil
	}
	refused, passes := x.knownAccess(rules)
	if refused != nil || passes {
		return refused
	}
	x.turn.give()
	defer x.turn.take(x.request.Account) // requests that waited for the same event all continue at once
	defer func() { x.call.start = time.Now() }()
	return p.askRules(x, rules)
}

// planRestrict is the part of restrict that depends only on the configuration and the request.
func (x *exchange) planRestrict() *answer {
	if x.route.access == nil {
		return nil
	}
	refused, _ := x.knownAccess(x.route.access)
	return refused
}

// askRules applies the rules that take time: the password first, then the service.
func (p *pipeline) askRules(x *exchange, rules *config.Access) *answer {
	failed := false
	if rules.Users != nil && access.IsBasic(x.authorization) {
		verdict, gone := p.checkPassword(x, rules)
		switch {
		case gone != nil:
			return gone
		case verdict == access.Right && (rules.Any || rules.ForwardAuth == nil):
			return nil
		case verdict == access.Right:
		case rules.Any && rules.ForwardAuth != nil:
			failed = verdict == access.Wrong
		case verdict == access.Busy:
			x.refusedBy, x.problem = byPasswordQueue, errPasswordQueue
			return answerLater(http.StatusTooManyRequests, passwordRetry)
		default:
			return x.passwordFailed(rules)
		}
	}
	a := p.askService(x, rules)
	if a != nil && failed { // the password may have been meant for the service
		x.logPasswordFailed(rules)
	}
	return a
}

// checkPassword verifies the client's password, unless it was verified recently (S-16.2). gone is the answer if the
// client has left.
func (p *pipeline) checkPassword(x *exchange, rules *config.Access) (verdict access.Verdict, gone *answer) {
	sent, ok := access.ParseBasic(x.authorization)
	switch {
	case !ok:
		return access.Wrong, nil
	case p.passwords.Remembers(rules.Users, sent, x.start):
		return access.Right, nil
	}
	verdict = access.Busy
	err := x.await(passwordSpare, func(ctx context.Context) {
		verdict = p.passwords.Check(ctx, rules.Users, sent, limit.NewKey(x.request.Client))
	})
	if err != nil {
		return verdict, x.clientGone(err)
	}
	return verdict, nil
}

// askService asks the service of `forward_auth`. It returns nil if the service lets the client in, else its answer. If
// the service does not answer, it returns an error status: no request passes without the service (S-16.3).
func (p *pipeline) askService(x *exchange, rules *config.Access) *answer {
	q := p.question(x, rules.ForwardAuth)
	var got *reply
	var err error
	gone := x.await(config.ForwardAuthTimeout+time.Second, func(ctx context.Context) {
		got, err = q.ask(ctx, config.ForwardAuthTimeout)
	})
	if gone != nil && got != nil {
		got.release()
	}
	switch {
	case gone == errUpstreamTimeout:
		x.timer.Reset()
		err = errReplyLate
	case gone != nil:
		return x.clientGone(gone)
	}
	if err != nil {
		return p.serviceFailed(x, rules, err)
	}
	x.call.headWaited = got.call.headWaited
	if got.passes() {
		x.letIn(rules, got)
		return nil
	}
	return x.takeRefusal(got)
}

// question returns the question of an exchange to a service.
func (p *pipeline) question(x *exchange, service *config.ForwardAuth) *question {
	by := asker{timer: x.timer, log: p.log}
	if x.request.Account != nil {
		by.client = &x.request.Account.upstreams
	}
	return newQuestion(p.upstreams.target(x.route.service, 0), x.serviceRequest(service), by)
}

// serviceFailed answers a request whose service could not be asked.
func (p *pipeline) serviceFailed(x *exchange, rules *config.Access, err error) *answer {
	logUpstreamError(p.log, x.host, rules.ForwardAuth.Service.Upstreams[0].Address, err)
	status := http.StatusBadGateway
	if err == errReplyLate || isTimeout(err) {
		status = http.StatusGatewayTimeout
	}
	if met := x.shareOf(err); met != nil {
		x.refuse(byServiceError, errServiceFailed, statusServiceUnavailable)
		return answerLater(statusServiceUnavailable, shareRetry)
	}
	return x.refuse(byServiceError, errServiceFailed, status)
}

// sendReply sends an answer whose body is a service's reply. A long body is sent part by part as it arrives, like that of a
// response.
func (p *pipeline) sendReply(x *exchange, a *answer) {
	x.turn.give()
	got, call := a.reply, &x.call
	if !x.sendHead(a, got.length(x.request.Protocol), a.contentType) {
		if got.rest != nil {
			call.release(got.rest)
		}
		call.releaseResponse()
		return
	}
	given, cut := p.relayReply(x, got)
	if !given {
		call.release(got.rest)
	}
	call.releaseResponse()
	x.abort = x.abort || cut != nil
}

// relayReply sends the body of a reply. given and cut are those of relay.
func (p *pipeline) relayReply(x *exchange, got *reply) (given bool, cut *answer) {
	given = got.rest == nil
	sent := int64(0)
	for _, part := range [...][]byte{got.copied, got.last} {
		if len(part) == 0 {
			continue
		}
		if _, err := x.client.Write(part); err != nil {
			return given, p.clientLost(x, err)
		}
		sent += int64(len(part))
		x.wrote(len(part))
		x.timer.Set(deadline.PhaseBody, x.body.idle)
	}
	got.copied, got.last = nil, nil
	if given {
		if err := x.client.End(nil); err != nil {
			return true, p.clientLost(x, err)
		}
		return true, nil
	}
	given, err := x.relayBody(got.rest, maxReplyBytes-sent)
	if lost, ok := err.(upstreamSide); ok {
		x.refusedBy = byServiceError
		cut = p.upstreamLost(x, lost.error)
		x.upstreamAtFault = false // it was the service
		return false, cut
	}
	if err != nil {
		return given, p.clientLost(x, err)
	}
	return true, nil
}
