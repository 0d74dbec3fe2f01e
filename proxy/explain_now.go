package proxy

import (
	"fmt"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/wording"
)

// Explain says what would become of a request now (S-21.1). It sends nothing, takes no token and changes nothing. An
// evaluation leaves out the stages that depend on the state of the daemon. Explain reads that state and adds what they
// would do.
func (d *Daemon) Explain(order admin.ExplainOrder) admin.ExplainResult {
	dynamic := d.dynamic.Load()
	x, e, err := dynamic.explain(order)
	if err != nil {
		return admin.ExplainResult{Status: admin.StatusError, Message: err.Error(), Path: dynamic.Path}
	}
	tokens := d.shared.limits.limiter.Left(time.Now(), e.request.Client, e.rule())
	x.Limit.Tokens = &tokens
	held := ""
	if site := e.decision.site; site != nil {
		switch info := site.holds.Info(); {
		case info.Maintenance && !e.decision.route.config.Maintenance.Admits(e.request.Client):
			held = errInMaintenance
			answeredNow(x, statusServiceUnavailable, "hold back", "the site is in maintenance")
		case info.Maintenance && !info.Paused:
			held = errInMaintenance + ", which allows this client"
		case info.Paused:
			held = "paused"
			if e.answer == nil {
				x.Result = "waits until the site is resumed, then is " + x.Result
			}
		}
		x.Site.Held = &held
	}
	if tokens < 1 {
		answeredNow(x, statusTooManyRequests, "rate limit", "the client has no token left")
	}
	return admin.ExplainResult{Status: admin.StatusOK, Path: dynamic.Path, Explanation: x}
}

// answeredNow replaces the result of an explanation with the answer of an earlier stage.
func answeredNow(x *admin.Explanation, status int, stage, reason string) {
	x.Result, x.Status, x.AnsweredBy, x.Location = fmt.Sprintf("answered %d: %s", status, reason), status, stage, ""
	x.Target, x.Fields, x.Upstreams = "", nil, nil
}

// upstreamsNow lists the upstreams of a request in the order in which it would try them. It adds the state of each
// upstream that is not simply up. Without a daemon, all are up.
func (e evaluation) upstreamsNow() []string {
	r := e.route
	e.call.request = e.request
	var pick balance.Pick
	r.prefer(&e.call, &pick)
	members := r.list.Members()
	var texts []string
	for _, i := range r.list.Order(pick.Key, pick.Preferred) {
		info, text := members[i].State.Info(), e.upstreamURL(i)
		if info.State != balance.Up || info.Slow {
			text += " (" + upstreamStateText(info) + ")"
		}
		texts = append(texts, text)
	}
	return texts
}

// upstreamStateText describes in words the state of an upstream that is not simply up.
func upstreamStateText(info balance.Info) string {
	if info.Slow {
		return "back since " + wording.Time(info.Since) + ", its share grows"
	}
	text := info.State + " since " + wording.Time(info.Since)
	if info.State == balance.Down && info.LastError != nil {
		text += ": " + wording.Cause(info.LastError).Error()
	}
	return text
}
