package proxy

import (
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/limit"
)

// refusal is what the log says about a request that a limit has refused.
type refusal struct {
	limit limit.Kind
	// site is the host of the site that has set the limit; "" for a limit of the file. route is the path of the route
	// that has set it; "" for a limit of the file or the site.
	site, route string
	// unlogged is the number of the client's refusals since its last line.
	unlogged int
}

// status returns the status of the answer.
func (r refusal) status() int {
	if r.limit == limit.OfConcurrent {
		return statusServiceUnavailable
	}
	return statusTooManyRequests
}

// logRateLimit writes the RATE_LIMIT line of a request that a client's own limit has refused. The line has the number
// of the client's refusals that were not logged since its last line. fail2ban bans by these lines (S-8.5).
func logRateLimit(l *eventlog.Logger, rec *accessRecord, r refusal) {
	if !l.Enabled(eventlog.LevelWarn) {
		return
	}
	var scratch [eventlog.LineScratch]byte
	line := l.StartLine(scratch[:0], rec.ended(), eventlog.LevelWarn, "RATE_LIMIT").
		Addr("client_ip", rec.ClientIP).
		Str("host", orDash(rec.Host)).
		Str("path", withoutQuery(rec.Path)).
		Num("status", int64(r.status())).
		Str("limit", r.limit.String())
	if r.site != "" {
		line = line.Str("site", r.site)
	}
	if r.route != "" {
		line = line.Str("route", r.route)
	}
	if rec.RequestID != "" {
		line = line.Str("request_id", rec.RequestID)
	}
	if rec.PeerIP.IsValid() {
		line = line.Addr("peer_ip", rec.PeerIP)
	}
	if r.unlogged > 0 {
		line = line.Num("repeated", int64(r.unlogged))
	}
	l.Write(line.End(), eventlog.AtOnce)
}

// logSharedLimit writes the RATE_LIMIT line of a request that a limit of all clients together has refused. Lines with
// the same limit, site and route are repetitions, whatever the client (S-8.6): such a limit refuses many clients, and
// no single one is at fault.
func logSharedLimit(l *eventlog.Logger, rec *accessRecord, r refusal) {
	attrs := [...]eventlog.Attr{
		eventlog.Addr("client_ip", rec.ClientIP), eventlog.Str("host", orDash(rec.Host)), eventlog.Str("path", withoutQuery(rec.Path)),
		eventlog.Int("status", r.status()), eventlog.Str("limit", r.limit.String()), eventlog.Str("site", r.site), eventlog.Str("route", r.route),
	}
	n := len(attrs)
	if r.route == "" {
		n--
	}
	l.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "RATE_LIMIT", Host: r.site, Upstream: r.route, Cause: r.limit.String()}, "RATE_LIMIT", attrs[:n]...)
}
