package proxy

import (
	"net/netip"
	"strings"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// accessRecord is what the log says about one request. It is a plain value; its strings may come from the client.
type accessRecord struct {
	// ClientIP is the client's address.
	ClientIP netip.Addr
	// Host is the requested name, lower-cased and without port; "" if there was none.
	Host string
	// Method is the request's method.
	Method string
	// Path is the path as received, byte for byte. A query is cut off before it is logged.
	Path string
	// Status is the status code of the response.
	Status int
	// Upstream is the `host:port` to which the request was forwarded; "" if it was not forwarded.
	Upstream string
	// Duration is the time from the request's head to the last byte of the response's body.
	Duration time.Duration
	// EndedBy is the key of the timeout that has cut the response off; "" if none has.
	EndedBy string
	// Route is the path of the route that took the request, as configured; "" if none did.
	Route string
	// Problem is why the proxy has refused the request; "" if the status says enough.
	Problem string
	// RequestID is the request's ID; "" if no rule uses one.
	RequestID string
	// PeerIP is the address of the connection's peer if that is not the client; the zero Addr otherwise.
	PeerIP netip.Addr
	// Ended is the time of the line; the zero time means now.
	Ended time.Time
}

// ended returns the time of the line.
func (rec *accessRecord) ended() time.Time {
	if rec.Ended.IsZero() {
		return time.Now()
	}
	return rec.Ended
}

// logRequest writes the REQUEST line of a request that has ended (S-8.1). Later versions may add keys after these, never
// between them. An empty host or upstream is shown as `-`. The query is not logged: queries carry session identifiers,
// tokens and other secrets.
func logRequest(l *eventlog.Logger, rec *accessRecord) {
	if !l.Enabled(eventlog.LevelInfo) {
		return
	}
	var scratch [eventlog.LineScratch]byte
	line := l.StartLine(scratch[:0], rec.ended(), eventlog.LevelInfo, "REQUEST").
		Addr("client_ip", rec.ClientIP).
		Str("host", orDash(rec.Host)).
		Str("method", rec.Method).
		Str("path", withoutQuery(rec.Path)).
		Num("status", int64(rec.Status)).
		Str("upstream", orDash(rec.Upstream)).
		Num("duration_ms", rec.Duration.Milliseconds())
	if rec.EndedBy != "" {
		line = line.Str("ended", rec.EndedBy)
	}
	if rec.Route != "" {
		line = line.Str("route", rec.Route)
	}
	if rec.Problem != "" {
		line = line.Str("error", rec.Problem)
	}
	if rec.RequestID != "" {
		line = line.Str("request_id", rec.RequestID)
	}
	if rec.PeerIP.IsValid() {
		line = line.Addr("peer_ip", rec.PeerIP)
	}
	l.Write(line.End(), eventlog.Batched)
}

// logUpstreamError writes the UPSTREAM_ERROR line of a request that failed because of its upstream. Of the failures
// with the same host, upstream and cause, at most one is logged in 10 s (S-8.6). The failed request still has its own
// REQUEST line, which names the upstream.
func logUpstreamError(l *eventlog.Logger, host, upstream string, err error) {
	cause := "unknown"
	if err != nil {
		cause = wording.Cause(err).Error()
	}
	l.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "UPSTREAM_ERROR", Host: host, Upstream: upstream, Cause: cause}, "UPSTREAM_ERROR",
		eventlog.Str("host", orDash(host)), eventlog.Str("upstream", orDash(upstream)), eventlog.Str("error", cause))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// withoutQuery cuts the query off a request target.
func withoutQuery(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}
