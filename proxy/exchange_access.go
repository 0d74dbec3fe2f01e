package proxy

import (
	"net/http"
	"strings"
	"time"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/routing"
)

// These are the reasons, as the log shows them, for which the rules of access refuse a request.
const (
	errDenied        = "client in deny"
	errNotAllowed    = "client not in allow"
	errNoPassword    = "no password"
	errWrongPassword = "wrong password"
	errPasswordQueue = "too many passwords to verify"
	errTwoPasswords  = "more than one Authorization field"
	errMisdirected   = "connection of another site, and one of the two asks for certificates"
	errServiceSaysNo = "refused by forward_auth"
	errServiceFailed = "forward_auth has not answered"
)

const (
	// passwordRetry is the Retry-After for a client whose password was not verified because too many others were
	// waiting.
	passwordRetry = 3 * time.Second
	// passwordSpare is a deadline that ends the wait for a verification if nothing else does.
	passwordSpare = time.Minute
)

// exchangeAccess holds the data of an exchange for the rules of access.
type exchangeAccess struct {
	// authorization is the value of the client's Authorization field, before any rule can change it. authorizations is
	// the number of its lines.
	authorization  string
	authorizations int
	// asked holds the client's fields that the request to a service has. cookies holds the further values of its cookie
	// field.
	asked   Fields
	cookies []string
	// setCookies holds the cookies that a service sets for the client.
	setCookies []string
	// refusedBy is the rule that has refused the request.
	refusedBy accessRule
}

// askedFields are the client's fields that a service receives. From the last two, services decide whether to redirect
// to a login page or to answer a program with 401.
var askedFields = headers.NewNameSet(false, []string{"Authorization", "Cookie", "Accept", "X-Requested-With"})

// takeCredentials saves what the rules of access examine, before the rules for header fields apply.
func (x *exchange) takeCredentials() {
	for _, field := range x.request.Fields {
		if len(field.Name) == len("Authorization") && http1.EqualFold(field.Name, "Authorization") {
			x.authorization = field.Value
			x.authorizations++
		}
		if x.decision.route.service != nil && askedFields.Has(field.Name) {
			x.asked = append(x.asked, field)
		}
	}
	x.cookies = x.request.Cookies
}

// knownAccess applies the rules as far as possible without asking a service. passes reports whether the request is
// certainly let in. It is false for a refused request, and for one about which other rules have yet to decide.
func (x *exchange) knownAccess(rules *config.Access) (refused *answer, passes bool) {
	listed := rules.ByList(x.request.Client)
	switch {
	case listed == access.Denied:
		return x.refuse(byList, errDenied, http.StatusForbidden), false
	case rules.Any && (listed == access.Allowed || x.request.Identity.isVerified()):
		return nil, true
	case listed == access.NotAllowed && !(rules.Any && rules.Asks()):
		return x.refuse(byList, errNotAllowed, http.StatusForbidden), false
	case !rules.Asks():
		return nil, true
	case rules.ForwardAuth != nil && routing.HasDotSegment(x.request.Target): // the service could read a different path than the upstream
		return x.refuse(byService, errAmbiguousPath, http.StatusBadRequest), false
	case x.authorizations > 1: // the upstream could read the other line
		return x.refuse(byPassword, errTwoPasswords, http.StatusBadRequest), false
	case rules.Users != nil && !access.IsBasic(x.authorization) && !(rules.Any && rules.ForwardAuth != nil):
		return x.challenge(errNoPassword), false
	}
	return nil, false
}

// refuse records which rule refuses the request, and why. It returns the answer.
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

// passwordFailed answers a request with a wrong password.
func (x *exchange) passwordFailed(rules *config.Access) *answer {
	x.logPasswordFailed(rules)
	return x.challenge(errWrongPassword)
}

// logPasswordFailed logs a wrong password.
func (x *exchange) logPasswordFailed(rules *config.Access) {
	sent, _ := access.ParseBasic(x.authorization)
	if !rules.Users.Has(sent.User) {
		sent.User = "" // it may be a password that was typed in the wrong place
	}
	record := accessRecord{ClientIP: x.request.Client, Host: x.host, Path: x.request.Target, Route: x.route.config.Path, RequestID: x.loggedID(), PeerIP: x.request.otherPeer()}
	logAuthFailed(x.log, &record, http.StatusUnauthorized, sent.User)
}

// serviceRequest returns the request that asks a service about this request.
func (x *exchange) serviceRequest(service *config.ForwardAuth) *Request {
	r := x.request
	fields := append(make(Fields, 0, len(x.asked)+5), x.asked...)
	fields.Add("X-Forwarded-Method", r.Method)
	fields.Add("X-Forwarded-Uri", r.Target)
	for _, name := range [...]string{headers.ForwardedFor, headers.ForwardedProto, headers.ForwardedHost} {
		fields.Add(name, r.Fields.Get(name))
	}
	return &Request{
		Client: r.Client, ClientText: r.ClientText, Protocol: HTTP11, Method: http.MethodGet, Target: service.Target,
		Authority: service.Authority, Fields: fields, Cookies: x.cookies,
	}
}

// letIn lets a request pass. It adds the fields of the service's reply that the rules name to the request.
func (x *exchange) letIn(rules *config.Access, got *reply) {
	defer got.release()
	for _, field := range got.fields {
		for _, name := range rules.Headers {
			if http1.EqualFold(field.Name, name) {
				x.request.Fields.Add(name, strings.Clone(field.Value))
			}
		}
		if rules.Cookies && http1.EqualFold(field.Name, "Set-Cookie") {
			x.setCookies = append(x.setCookies, strings.Clone(field.Value))
		}
	}
}

// takeRefusal returns the answer to a request that the service does not let in: its reply. The exchange takes it over.
func (x *exchange) takeRefusal(got *reply) *answer {
	x.call.takeOver(got, x.body.idle)
	a := x.refuse(byService, errServiceSaysNo, got.status)
	a.reply, a.bare = got, true
	a.fields = got.fields[:0]
	for _, field := range got.fields {
		switch {
		case http1.EqualFold(field.Name, "Date"):
		case http1.EqualFold(field.Name, "Content-Type"):
			a.contentType = field.Value
		default:
			a.fields = append(a.fields, field)
		}
	}
	return a
}

// addCookies adds the cookies of a service to the fields of a response that ends the exchange, or that begins a tunnel.
func (x *exchange) addCookies(fields *Fields) {
	for _, value := range x.setCookies {
		fields.Add("Set-Cookie", value)
	}
}
