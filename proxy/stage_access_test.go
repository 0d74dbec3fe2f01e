package proxy

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/prefixes"
)

// testUsers returns the users of a password file with ann, whose password is "right".
func testUsers(t testing.TB) *access.Users {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, faults := access.ParseUsers([]byte("ann:" + string(hash) + "\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return users
}

// networks returns a set of networks.
func networks(of ...string) *prefixes.Set {
	var list []netip.Prefix
	for _, text := range of {
		list = append(list, netip.MustParsePrefix(text))
	}
	return prefixes.New(list)
}

// basic returns the value of an Authorization field.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// protect gives all routes of a site rules of access.
func (p *testPipeline) protect(rules *config.Access) {
	for r := range p.dynamic.Load().sites.find(0, "a.test").all() {
		r.access = rules
	}
}

// Rules of access that let the client 192.0.2.7 in by their list, or not.
var (
	inAllow    = networks("192.0.2.0/24")
	notInAllow = networks("198.51.100.0/24")
)

func TestTheRulesOfAccessTogether(t *testing.T) {
	users := testUsers(t)
	right, wrong := basic("ann", "right"), basic("ann", "wrong")
	for _, test := range []struct {
		name   string
		rules  config.Access
		fields Fields
		status int
		log    string
	}{
		{"in allow", config.Access{Allow: inAllow}, nil, 200, ""},
		{"not in allow", config.Access{Allow: notInAllow}, nil, 403, `error="client not in allow"`},
		{"an empty list", config.Access{Allow: networks()}, nil, 403, `error="client not in allow"`},
		{"in deny", config.Access{Deny: inAllow}, nil, 403, `error="client in deny"`},
		{"not in deny", config.Access{Deny: notInAllow}, nil, 200, ""},
		{"in both", config.Access{Allow: inAllow, Deny: inAllow}, nil, 403, `error="client in deny"`},
		{"in both, and one is enough", config.Access{Allow: inAllow, Deny: inAllow, Any: true}, nil, 403, `error="client in deny"`},

		{"no password", config.Access{Users: users}, nil, 401, `error="no password"`},
		{"a correct password", config.Access{Users: users}, fieldList("authorization", right), 200, ""},
		{"a wrong password", config.Access{Users: users}, fieldList("Authorization", wrong), 401, "AUTH_FAILED client_ip=192.0.2.7 host=a.test path=/ status=401 rule=basic user=ann\n"},
		{"an unknown user, whose name may be a password", config.Access{Users: users}, fieldList("Authorization", basic("hunter2", "x")), 401, "status=401 rule=basic\n"},
		{"damaged credentials", config.Access{Users: users}, fieldList("Authorization", "Basic !"), 401, "AUTH_FAILED"},
		{"another scheme", config.Access{Users: users}, fieldList("Authorization", "Bearer x"), 401, `error="no password"`},
		{"two passwords", config.Access{Users: users}, fieldList("Authorization", right, "authorization", wrong), 400, "more than one Authorization field"},
		{"a password that Connection removes", config.Access{Users: users}, fieldList("Authorization", right, "Connection", "authorization"), 401, `error="no password"`},
		{"a password in another spelling", config.Access{Users: users}, fieldList("Proxy-Authorization", right), 401, `error="no password"`},

		{"all: in allow, no password", config.Access{Allow: inAllow, Users: users}, nil, 401, ""},
		{"all: in allow, right password", config.Access{Allow: inAllow, Users: users}, fieldList("Authorization", right), 200, ""},
		{"all: not in allow, right password", config.Access{Allow: notInAllow, Users: users}, fieldList("Authorization", right), 403, ""},
		{"any: in allow, no password", config.Access{Allow: inAllow, Users: users, Any: true}, nil, 200, ""},
		{"any: in allow, wrong password", config.Access{Allow: inAllow, Users: users, Any: true}, fieldList("Authorization", wrong), 200, ""},
		{"any: not in allow, no password", config.Access{Allow: notInAllow, Users: users, Any: true}, nil, 401, ""},
		{"any: not in allow, right password", config.Access{Allow: notInAllow, Users: users, Any: true}, fieldList("Authorization", right), 200, ""},
		{"any: not in allow, wrong password", config.Access{Allow: notInAllow, Users: users, Any: true}, fieldList("Authorization", wrong), 401, "AUTH_FAILED"},
		{"any: in deny, right password", config.Access{Deny: inAllow, Users: users, Any: true}, fieldList("Authorization", right), 403, ""},
		{"any: not in deny is not enough", config.Access{Deny: notInAllow, Users: users, Any: true}, nil, 401, ""},
		{"any: only a list", config.Access{Allow: notInAllow, Any: true}, nil, 403, ""},
		{"any: only deny", config.Access{Deny: notInAllow, Any: true}, nil, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.protect(&test.rules)
			r := getRequest("/")
			r.Fields = test.fields
			x, client, log := p.run(t, r)
			if client.status != test.status || !strings.Contains(log, test.log) {
				t.Errorf("got %d and the log %q, want %d and %q", client.status, log, test.status, test.log)
			}
			if got, want := len(p.heads()), map[bool]int{true: 1}[test.status == 200]; got != want {
				t.Errorf("the upstream got %d requests, want %d", got, want)
			}
			if (x.refusedBy == noRule) != (test.status == 200) {
				t.Errorf("got the rule %d for the metrics", x.refusedBy)
			}
			challenge := client.fields.Get("WWW-Authenticate")
			if want := map[bool]string{true: `Basic realm="a.test", charset="UTF-8"`}[test.status == 401]; challenge != want {
				t.Errorf("got the challenge %q, want %q", challenge, want)
			}
		})
	}
}

// TestARuleForHeaderFieldsDoesNotHideThePassword takes the field away from the application, not from the rule of access.
func TestARuleForHeaderFieldsDoesNotHideThePassword(t *testing.T) {
	p := newTestPipeline(t)
	p.protect(&config.Access{Users: testUsers(t)})
	rules, err := headers.Compile(headers.Request, []headers.Rule{{Op: headers.Remove, Name: "Authorization"}})
	if err != nil {
		t.Fatal(err)
	}
	p.dynamic.Load().settingsOf("a.test").RequestHeaders = rules
	r := getRequest("/")
	r.Fields = fieldList("Authorization", basic("ann", "right"))
	_, client, _ := p.run(t, r)
	if heads := p.heads(); client.status != 200 || len(heads) != 1 || strings.Contains(heads[0], "uthorization") {
		t.Errorf("got %d, and the upstream %q; want 200, and no password", client.status, heads)
	}
}

func TestAccessHoldsForWhatTheProxyAnswersItself(t *testing.T) {
	routes := []config.Route{
		{Path: "/respond", Respond: 200, RespondBody: []byte("secret"), RespondType: "text/plain"},
		{Path: "/redirect", Redirect: "https://secret.test/", RedirectStatus: 302},
	}
	for _, test := range []struct {
		method, target string
		fields         Fields
		status         int
	}{
		{"GET", "/respond", nil, 403}, {"GET", "/redirect", nil, 403}, {"GET", "/", nil, 403},
		{"OPTIONS", "/", fieldList("Max-Forwards", "0"), 403}, {"OPTIONS", "/", fieldList("Origin", "https://b.test", "Access-Control-Request-Method", "PUT"), 403},
		{"GET", "/health", nil, 200}, {"TRACE", "/", nil, 405}, {"GET", "/..%2frespond", nil, 400},
	} {
		p := newTestPipeline(t, routes...)
		p.protect(&config.Access{Allow: notInAllow})
		r := getRequest(test.target)
		r.Method, r.Fields = test.method, test.fields
		if _, client, _ := p.run(t, r); client.status != test.status || strings.Contains(client.body.String(), "secret") {
			t.Errorf("%s %s: got %d %q, want %d", test.method, test.target, client.status, client.body.String(), test.status)
		}
	}
}

// TestARefusalCostsAToken asks until the bucket of five tokens is empty.
func TestARefusalCostsAToken(t *testing.T) {
	p := newTestPipeline(t)
	p.protect(&config.Access{Allow: notInAllow})
	for i := range 6 {
		client := &fakeClient{}
		p.handleOne(getRequest("/"), client)
		if want := map[bool]int{true: 429, false: 403}[i == 5]; client.status != want {
			t.Errorf("request %d: got %d, want %d", i+1, client.status, want)
		}
	}
}

func TestAnExplanationNamesTheRuleThatDecides(t *testing.T) {
	users := testUsers(t)
	for _, test := range []struct {
		rules  config.Access
		fields Fields
		status int
		want   string
	}{
		{config.Access{Allow: inAllow}, nil, 0, "allow (from the default) has 192.0.2.0/24: let in"},
		{config.Access{Allow: notInAllow}, nil, 403, "allow (from the default) does not have the client: refused"},
		{config.Access{Allow: inAllow, Deny: inAllow}, nil, 403, "deny (from the default) has 192.0.2.0/24: refused"},
		{config.Access{Users: users}, nil, 401, "basic_users_file (from the default): no password: refused"},
		{config.Access{Users: users}, fieldList("Authorization", basic("ann", "x")), 0, "basic_users_file (from the default): the password of the request is verified; 401 if it is wrong"},
		{config.Access{Allow: notInAllow, Users: users}, nil, 403, "basic_users_file (from the default): not asked"},
		{config.Access{Allow: inAllow, Users: users, Any: true}, nil, 0, "basic_users_file (from the default): not asked"},
		{config.Access{Allow: notInAllow, Users: users, Any: true}, nil, 401, "allow (from the default) does not have the client"},
		{config.Access{Allow: notInAllow, Users: users, Any: true}, nil, 401, `satisfy = "any" (from the default): one of them is enough`},
	} {
		p := newTestPipeline(t)
		p.protect(&test.rules)
		r := getRequest("/")
		r.Fields = test.fields
		e := p.dynamic.Load().evaluateRequest(0, r)
		lines := e.explainAccess()
		found := false
		for _, line := range lines {
			found = found || line == test.want
		}
		status := 0
		if e.answer != nil {
			status = e.answer.status
		}
		if !found || status != test.status {
			t.Errorf("got %d and %q, want %d and %q", status, lines, test.status, test.want)
		}
	}
}

func TestAnExplanationNamesTheCertificateOfARequestThatIsAnsweredBefore(t *testing.T) {
	p := newTestPipeline(t)
	p.protect(&config.Access{Allow: inAllow})
	p.dynamic.Load().sites.find(0, "a.test").demand = &clientDemand{host: "a.test", certs: &config.ClientCerts{Required: true}}
	e := p.dynamic.Load().evaluateRequest(0, getRequest("/"))
	e.stage, e.route = "hold back", nil
	got := strings.Join(e.explainAccess(), "\n")
	want := "client_ca_path (from the site): a certificate is required in the handshake for a.test\nnot asked: the request is answered before"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkTheStageAccess(b *testing.B) {
	users := testUsers(b)
	for _, of := range []struct {
		name  string
		rules *config.Access
	}{{"without rules", nil}, {"a list", &config.Access{Allow: inAllow}}, {"a remembered password", &config.Access{Users: users}}} {
		b.Run(of.name, func(b *testing.B) {
			p := &pipeline{passwords: access.NewVerifier()}
			site := &site{config: config.Site{Host: "a.test"}}
			r := getRequest("/")
			x := &exchange{request: r, site: site, route: &route{site: site, access: of.rules}}
			x.authorization, x.authorizations = basic("ann", "right"), 1
			if of.rules != nil && of.rules.Users != nil {
				p.passwords.Check(b.Context(), users, access.Credentials{User: "ann", Password: "right"}, limit.NewKey(r.Client))
				x.start = time.Now()
			}
			b.ReportAllocs()
			for b.Loop() {
				if p.restrict(x) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
