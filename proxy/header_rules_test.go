package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/headers"
)

// compileRules makes rules from lines as headers.Rule has them as text.
func compileRules(t testing.TB, m headers.Message, lines ...string) *headers.Rules {
	t.Helper()
	ops := map[string]headers.Op{"set": headers.Set, "default": headers.Default, "remove": headers.Remove}
	var list []headers.Rule
	for _, line := range lines {
		op, rest, _ := strings.Cut(line, " ")
		name, value, _ := strings.Cut(rest, ": ")
		list = append(list, headers.Rule{Op: ops[op], Name: name, Value: value})
	}
	rules, err := headers.Compile(m, list)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// ruled gives the site a.test rules for requests and for responses.
func (p *testPipeline) ruled(t testing.TB, request, response []string) {
	t.Helper()
	settings := p.dynamic.Load().settingsOf("a.test")
	settings.RequestHeaders, settings.ResponseHeaders = compileRules(t, headers.Request, request...), compileRules(t, headers.Response, response...)
}

// sentFields returns the field lines of a head that the upstream has received.
func sentFields(head string) []string {
	lines := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	return lines[1:]
}

func TestRulesChangeWhatTheUpstreamIsSent(t *testing.T) {
	p := newTestPipeline(t)
	p.ruled(t, []string{"set Host: {host}:9000", "set X-Site: git", "set X-From: {client_ip} by {scheme}", "default Accept: */*", "default X-New: 1", "remove X-Debug"}, nil)
	r := getRequest("/")
	r.Fields = fieldList("X_Site", "forged", "accept", "text/html", "X-DEBUG", "1", "x-site", "forged", "X-Real-IP", "10.0.0.1", "Vary", "a")
	p.run(t, r)
	want := []string{
		"Host: a.test:9000", "accept: text/html", "Vary: a",
		"X-Real-IP: 192.0.2.7", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: A.test:8443", "X-Forwarded-Port: 8443",
		"X-From: 192.0.2.7 by https", "X-New: 1", "X-Site: git",
	}
	if diff := cmp.Diff(want, sentFields(p.heads()[0])); diff != "" {
		t.Errorf("the upstream got (-want +got):\n%s", diff)
	}
}

// A rule comes after what Connection names was removed, so a client cannot use the one to undo the other.
func TestNoClientCanRemoveWhatARuleSets(t *testing.T) {
	p := newTestPipeline(t)
	p.ruled(t, []string{"set X-Site: git"}, nil)
	r := getRequest("/")
	r.Fields = fieldList("Connection", "X-Site, close")
	p.run(t, r)
	if got := strings.Join(sentFields(p.heads()[0]), "\n"); !strings.Contains(got, "X-Site: git") {
		t.Errorf("the upstream got\n%s\nwithout X-Site", got)
	}
}

// Over HTTP/2 a cookie comes in pieces.
func TestRulesAboutCookieKnowAllItsPieces(t *testing.T) {
	for _, tt := range []struct{ rule, want string }{
		{"set Cookie: a=rule", "Cookie: a=rule"},
		{"set cookie: a=rule", "cookie: a=rule"},
		{"remove cookie", ""},
		{"default Cookie: a=rule", "cookie: a=1; b=2; c=3"},
	} {
		p := newTestPipeline(t)
		p.ruled(t, []string{tt.rule}, nil)
		r := getRequest("/")
		r.Fields, r.Cookies = fieldList("cookie", "a=1"), []string{"b=2", "c=3"}
		p.run(t, r)
		var got []string
		for _, line := range sentFields(p.heads()[0]) {
			if strings.HasPrefix(strings.ToLower(line), "cookie") {
				got = append(got, line)
			}
		}
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.rule, got, tt.want)
		}
	}
}

