package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
)

// withService gives all routes of a site the rule forward_auth, with a service that answers with these bytes and then closes
// the connection. It returns the heads that the service has received.
func (p *testPipeline) withService(t *testing.T, rules config.Access, reply string) *[]string {
	t.Helper()
	got := new([]string)
	address := rawUpstream(t, func(head string, _ *bufio.Reader, conn net.Conn) {
		p.mu.Lock()
		*got = append(*got, head)
		p.mu.Unlock()
		_, _ = io.WriteString(conn, reply)
		_ = conn.Close()
	})
	rules.ForwardAuth = &config.ForwardAuth{URL: "http://auth.test/verify?rd=1", Authority: "auth.test", Target: "/verify?rd=1", Service: config.Route{
		Upstreams: config.OneUpstream(address), Settings: config.Settings{UpstreamScheme: "http", ConnectTimeout: patience, RequestTimeout: patience},
	}}
	d := p.dynamic.Load()
	for r := range d.sites.find(0, "a.test").all() {
		r.access, r.config.Access = &rules, &rules
		r.service = newRoute(r.site, "access", rules.ForwardAuth.Service)
	}
	d.vouch()
	return got
}

func TestAServiceIsAskedWithWhatTheClientHasSent(t *testing.T) {
	p := newTestPipeline(t)
	rules, err := headers.Compile(headers.Request, []headers.Rule{{Op: headers.Remove, Name: "Cookie"}, {Op: headers.Remove, Name: "Authorization"}, {Op: headers.Set, Name: "Host", Value: "app.internal"}})
	if err != nil {
		t.Fatal(err)
	}
	p.dynamic.Load().settingsOf("a.test").RequestHeaders = rules
	got := p.withService(t, config.Access{}, "HTTP/1.1 204 No Content\r\n\r\n")
	r := getRequest("/a%20b?c=d")
	r.Method, r.Body, r.ContentLength = "POST", bodyOf("0123456789"), 10
	r.Fields = fieldList("cookie", "a=b", "Authorization", "Bearer x", "Accept", "text/html", "X-Other", "1", "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Uri", "/public",
		"X-Forwarded-Method", "GET", "Content-Type", "text/plain")
	r.Cookies = []string{"c=d"}
	_, client, _ := p.run(t, r)
	if client.status != 200 || len(*got) != 1 || len(p.heads()) != 1 {
		t.Fatalf("got %d, the service %q and the upstream %q; want one request for each", client.status, *got, p.heads())
	}
	want := "GET /verify?rd=1 HTTP/1.1\r\nHost: auth.test\r\ncookie: a=b; c=d\r\nAuthorization: Bearer x\r\nAccept: text/html\r\n" +
		"X-Forwarded-Method: POST\r\nX-Forwarded-Uri: /a%20b?c=d\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: A.test:8443\r\n\r\n"
	if (*got)[0] != want {
		t.Errorf("the service got\n%s\nwant\n%s", (*got)[0], want)
	}
	if head := p.heads()[0]; strings.Contains(head, "Bearer") || strings.Contains(head, "a=b") || !strings.Contains(head, "Host: app.internal") {
		t.Errorf("the upstream got %s, want it as the rules for header fields say", head)
	}
}

// identitySpellings are ways to send Remote-User that some upstream could take for it.
var identitySpellings = []Fields{
	fieldList("Remote-User", "eve"), fieldList("remote-user", "eve"), fieldList("REMOTE-USER", "eve"), fieldList("Remote_User", "eve"), fieldList("remote_USER", "eve"),
	fieldList("Remote.User", "eve"), fieldList("remote~user", "eve", "REMOTE'USER", "eve"),
	fieldList("Remote-User", "eve", "Remote-User", "mallory"), fieldList("Remote-User", ""), fieldList("Remote-User", " eve "),
	fieldList("Connection", "Remote-User", "Remote-User", "eve"), fieldList("Connection", "close, remote_user", "Remote_User", "eve"),
	fieldList("Keep-Alive", "x", "Remote-User", "eve", "X-Other", "1"),
}

