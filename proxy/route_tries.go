package proxy

import (
	"slices"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/wording"
)

// ask sends the request of a call to one of the route's upstreams, and to another one if that is safe and allowed (S-18.2). It
// returns the connection with the head of the answer. The caller ends the choice with pick.Leave. It is not
// inlined, because with what it calls it would enlarge the stacks of all requests that wait (S-12.8).
//
//go:noinline
func (r *route) ask(u *upstreams, call *upstreamCall, pick *balance.Pick) (*upstreamConn, error) {
	if r.several() {
		r.site.totals.Request(r.config.Retry.BudgetPercent)
		r.prefer(call, pick)
	}
	i, _ := r.list.Choose(pick)
	for {
		if pick.FailOpen {
			r.logFailOpen(call.log)
		}
		call.to = u.target(r, i)
		call.triesLeft = r.triesAfter(pick)
		conn, err := call.roundTrip()
		if err == nil {
			pick.Answered()
			return conn, nil
		}
		if call.blames(err) {
			pick.Failed(err)
		}
		if call.triesLeft == 0 || !call.mayGoElsewhere(err) || !r.mayRetry(call.log) {
			call.releaseOut()
			return nil, err
		}
		failed := call.to.address
		pick.Leave()
		next, ok := r.list.Choose(pick)
		if !ok { // the last one was drained in the meantime
			call.releaseOut()
			return nil, err
		}
		i = next
		pick.Retried()
		r.logRetry(call.log, failed, r.config.Upstreams[i].Address, err)
	}
}

// triesAfter returns how many other upstreams a request may still try.
func (r *route) triesAfter(pick *balance.Pick) int {
	if !r.several() || r.config.Retry.BudgetPercent == 0 {
		return 0
	}
	return max(0, min(r.config.Retry.Attempts-pick.Attempts(), r.list.Left(pick)))
}

// prefer finds out which upstream the request should go to: the one of an upstream connection that only this client may use,
// or the one that its address or its cookie says.
func (r *route) prefer(call *upstreamCall, pick *balance.Pick) {
	pick.Key = balance.KeyOf(limit.NewKey(call.request.Client).Words())
	if r.tokens != nil {
		pick.Preferred = tokenIn(call.request, r.tokens) + 1
	}
	if pin := call.pin; pin != nil && pin.conn != nil && pin.host == r.site.config.Host {
		for i := range r.pools {
			if r.pools[i].Load() == pin.pool {
				pick.Preferred = i + 1
			}
		}
	}
}

// stick makes the client of a request send its next ones to the upstream that has answered, unless its cookie says so already
// (S-18.9).
func (r *route) stick(request *Request, chosen int, response *Fields) {
	if r.tokens != nil && tokenIn(request, r.tokens) != chosen {
		response.Add("Set-Cookie", cookieWith(request, r.tokens[chosen], r.isOfAnother))
	}
}

// isOfAnother reports whether a token is that of an upstream of another route of the site, and not of this one.
func (r *route) isOfAnother(token string) bool {
	known := false
	for other := range r.site.all() {
		known = known || slices.Contains(other.tokens, token)
	}
	return known && !slices.Contains(r.tokens, token)
}

// mayRetry reports whether the budget of the site allows one more retry.
func (r *route) mayRetry(log *eventlog.Logger) bool {
	if r.site.totals.Retry() {
		return true
	}
	r.logBudgetUsedUp(log)
	return false
}

// logBudgetUsedUp logs that a request could go to another upstream, and does not because of the budget.
func (r *route) logBudgetUsedUp(log *eventlog.Logger) {
	host := r.site.config.Host
	log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "UPSTREAM_RETRY_BUDGET", Host: host}, "UPSTREAM_RETRY_BUDGET",
		eventlog.Str("host", host), eventlog.Int("budget_percent", r.config.Retry.BudgetPercent))
}

// logRetry logs that a request goes to another upstream.
func (r *route) logRetry(log *eventlog.Logger, failed, next string, err error) {
	host, cause := r.site.config.Host, wording.Cause(err).Error()
	log.RepeatingBy(eventlog.LevelInfo, eventlog.RepeatKey{Key: "UPSTREAM_RETRY", Host: host, Upstream: failed, Cause: cause}, "UPSTREAM_RETRY",
		eventlog.Str("host", host), eventlog.Str("upstream", failed), eventlog.Str("next", next), eventlog.Str("error", cause))
}

// logFailOpen logs that a request goes to an upstream although no upstream is in service (S-18.4).
func (r *route) logFailOpen(log *eventlog.Logger) {
	host := r.site.config.Host
	log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "UPSTREAM_FAIL_OPEN", Host: host}, "UPSTREAM_FAIL_OPEN",
		eventlog.Str("host", host), eventlog.Int("upstreams", len(r.config.Upstreams)))
}

// logUpstreamChange logs that an upstream went out of service or came back.
func logUpstreamChange(l *eventlog.Logger) func(balance.Change) {
	return func(c balance.Change) {
		if !c.Down {
			l.RepeatingBy(eventlog.LevelInfo, eventlog.RepeatKey{Key: "UPSTREAM_UP", Host: c.Host, Upstream: c.Address}, "UPSTREAM_UP",
				eventlog.Str("host", c.Host), eventlog.Str("upstream", c.Address), eventlog.Int("after_secs", int(c.After.Seconds())))
			return
		}
		by := "requests"
		if c.Checked {
			by = "checks"
		}
		l.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "UPSTREAM_DOWN", Host: c.Host, Upstream: c.Address}, "UPSTREAM_DOWN",
			eventlog.Str("host", c.Host), eventlog.Str("upstream", c.Address), eventlog.Str("by", by), eventlog.Str("error", wording.Cause(c.Err).Error()))
	}
}