func TestRulesChangeWhatTheClientIsSent(t *testing.T) {
	p := newTestPipeline(t)
	p.answer = "HTTP/1.1 200 Fine\r\nX-frame-Options: ALLOW\r\nSet-Cookie: a=1\r\nServer: x\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nX-Powered-By: PHP\r\n" +
		"Set-Cookie: b=2\r\nX-Frame-Options: x\r\nCache-Control: \r\nContent-Length: 0\r\n\r\n"
	p.ruled(t, nil, []string{"set X-Frame-Options: DENY", "set Server: us", "default Cache-Control: no-store", "default Referrer-Policy: no-referrer", "remove X-Powered-By"})
	_, client, _ := p.run(t, getRequest("/"))
	want := fieldList("Set-Cookie", "a=1", "Date", "Sat, 01 Jan 2000 00:00:00 GMT", "Set-Cookie", "b=2", "Cache-Control", "",
		"Referrer-Policy", "no-referrer", "Server", "us", "X-Frame-Options", "DENY")
	if diff := cmp.Diff(want, client.fields); diff != "" {
		t.Errorf("the client got (-want +got):\n%s", diff)
	}
}

// TestRulesHoldForEveryAnswerOfTheProxy makes each of the proxy's own answers (S-19.3).
func TestRulesHoldForEveryAnswerOfTheProxy(t *testing.T) {
	request := func(change func(*Request)) *Request {
		r := getRequest("/")
		if change != nil {
			change(r)
		}
		return r
	}
	for _, tt := range []struct {
		name    string
		request *Request
		answer  string
		status  int
		// site reports whether the rules of the site apply, and not those of the file.
		site bool
	}{
		{"a host is unknown", request(func(r *Request) { r.Authority = "other.test" }), "", 404, false},
		{"a host is missing", request(func(r *Request) { r.Authority = "" }), "", 400, false},
		{"a method cannot be used", request(func(r *Request) { r.Method = "TRACE" }), "", 405, false},
		{"the health path is asked for", request(func(r *Request) { r.Target = "/health" }), "", 200, false},
		{"a body is too large", request(func(r *Request) {
			r.Method, r.ContentLength, r.Body = "POST", 11, bodyOf("hello world")
		}), "", 413, true},
		{"an upstream does not answer", request(nil), "x", 502, true},
		{"the proxy is the last hop", request(func(r *Request) { r.Method, r.Fields = "OPTIONS", fieldList("Max-Forwards", "0") }), "", 200, true},
		{"a rate limit refuses", request(nil), "", 429, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.ruled(t, nil, []string{"set X-By: site"})
			p.dynamic.Load().ResponseHeaders = compileRules(t, headers.Response, "set X-By: file")
			if tt.answer != "" {
				p.answer = tt.answer
			}
			for tt.status == 429 && p.handleOne(getRequest("/"), &fakeClient{}).status != 429 {
			}
			_, client, _ := p.run(t, tt.request)
			want := map[bool]string{false: "file", true: "site"}[tt.site]
			if client.status != tt.status || client.fields.Get("X-By") != want {
				t.Errorf("got %d with %q, want %d with %q", client.status, client.fields.Get("X-By"), tt.status, want)
			}
		})
	}
}

func TestRulesHoldForARequestThatCannotBeRead(t *testing.T) {
	p := startPath(t, "127.0.0.1:1", nil)
	p.pipeline.dynamic.Load().ResponseHeaders = compileRules(t, headers.Response, "set X-By: file of {host}", "set X-Id: {request_id}", "remove Content-Type")
	for request, status := range map[string]string{"GET / HTTP/1.1\nHost: a.test\r\n\r\n": "400", "GET / HTTP/1.1\r\nHost: a.test\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n": "431"} {
		got, _ := p.exchange(t, request)
		if !strings.HasPrefix(got, "HTTP/1.1 "+status) || !strings.Contains(got, "\r\nX-By: file of\r\n") || strings.Contains(got, "Content-Type") {
			t.Errorf("got %.300q, want %s with the rules of the file", got, status)
		}
		id := regexp.MustCompile(`X-Id: ([-0-9a-f]{36})\r\n`).FindStringSubmatch(got)
		if id == nil {
			t.Fatalf("got no ID in %.300q", got)
		}
		waitFor(t, "the line with the ID", func() bool { return strings.Contains(p.log.String(), "request_id="+id[1]) })
	}
}