// TestNoSpellingOfAnIdentityReachesTheUpstream sends the fields that the service vouches for in the head and as trailers, where
// the service lets the client in with them, without them, where another rule does, and where no service is asked.
func TestNoSpellingOfAnIdentityReachesTheUpstream(t *testing.T) {
	rules := config.Access{Headers: []string{"Remote-User", "Remote-Groups"}}
	any := rules
	any.Any, any.Allow = true, inAllow
	for _, c := range []struct {
		name  string
		rules config.Access
		reply string
		ask   bool
		want  []string
	}{
		{"an answer with the field", rules, "HTTP/1.1 200 OK\r\nRemote-User: ann\r\nContent-Length: 0\r\n\r\n", true, []string{"Remote-User: ann"}},
		{"an answer with the field twice and another one", rules, "HTTP/1.1 200 OK\r\nremote-user: ann\r\nREMOTE-USER: bob\r\nRemote-Groups: a,b\r\nX-Not-Named: 1\r\nRemote_User: x\r\nContent-Length: 0\r\n\r\n", true,
			[]string{"Remote-User: ann", "Remote-User: bob", "Remote-Groups: a,b"}},
		{"an answer without the field", rules, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, nil},
		{"another rule lets in", any, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", true, nil},
		{"no service is asked", rules, "", false, nil},
	} {
		for _, sent := range identitySpellings {
			p := newTestPipeline(t)
			p.withService(t, c.rules, c.reply)
			if !c.ask {
				for r := range p.dynamic.Load().sites.find(0, "a.test").all() {
					r.access, r.service = nil, nil
				}
			}
			r := getRequest("/")
			r.Fields = cloneFields(sent)
			r.Method, r.ContentLength = "POST", -1
			r.TrailerNames = []string{"Remote-User", "X-Sum"}
			r.Body = &trailingBody{fields: append(cloneFields(sent), fieldList("X-Sum", "1")...)}
			_, client, _ := p.run(t, r)
			heads := p.heads()
			if client.status != 200 || len(heads) == 0 {
				t.Fatalf("%s, %q: got %d and no request at the upstream", c.name, sent, client.status)
			}
			var got []string
			for line := range strings.Lines(heads[0]) {
				if name, _, _ := strings.Cut(line, ":"); strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "remote-") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") || strings.Contains(strings.Join(heads, ""), "eve") || strings.Contains(heads[0], "Trailer: Remote") || strings.Contains(heads[0], "X-Not-Named") {
				t.Errorf("%s, %q: the upstream got %s, want only %q", c.name, sent, heads[0], c.want)
			}
			call := &upstreamCall{request: r, body: &requestBody{}}
			call.body.source = &trailingBody{fields: append(cloneFields(sent), fieldList("X-Sum", "1")...)}
			if out := string(call.appendBodyPart(nil, nil, true)); strings.Contains(out, "eve") || !strings.Contains(out, "X-Sum") {
				t.Errorf("%s, %q: the upstream gets the trailers %q", c.name, sent, out)
			}
		}
	}
}

func TestTheAnswerOfAServiceThatLetsNobodyInGoesToTheClient(t *testing.T) {
	p := newTestPipeline(t)
	p.withService(t, config.Access{}, "HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nServer: x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"+
		"Content-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin")
	x, client, log := p.run(t, getRequest("/"))
	if client.status != 302 || client.body.String() != "login" || client.fields.Get("Location") != "https://login.test/" || client.fields.Get("Content-Type") != "text/html" {
		t.Errorf("got %d %v %q, want the answer of the service", client.status, client.fields, client.body.String())
	}
	cookies, dates := 0, 0
	for _, field := range client.fields {
		switch field.Name {
		case "Set-Cookie":
			cookies++
		case "Date":
			dates++
		case "Server", "X-Hop":
			t.Errorf("the client got %v of the service", field)
		}
	}
	if cookies != 2 || dates != 1 || x.refusedBy != byService || !strings.Contains(log, `error="refused by forward_auth"`) || len(p.heads()) != 0 {
		t.Errorf("got %d cookies, %d dates, the rule %d and the log %s", cookies, dates, x.refusedBy, log)
	}
}

// TestTheWaitForTheHeadOfAServiceCounts has a service answer with a large head while all places of such heads are taken. The
// response of the upstream must not wait for as long again (S-12.6).
func TestTheWaitForTheHeadOfAServiceCounts(t *testing.T) {
	p := newTestPipeline(t)
	p.withService(t, config.Access{}, string(responseWithField(2*upstreamBufferBytes)))
	heads := &p.upstreams.lookahead.heads
	for !heads.full() {
		heads.join(nil, 0)
	}
	x, client, _ := p.run(t, getRequest("/"))
	if client.status != 200 || x.call.headWaited < largeHeadWait {
		t.Errorf("got %d, and that the request has waited for %v; want at least %v", client.status, x.call.headWaited, largeHeadWait)
	}
	x.call.reset(x, x.request, &x.body, x.timer)
	if x.call.headWaited != 0 {
		t.Errorf("the next request has waited for %v already", x.call.headWaited)
	}
}

