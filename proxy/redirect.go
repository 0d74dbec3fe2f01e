package proxy

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http1"
)

// acmeChallengePrefix is where a CA fetches an HTTP-01 key authorization (RFC 8555, section 8.3).
const acmeChallengePrefix = "/.well-known/acme-challenge/"

// redirector answers the requests of a redirect port (S-13): the CA's validations in ACME mode, even before step 8 of
// the startup, and everything else with a redirect to https. It proxies nothing.
type redirector struct {
	httpsPort int
	source    cert.Source
	gate      *gate
	log       *eventlog.Logger
	dates     dateText
	// bodyIdle is how long an answer may make no progress.
	bodyIdle time.Duration
}

// newRedirector returns the redirector of a listener whose certificates come from source.
func newRedirector(httpsPort int, source cert.Source, g *gate, log *eventlog.Logger, bodyIdle time.Duration) *redirector {
	return &redirector{httpsPort: httpsPort, source: source, gate: g, log: log, bodyIdle: bodyIdle}
}

// handle implements requestHandler. Every answer is the last on its connection: the client's next request goes to another
// port.
func (r *redirector) handle(x *exchange) {
	x.dates = &r.dates
	x.body.timedBy(x.timer, r.bodyIdle)
	path, _, _ := strings.Cut(x.request.Target, "?")
	switch {
	case r.source.AsksCA() && strings.HasPrefix(path, acmeChallengePrefix):
		x.send(r.challenge(x.request.Authority, path))
	case r.waitAtGate(x):
		x.send(r.redirect(x.request))
	default:
		x.abort = true
	}
}

// refuse implements requestHandler. Before step 8 it sends no answer (S-4.3).
func (r *redirector) refuse(x *exchange, a *answer, reason string) {
	x.dates = &r.dates
	x.body.timedBy(x.timer, r.bodyIdle)
	if r.log.Enabled(eventlog.LevelDebug) {
		r.log.Log(eventlog.LevelDebug, "CONNECTION_ERROR", eventlog.Str("client_ip", x.request.ClientText), eventlog.Str("error", reason))
	}
	if r.gate.isOpen() {
		x.send(a)
	}
}

// lastAnswer returns an answer with the given status, after which the connection ends.
func lastAnswer(status int) *answer { return &answer{status: status, closing: true} }

// challenge answers a CA's validation.
func (r *redirector) challenge(host, path string) *answer {
	keyAuthorization, ok := r.source.HTTPChallenge(host, path)
	if !ok {
		return lastAnswer(statusNotFound)
	}
	a := lastAnswer(statusOK)
	a.body, a.contentType = keyAuthorization, "application/octet-stream" // RFC 8555, section 8.3
	return a
}

// redirect sends a client to the same host, path and query on the HTTPS port (S-13.1).
func (r *redirector) redirect(request *Request) *answer {
	if request.Method == http.MethodConnect || request.Method == http.MethodTrace {
		return lastAnswer(statusMethodNotAllowed)
	}
	host, ok := http1.SplitAuthority(request.Authority)
	if !ok {
		return lastAnswer(statusBadRequest)
	}
	a := redirectTo(http.StatusMovedPermanently, host, strconv.Itoa(r.httpsPort), request.Target)
	a.closing = true
	return a
}

// redirectTo returns an answer that sends a client to the same target on a valid host over HTTPS, or 400 for a target that
// cannot be repeated.
func redirectTo(status int, host, port, target string) *answer {
	if target == "*" {
		target = "/"
	}
	if strings.ContainsFunc(target, isNeverInLocation) {
		return answerStatus(statusBadRequest)
	}
	if port != "443" {
		host += ":" + port
	}
	a := &answer{status: status}
	a.fields.Add("Location", "https://"+host+target)
	return a
}

// waitAtGate waits until the daemon serves. It returns false if the client was held for too long or has left.
func (r *redirector) waitAtGate(x *exchange) bool {
	if r.gate.isOpen() {
		return true
	}
	var held error
	err := x.await(r.gate.patience+time.Second, func(ctx context.Context) { held = r.gate.waitPatiently(ctx) })
	return err == nil && held == nil
}

// isNeverInLocation reports whether a character of a target must not be repeated in a Location. Only visible ASCII may
// be: any other character could end the line, or is one that the client had to encode.
func isNeverInLocation(r rune) bool { return r <= ' ' || r >= 0x7f }
