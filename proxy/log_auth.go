package proxy

import "reverse-proxy/proxy/eventlog"

// logAuthFailed writes the AUTH_FAILED line of a request with a wrong password. fail2ban bans by these lines. The
// user's name is logged only if there is a user of that name, because people type passwords in the wrong place.
func logAuthFailed(l *eventlog.Logger, rec *accessRecord, status int, user string) {
	if !l.Enabled(eventlog.LevelWarn) {
		return
	}
	var scratch [eventlog.LineScratch]byte
	line := l.StartLine(scratch[:0], rec.ended(), eventlog.LevelWarn, "AUTH_FAILED").
		Addr("client_ip", rec.ClientIP).
		Str("host", orDash(rec.Host)).
		Str("path", withoutQuery(rec.Path)).
		Num("status", int64(status)).
		Str("rule", "basic")
	if rec.Route != "" {
		line = line.Str("route", rec.Route)
	}
	if user != "" {
		line = line.Str("user", user)
	}
	if rec.RequestID != "" {
		line = line.Str("request_id", rec.RequestID)
	}
	if rec.PeerIP.IsValid() {
		line = line.Addr("peer_ip", rec.PeerIP)
	}
	l.Write(line.End(), eventlog.AtOnce)
}