func TestWithoutTheServiceNobodyPasses(t *testing.T) {
	large := strings.Repeat("x", maxReplyBytes+1)
	for _, c := range []struct {
		name, reply string
		status      int
		log         string
	}{
		{"it closes", "", 502, "UPSTREAM_ERROR"},
		{"garbage", "SSH-2.0-x\r\n", 502, "UPSTREAM_ERROR"},
		{"an answer that breaks off", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 502, "UPSTREAM_ERROR"},
		{"an answer that declares more than 64 KiB", "HTTP/1.1 401 No\r\nContent-Length: 65537\r\n\r\n" + large, 502, "more than 64 KiB"},
		{"a refusal that breaks off at once", "HTTP/1.1 401 No\r\nContent-Length: 65536\r\n\r\n" + large[:shortReplyBytes], 502, "UPSTREAM_ERROR"},
		{"a declaration without a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 65537\r\n\r\n", 304, ""},
		{"a large answer that lets in", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + large, 502, "more than 64 KiB"},
		{"an answer of 64 KiB", "HTTP/1.1 401 No\r\nConnection: close\r\n\r\n" + large[1:], 401, ""},
		{"another protocol", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", 502, "unexpected status 101"},
		{"an early hint and then an answer", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403, ""},
	} {
		p := newTestPipeline(t)
		p.withService(t, config.Access{}, c.reply)
		x, client, log := p.run(t, getRequest("/"))
		if client.status != c.status || len(p.heads()) != 0 || !strings.Contains(log, c.log) || client.interim != nil {
			t.Errorf("%s: got %d, %q at the upstream and the log %s; want %d", c.name, client.status, p.heads(), log, c.status)
		}
		if want := map[bool]accessRule{true: byServiceError, false: byService}[c.status == 502]; x.refusedBy != want {
			t.Errorf("%s: got the rule %d, want %d", c.name, x.refusedBy, want)
		}
	}
}

func TestTheCookiesOfAServiceGoToTheClientIfTheyAreNamed(t *testing.T) {
	for _, named := range []bool{false, true} {
		p := newTestPipeline(t)
		p.withService(t, config.Access{Cookies: named}, "HTTP/1.1 200 OK\r\nSet-Cookie: session=new\r\nContent-Length: 0\r\n\r\n")
		_, client, _ := p.run(t, getRequest("/"))
		if got := client.fields.Get("Set-Cookie") == "session=new"; client.status != 200 || got != named {
			t.Errorf("named %v: got %d %v", named, client.status, client.fields)
		}
	}
}

// TestThePathThatAServiceIsAskedAboutIsTheOneThatTheUpstreamServes sends paths that the service could read differently
// from the upstream, such as one below a public path.
func TestThePathThatAServiceIsAskedAboutIsTheOneThatTheUpstreamServes(t *testing.T) {
	for path, want := range map[string]int{
		"/public/../admin": 400, "/public/%2e%2e/admin": 400, "/public/..;/admin": 400, "/public%2f..%2fadmin": 400, `/public\..\admin`: 400, "/./admin": 400,
		"/admin?x=/../": 200, "/a%2fb": 200, "/.well-known/x": 200,
	} {
		p := newTestPipeline(t)
		asked := p.withService(t, config.Access{}, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		x, client, _ := p.run(t, getRequest(path))
		passed := 0
		if want == 200 {
			passed = 1
		}
		if client.status != want || len(*asked) != passed || len(p.heads()) != passed {
			t.Errorf("%s: got %d, asked %q, upstream %q; want %d", path, client.status, *asked, p.heads(), want)
		}
		if want == 400 && (x.refusedBy != byService || x.problem != errAmbiguousPath) {
			t.Errorf("%s: refused by rule %d with %q", path, x.refusedBy, x.problem)
		}
	}
}

// TestTheBeginningOfALongRefusalIsShort reads the page of a refusal that has arrived whole. While many responses wait for their
// clients, no more of it is read than shows that it is long (S-12.8).
func TestTheBeginningOfALongRefusalIsShort(t *testing.T) {
	for _, c := range []struct {
		name    string
		blocked int32
		most    int
	}{
		{"few responses wait for their clients", 0, shortReplyBytes + upstreamBufferBytes},
		{"many do", maxBlockedAhead, shortReplyBytes + leastRead},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := socketPair(t)
			conn, err := newUpstreamConn(ours, ours)
			if err != nil {
				t.Fatal(err)
			}
			conn.lookahead = &lookahead{}
			conn.lookahead.blocked.Store(c.blocked)
			page := "HTTP/1.1 403 Forbidden\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("a", 60000)
			if _, err := io.WriteString(theirs, page); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the page to arrive", func() bool { return received(ours) == len(page) })
			conn.begin()
			if err := conn.readHead(); err != nil {
				t.Fatal(err)
			}
			conn.body.begin(conn.upstreamResponse, "GET")
			got := reply{response: conn.upstreamResponse, status: conn.head.Status}
			whole, err := got.read()
			n := len(got.copied) + len(got.last)
			if whole || err != nil || n <= shortReplyBytes || n > c.most {
				t.Errorf("got %d bytes, whole %v, %v; want at most %d, and more than %d", n, whole, err, c.most, shortReplyBytes)
			}
			conn.detach().release()
		})
	}
}