// RFC 6797, section 7.2: Strict-Transport-Security must not come over plain HTTP.
func TestNoRuleHoldsOverPlainHTTP(t *testing.T) {
	p := startPath(t, "127.0.0.1:1", nil)
	p.pipeline.dynamic.Load().ResponseHeaders = compileRules(t, headers.Response, "set Strict-Transport-Security: max-age=1")
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	got, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(got), "HTTP/1.1 400") || strings.Contains(string(got), "Strict-Transport-Security") {
		t.Errorf("got %q, want 400 without the rules", got)
	}
}

func TestInterimResponsesTrailersAndSwitchesAreLeftAlone(t *testing.T) {
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if request.URL.Path == "/switch" {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\nX-Own: 1\r\n\r\n")
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nX-Own: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Own\r\nX-Own: 1\r\n\r\n0\r\nX-Own: 1\r\n\r\n")
	})
	p := startPath(t, upstream, nil)
	p.pipeline.dynamic.Load().settingsOf("a.test").ResponseHeaders = compileRules(t, headers.Response, "set X-New: 1", "remove X-Own")
	got, _ := p.exchange(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	interim, rest, _ := strings.Cut(got, "\r\n\r\n")
	head, trailers, _ := strings.Cut(rest, "\r\n\r\n")
	if !strings.Contains(interim, "X-Own: 1") || strings.Contains(interim, "X-New") || strings.Contains(head, "X-Own") || !strings.Contains(head, "X-New: 1") ||
		!strings.Contains(trailers, "X-Own: 1") || strings.Contains(trailers, "X-New") {
		t.Errorf("got %q, want the rules in the final head only", got)
	}
	got, _ = p.exchange(t, "GET /switch HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 101") || !strings.Contains(got, "X-Own: 1") || strings.Contains(got, "X-New") {
		t.Errorf("got %q, want a 101 without the rules", got)
	}
}

// A server may merge trailers with the other fields, so what a rule sets or removes cannot come as one.
func TestNoTrailerOfARequestIsWhatARuleReplaces(t *testing.T) {
	received := make(chan string, 1)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		var got strings.Builder
		for !strings.HasSuffix(got.String(), "0\r\nX-Mine: 1\r\n\r\n") && got.Len() < 2000 {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			got.WriteString(line)
		}
		received <- got.String()
		_, _ = io.WriteString(conn, okResponse)
	})
	p := startPath(t, upstream, nil)
	p.pipeline.dynamic.Load().settingsOf("a.test").RequestHeaders = compileRules(t, headers.Request, "set X-User: nobody", "remove X-Debug")
	_, _ = p.exchange(t, "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-User, X-Mine, X-Debug\r\n\r\n"+
		"1\r\nx\r\n0\r\nX_User: root\r\nX-User: root\r\nX-Mine: 1\r\nx-debug: 1\r\n\r\n")
	got := <-received
	if !strings.HasSuffix(got, "\r\n0\r\nX-Mine: 1\r\n\r\n") || !strings.Contains(got, "\r\nTrailer: X-Mine\r\n") || !strings.Contains(got, "X-User: nobody\r\n") {
		t.Errorf("the upstream got %q, want only the trailer X-Mine", got)
	}
}

