package proxy

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// accessRecord is what the log says about one request. It is a plain value; its strings may come from the client.
type accessRecord struct {
	// ClientIP is the peer's address, from the socket.
	ClientIP netip.Addr
	// Host is the name that was asked for, lower-cased and without port; "" when there was none.
	Host string
	// Method is the request's method.
	Method string
	// Path is the path as it came, byte for byte. A query is cut off before it is logged.
	Path string
	// Status is the status code of the answer.
	Status int
	// Upstream is the `host:port` that the request was forwarded to; "" when it was not.
	Upstream string
	// Duration is the time from the request's head to the last byte of the response's body.
	Duration time.Duration
	// EndedBy is the key of the clock that has cut the answer off; "" when none has.
	EndedBy string
	// Ended is the time of the line; the zero time stands for now.
	Ended time.Time
}

// ended returns the time of the line.
func (rec *accessRecord) ended() time.Time {
	if rec.Ended.IsZero() {
		return time.Now()
	}
	return rec.Ended
}

// logRequest writes the REQUEST line of a request that has ended (S-8.1). More keys may come to stand behind these,
// never between them. An empty host or upstream is shown as `-`. The query is not logged: queries carry session
// identifiers, tokens and other secrets.
func logRequest(l *Logger, rec accessRecord) {
	if LevelInfo < l.min {
		return
	}
	var scratch [logLineScratch]byte
	line := startLine(scratch[:0], l.json, rec.ended(), LevelInfo, "REQUEST").
		addr("client_ip", rec.ClientIP).
		str("host", orDash(rec.Host)).
		str("method", rec.Method).
		str("path", withoutQuery(rec.Path)).
		num("status", int64(rec.Status)).
		str("upstream", orDash(rec.Upstream)).
		num("duration_ms", rec.Duration.Milliseconds())
	if rec.EndedBy != "" {
		line = line.str("ended", rec.EndedBy)
	}
	l.write(line.end(), batched)
}

// logRateLimit writes the RATE_LIMIT line of a request that was answered with 429, and of the client's unlogged ones before
// it. fail2ban bans by these lines (S-8.5).
func logRateLimit(l *Logger, rec accessRecord, unlogged int) {
	if LevelWarn < l.min {
		return
	}
	var scratch [logLineScratch]byte
	line := startLine(scratch[:0], l.json, rec.ended(), LevelWarn, "RATE_LIMIT").
		addr("client_ip", rec.ClientIP).
		str("host", orDash(rec.Host)).
		str("path", withoutQuery(rec.Path)).
		num("status", 429)
	if unlogged > 0 {
		line = line.num("repeated", int64(unlogged))
	}
	l.write(line.end(), atOnce)
}

// logUpstreamError writes the UPSTREAM_ERROR line of a request that its upstream failed. A failure with the same host,
// upstream and cause is a repeating one and written at most once in 10 s (S-8.6): that a request failed is still told
// by its own REQUEST line, which names the upstream.
func logUpstreamError(l *Logger, host, upstream string, err error) {
	cause := upstreamCause(err)
	l.repeating(LevelWarn, repeatKey{key: "UPSTREAM_ERROR", host: host, upstream: upstream, cause: cause}, "UPSTREAM_ERROR",
		Str("host", orDash(host)), Str("upstream", orDash(upstream)), Str("error", cause))
}

// upstreamCause is the innermost part of a network error: `connection refused` rather than a chain of prefixes that
// repeats the address, which has a key of its own, and holds a port that differs every time.
func upstreamCause(err error) string {
	if err == nil {
		return "unknown"
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		err = e.Err
	}
	return err.Error()
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
