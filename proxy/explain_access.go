package proxy

import (
	"fmt"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/config"
)

// explainAccess says which rules of access apply to the request, and which of them decides. It verifies no password and
// asks no service.
func (e evaluation) explainAccess() []string {
	rules, demand := e.decision.route.access, e.decision.site.demand
	var lines []string
	if demand != nil {
		lines = append(lines, fmt.Sprintf("client_ca_path (from the site): a certificate is %s in the handshake for %s", demand.certs.Texts()[1].Value, demand.host))
	}
	if rules == nil {
		return lines
	}
	if e.route == nil || e.stage != "" && e.refusedBy == noRule && e.stage != "route answer" {
		return append(lines, "not asked: the request is answered before")
	}
	listed := rules.ByList(e.request.Client)
	lines = append(lines, e.explainLists(rules, listed)...)
	if rules.Users != nil {
		lines = append(lines, fmt.Sprintf("basic_users_file (from the %s): %s", rules.From("access.basic_users_file"), e.explainPassword(rules, listed)))
	}
	if rules.ForwardAuth != nil {
		lines = append(lines, fmt.Sprintf("forward_auth (from the %s): %s", rules.From("access.forward_auth"), e.explainService(rules, listed)))
	}
	if rules.Any {
		lines = append(lines, fmt.Sprintf("satisfy = \"any\" (from the %s): one of them is enough", rules.From("access.satisfy")))
	}
	return lines
}

// explainLists says whether the client is in the deny and allow lists.
func (e evaluation) explainLists(rules *config.Access, listed access.ListVerdict) (lines []string) {
	from := func(name string) config.Level { return max(rules.From(name), rules.From(name+"_file")) }
	client := e.request.Client
	if rules.Deny != nil {
		text := "does not have the client"
		if network, ok := rules.Deny.Find(client); ok {
			text = "has " + network.String() + ": refused"
		}
		lines = append(lines, fmt.Sprintf("deny (from the %s) %s", from("access.deny"), text))
	}
	if rules.Allow == nil || listed == access.Denied {
		return lines
	}
	text := "does not have the client: refused"
	if network, ok := rules.Allow.Find(client); ok {
		text = "has " + network.String() + ": let in"
	} else if rules.Any && e.refusedBy != byList {
		text = "does not have the client"
	}
	return append(lines, fmt.Sprintf("allow (from the %s) %s", from("access.allow"), text))
}

// explainService says whether the service is asked.
func (e evaluation) explainService(rules *config.Access, listed access.ListVerdict) string {
	if e.refusedBy == byService {
		return "not asked about a path with dot segments: refused"
	}
	if e.refusedBy != noRule || rules.Any && listed == access.Allowed {
		return "not asked"
	}
	text := rules.ForwardAuth.URL + " is asked"
	if rules.Any && rules.Users != nil {
		text += " without a right password"
	}
	return text + "; its answer is sent unless that is 2xx"
}

// explainPassword says what becomes of the client's password.
func (e evaluation) explainPassword(rules *config.Access, listed access.ListVerdict) string {
	switch {
	case e.refusedBy == byList, e.refusedBy == byService, rules.Any && listed == access.Allowed:
		return "not asked"
	case e.refusedBy == byPassword:
		return e.problem + ": refused"
	case !access.IsBasic(e.authorization):
		return errNoPassword
	}
	return "the password of the request is verified; 401 if it is wrong"
}