// A request that is sent a second time, because a kept connection was dead, is the same request.
func TestARequestThatIsSentAgainHasTheSameFields(t *testing.T) {
	var mu sync.Mutex
	var got []string
	upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
		for i := 0; ; i++ {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			mu.Lock()
			got = append(got, fmt.Sprint(request.Host, request.Header))
			mu.Unlock()
			if n == 1 && i == 1 {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	p := startPath(t, upstream, nil)
	p.pipeline.dynamic.Load().settingsOf("a.test").RequestHeaders = compileRules(t, headers.Request, "set X-Id: {request_id}", "set Host: x.{host}", "set X-By: a {host}")
	conn := p.dial(t)
	r := bufio.NewReader(conn)
	for range 2 {
		_, _ = io.WriteString(conn, getA)
		readResponse(t, r, "GET")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 3 || got[1] != got[2] || got[0] == got[1] || !strings.Contains(got[2], "a a.test") {
		t.Errorf("the upstream got %q, want the second request twice", got)
	}
}

func TestARequestHasOneIDForAllItsRulesAndItsLine(t *testing.T) {
	p := newTestPipeline(t)
	p.ruled(t, []string{"set X-Request-Id: {request_id}", "set X-Trace: id={request_id}"}, []string{"set X-Request-Id: {request_id}"})
	r := getRequest("/")
	r.Fields = fieldList("x-request-id", "the client's")
	x, client, log := p.run(t, r)
	id := client.fields.Get("X-Request-Id")
	head := p.heads()[0]
	if !strings.Contains(head, "\r\nX-Request-Id: "+id+"\r\n") || !strings.Contains(head, "\r\nX-Trace: id="+id+"\r\n") || strings.Contains(head, "the client's") {
		t.Errorf("the client got the ID %q, and the upstream %q", id, head)
	}
	if !strings.Contains(log, " request_id="+id+"\n") {
		t.Errorf("got the log %q, want the ID %s at the end of the line", log, id)
	}
	if at := fmt.Sprintf("%012x", x.start.UnixMilli()); strings.ReplaceAll(id, "-", "")[:12] != at {
		t.Errorf("got the ID %s, want one that begins with the time %s", id, at)
	}
}

func TestARequestWhoseRulesUseNoIDHasNone(t *testing.T) {
	p := newTestPipeline(t)
	p.ruled(t, []string{"set X-A: {host}"}, []string{"set X-A: {host}"})
	r := getRequest("/")
	r.Fields = fieldList("X-Request-Id", "abc")
	if _, _, log := p.run(t, r); strings.Contains(log, "request_id") {
		t.Errorf("got the log %q, want no ID", log)
	}
	if head := p.heads()[0]; !strings.Contains(head, "X-Request-Id: abc\r\n") {
		t.Errorf("the upstream got %q, want the client's own ID", head)
	}
}

// The line of a refusal is written before its answer, and names the ID that the answer will have.
func TestTheLineOfARefusalHasTheID(t *testing.T) {
	p := newTestPipeline(t)
	p.ruled(t, nil, []string{"set X-Request-Id: {request_id}"})
	var client *fakeClient
	for client = (&fakeClient{}); client.status != 429; {
		client = &fakeClient{}
		p.handleOne(getRequest("/"), client)
	}
	if err := p.pipeline.log.Close(); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`RATE_LIMIT .*\n`).FindString(p.log.String())
	if id := client.fields.Get("X-Request-Id"); id == "" || !strings.Contains(line, " request_id="+id) {
		t.Errorf("got the line %q and the ID %q", line, id)
	}
}

// The memory for values does not grow with what one request needed.
func TestAnExchangeKeepsLittleMemoryForValues(t *testing.T) {
	var h headerScratch
	h.id, h.scratch = "x", make([]byte, 10, maxKeptScratch)
	if h.reset(); h.id != "" || cap(h.scratch) != maxKeptScratch || len(h.scratch) != 0 {
		t.Errorf("got %+v, want the memory emptied", h)
	}
	h.scratch = make([]byte, 10, maxKeptScratch+1)
	if h.reset(); h.scratch != nil {
		t.Errorf("kept %d bytes", cap(h.scratch))
	}
}
