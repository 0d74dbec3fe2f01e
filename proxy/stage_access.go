package proxy

import (
	"context"
	"net/http"
	"time"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/limit"
)

// Why the rules of access have refused a request, in the log.
const (
	errDenied        = "client in deny"
	errNotAllowed    = "client not in allow"
	errNoPassword    = "no password"
	errWrongPassword = "wrong password"
	errPasswordQueue = "too many passwords to verify"
	errTwoPasswords  = "more than one Authorization field"
)

const (
	// passwordRetry is what Retry-After says to a client whose password was not verified, because too many others were.
	passwordRetry = 3 * time.Second
	// passwordSpare is a deadline that would end the wait for a verification if nothing else did.
	passwordSpare = time.Minute
)

// exchangeAccess is what an exchange knows for the rules of access.
type exchangeAccess struct {
	// authorization is the value of the client's Authorization field, before any rule could change it; authorizations is the
	// number of its lines.
	authorization  string
	authorizations int
	// refusedBy is the rule that has refused the request.
	refusedBy accessRule
}

// takeCredentials keeps what the rules of access look at, before the rules for header fields apply.
func (x *exchange) takeCredentials() {
	for _, field := range x.request.Fields {
		if len(field.Name) == len("Authorization") && http.CanonicalHeaderKey(field.Name) == "Authorization" {
			x.authorization = field.Value
			x.authorizations++
		}
	}
}

// restrict lets a request pass that the rules of access of its route let in, and answers the others (S-16.5).
func (x *exchange) restrict(passwords *access.Verifier) *answer {
	rules := x.route.access
	if rules == nil {
		return nil
	}
	refused, passes := x.knownAccess(rules)
	if refused != nil || passes {
		return refused
	}
	return x.checkPassword(passwords, rules)
}

// planRestrict is the part of restrict that depends only on the configuration and the request.
func (x *exchange) planRestrict() *answer {
	if x.route.access == nil {
		return nil
	}
	refused, _ := x.knownAccess(x.route.access)
	return refused
}

// knownAccess decides as far as that is possible without verifying a password. passes reports whether the request is let in for
// certain; it is false for one that is refused, and for one about which other rules have to be asked.
func (x *exchange) knownAccess(rules *config.Access) (refused *answer, passes bool) {
	listed := rules.ByList(x.request.Client)
	switch {
	case listed == access.Denied:
		return x.refuse(byList, errDenied, http.StatusForbidden), false
	case rules.Any && listed == access.Allowed:
		return nil, true
	case listed == access.NotAllowed && !(rules.Any && rules.Users != nil):
		return x.refuse(byList, errNotAllowed, http.StatusForbidden), false
	case rules.Users == nil:
		return nil, true
	case x.authorizations > 1: // the upstream could read the other one
		return x.refuse(byPassword, errTwoPasswords, http.StatusBadRequest), false
	case !access.IsBasic(x.authorization):
		return x.challenge(errNoPassword), false
	}
	return nil, false
}

// refuse records which rule refuses the request and why, and returns the answer.
func (x *exchange) refuse(by accessRule, why string, status int) *answer {
	x.refusedBy, x.problem = by, why
	return answerStatus(status)
}

// challenge returns the answer that asks a client for a password (RFC 7617).
func (x *exchange) challenge(why string) *answer {
	a := x.refuse(byPassword, why, http.StatusUnauthorized)
	a.fields = Fields{{Name: "WWW-Authenticate", Value: `Basic realm="` + x.site.config.Host + `", charset="UTF-8"`}}
	return a
}

// checkPassword verifies the client's password, unless it was verified lately (S-16.2).
func (x *exchange) checkPassword(passwords *access.Verifier, rules *config.Access) *answer {
	sent, ok := access.ParseBasic(x.authorization)
	if !ok {
		return x.passwordFailed(rules, "")
	}
	if passwords.Remembers(rules.Users, sent, x.start) {
		return nil
	}
	x.turn.give()
	verdict := access.Busy
	err := x.await(passwordSpare, func(ctx context.Context) {
		verdict = passwords.Check(ctx, rules.Users, sent, limit.NewKey(x.request.Client))
	})
	x.turn.take(x.request.Account) // all that waited for the same password go on at once
	x.call.start = time.Now()
	switch {
	case err != nil:
		return x.clientGone(err)
	case verdict == access.Right:
		return nil
	case verdict == access.Busy:
		x.refusedBy, x.problem = byPasswordQueue, errPasswordQueue
		return answerLater(http.StatusTooManyRequests, passwordRetry)
	}
	return x.passwordFailed(rules, sent.User)
}

// passwordFailed answers a request with a wrong password.
func (x *exchange) passwordFailed(rules *config.Access, user string) *answer {
	if !rules.Users.Has(user) {
		user = "" // it may be a password in the wrong place
	}
	a := x.challenge(errWrongPassword)
	record := accessRecord{ClientIP: x.request.Client, Host: x.host, Path: x.request.Target, Route: x.route.config.Path, RequestID: x.loggedID(), PeerIP: x.request.otherPeer()}
	logAuthFailed(x.log, record, a.status, user)
	return a
}
