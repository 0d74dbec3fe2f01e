package proxy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

func TestTheStagesAreInTheOrderOfTheContract(t *testing.T) {
	var names []string
	for _, stage := range newTestPipeline(t).stages {
		names = append(names, stage.name)
	}
	want := []string{"rate limit", "body limit", "hold back", "proxy headers", "host routing", "access", "route answer", "forward"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestAnswersOfTheProxyItself(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Request)
		status int
		body   string
		close  bool
	}{
		{"the health path is answered whatever the host", func(r *Request) { r.Target, r.Authority = "/health", "" }, 200, "", false},
		{"the health path may have a query", func(r *Request) { r.Target = "/health?x" }, 200, "", false},
		{"a POST to the health path is routed", func(r *Request) { r.Target, r.Method, r.Authority = "/health", "POST", "b.test" }, 404, "Not Found", false},
		{"an unknown host is a 404", func(r *Request) { r.Authority = "b.test" }, 404, "Not Found", false},
		{"a missing host is a 400", func(r *Request) { r.Authority = "" }, 400, "Bad Request", false},
		{"a malformed host is a 400", func(r *Request) { r.Authority = "a.test/x" }, 400, "Bad Request", false},
		{"two hosts that disagree are a 400", func(r *Request) { r.AuthorityConflict = true }, 400, "Bad Request", false},
		{"CONNECT is refused", func(r *Request) { r.Method = "CONNECT" }, 405, "Method Not Allowed", false},
		{"TRACE is refused", func(r *Request) { r.Method = "TRACE" }, 405, "Method Not Allowed", false},
		{"a declared length over the limit is a 413", func(r *Request) {
			r.Method, r.ContentLength, r.Body = "POST", 11, bodyOf("01234567890")
		}, 413, "Payload Too Large", true},
		{"a declared length over the limit is a 413 before a byte of the body comes", func(r *Request) {
			r.Method, r.ContentLength, r.Body = "POST", 11, &fakeBody{parts: []string{"01234567890"}, err: io.EOF}
		}, 413, "Payload Too Large", true},
		{"a body for an unknown host is not read, so the connection ends", func(r *Request) {
			r.Method, r.Authority, r.ContentLength, r.Body = "POST", "b.test", 1, bodyOf("x")
		}, 404, "Not Found", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t)
			r := getRequest("/")
			test.change(r)
			x, client, _ := p.run(t, r)
			if client.status != test.status || client.body.String() != test.body || client.closing != test.close {
				t.Errorf("got %d %q closing=%v, want %d %q closing=%v", client.status, client.body.String(), client.closing,
					test.status, test.body, test.close)
			}
			if client.length != int64(len(test.body)) {
				t.Errorf("length: got %d, want %d", client.length, len(test.body))
			}
			if x.abort || len(p.heads()) > 0 {
				t.Errorf("abort=%v, upstream calls=%d; want neither", x.abort, len(p.heads()))
			}
			if body, ok := r.Body.(*fakeBody); ok && len(body.parts) != 1 {
				t.Error("the body was read; want an answer before that")
			}
		})
	}
}

func TestTheHeadOfAnOwnAnswerToHEADHasNoBody(t *testing.T) {
	r := getRequest("/")
	r.Method, r.Authority = "HEAD", "b.test"
	_, client, _ := newTestPipeline(t).run(t, r)
	if client.body.Len() != 0 || client.length != int64(len("Not Found")) {
		t.Errorf("got %q of the length %d, want no body and the length that GET would have", client.body.String(), client.length)
	}
}

func TestTheSixthRequestOfABurstOfFiveIsRefused(t *testing.T) {
	p := newTestPipeline(t)
	for range 5 {
		p.handleOne(getRequest("/"), &fakeClient{})
	}
	_, client, log := p.run(t, getRequest("/login?secret"))
	if client.status != 429 || client.fields.Get("Retry-After") != "1" || client.body.String() != "Too Many Requests" {
		t.Errorf("got %d %q with Retry-After %q", client.status, client.body.String(), client.fields.Get("Retry-After"))
	}
	if want := "WARN RATE_LIMIT client_ip=192.0.2.7 host=a.test path=/login status=429 limit=client\n"; !strings.HasSuffix(log, want) {
		t.Errorf("the log ends with %q, want %q and no REQUEST after it", log[strings.LastIndex(log[:len(log)-1], "\n")+1:], want)
	}
	if n := len(p.heads()); n != 5 {
		t.Errorf("the upstream was asked %d times, want 5", n)
	}
}

// TestRetryAfterIsRoundedUp refuses requests at a rate at which the next token comes after wait seconds: a client that
// returns when it was told must find it.
func TestRetryAfterIsRoundedUp(t *testing.T) {
	for wait, want := range map[float64]string{0.01: "1", 1: "1", 1.25: "2", 2.5: "3", 3: "3", 100.125: "101"} {
		p := newTestPipeline(t)
		start := time.Now()
		p.limits.limiter = limit.New(func() time.Time { return start })
		x := &exchange{request: getRequest("/"), start: start}
		x.config = &DynamicConfig{RateLimit: limit.Config{RequestsPerSecond: 1 / wait, Burst: 1}}
		if answer := p.limitRate(x); answer != nil {
			t.Fatalf("%v s: got %d for the first request, want none", wait, answer.status)
		}
		answer := p.limitRate(x)
		if answer == nil || answer.status != 429 || answer.fields.Get("Retry-After") != want {
			t.Errorf("%v s: got %+v, want 429 with Retry-After %s", wait, answer, want)
		}
	}
}

func TestWhatTheUpstreamIsSent(t *testing.T) {
	p := newTestPipeline(t)
	r := getRequest("/x?y=%20")
	r.Fields = fieldList(
		"Accept", "*/*", "X-Forwarded-For", "6.6.6.6", "x_forwarded_for", "6.6.6.6", "X-Real_IP", "6.6.6.6", "Forwarded", "for=6.6.6.6",
		"Proxy", "http://evil", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil",
		"Connection", "X-Hop, X-Real-IP, X-Forwarded-For", "X-Hop", "1", "TE", "trailers, gzip", "Upgrade", "h2c",
	)
	p.run(t, r)
	want := "GET /x?y=%20 HTTP/1.1\r\nHost: A.test:8443\r\nAccept: */*\r\nX-Real-IP: 192.0.2.7\r\n" +
		"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: A.test:8443\r\nX-Forwarded-Port: 8443\r\n" +
		"Connection: TE\r\nTE: trailers\r\n\r\n"
	if diff := cmp.Diff([]string{want}, p.heads()); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
}

func TestWhatTheClientIsSent(t *testing.T) {
	p := newTestPipeline(t)
	p.answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Made\r\nServer: x\r\nDate: Tue, 01 Nov 1994 08:12:31 GMT\r\nConnection: X-Hop\r\nX-Hop: 1\r\n" +
		"X-Kept: 1\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nstreamed\r\n0\r\nX-Sum: 1\r\nServer: x\r\nAlt-Svc: x\r\n\r\n"
	x, client, log := p.run(t, getRequest("/x?y"))
	if diff := cmp.Diff(fieldList("Date", "Tue, 01 Nov 1994 08:12:31 GMT", "X-Kept", "1"), client.fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(fieldList("X-Sum", "1"), client.trailers); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
	}
	if client.status != 201 || client.reason != "Made" || client.length != -1 || client.body.String() != "streamed" || x.abort {
		t.Errorf("got %d, length %d, %q, abort=%v", client.status, client.length, client.body.String(), x.abort)
	}
	if diff := cmp.Diff([]int{103}, client.interim); diff != "" {
		t.Errorf("interim responses (-want +got):\n%s", diff)
	}
	if !strings.Contains(log, "INFO REQUEST client_ip=192.0.2.7 host=a.test method=GET path=/x status=201 upstream=127.0.0.1:") {
		t.Errorf("log: %s", log)
	}
}

func TestFailuresOfTheUpstreamSide(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer string
		body   *fakeBody
		status int
		log    string
	}{
		{"an upstream that closes is a 502", "", nil, 502, `UPSTREAM_ERROR host=a.test upstream=127.0.0.1:`},
		{"an answer that is not HTTP is a 502", "garbage\r\n\r\n", nil, 502, "UPSTREAM_ERROR"},
		{"two lengths are a 502", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", nil, 502, "UPSTREAM_ERROR"},
		{"switching protocols unasked is a 502", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", nil, 502, "UPSTREAM_ERROR"},
		{"half a head is a 502", "HTTP/1.1 200 OK\r\nConte", nil, 502, "UPSTREAM_ERROR"},
		{"a head over 64 KiB is a 502", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", nil, 502, "UPSTREAM_ERROR"},
		{"a body that crosses the limit is a 413", "", &fakeBody{parts: []string{"0123456789x"}, err: io.EOF, ready: true}, 413, ""},
		{"a malformed body is a 400", "", &fakeBody{parts: []string{"x"}, err: malformedBody{errors.New("bad chunk")}, ready: true}, 400, ""},
		{"a client that left in its body gets nothing", "", &fakeBody{err: io.ErrUnexpectedEOF, ready: true}, 499, "DEBUG CLIENT_GONE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.answer = test.answer
			r := getRequest("/")
			if test.body != nil {
				r.Method, r.Body, r.ContentLength = "POST", test.body, -1
			}
			x, client, log := p.run(t, r)
			if x.status != test.status {
				t.Errorf("status: got %d, want %d", x.status, test.status)
			}
			if gone := test.status == statusClientGone; gone != x.abort || gone != (client.status == 0) {
				t.Errorf("abort=%v and the client got %d", x.abort, client.status)
			}
			if test.log == "" && strings.Contains(log, "UPSTREAM_ERROR") || !strings.Contains(log, test.log) {
				t.Errorf("log: got %q, want %q in it", log, test.log)
			}
		})
	}
}

func TestAResponseThatBreaksOffCutsTheConnection(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		writeErr     error
		log          string
	}{
		{"when the upstream left", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", nil, "UPSTREAM_ERROR host=a.test upstream=127.0.0.1:"},
		{"when a chunk is broken", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n", nil, "UPSTREAM_ERROR"},
		{"when the client left", okResponse, errors.New("broken pipe"), "DEBUG CLIENT_GONE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.answer = test.answer
			x := p.handleOne(getRequest("/"), &fakeClient{writeErr: test.writeErr})
			if err := p.pipeline.log.Close(); err != nil {
				t.Fatal(err)
			}
			if !x.abort || x.status != 200 {
				t.Errorf("abort=%v status=%d, want the connection cut and the status that was sent", x.abort, x.status)
			}
			if !strings.Contains(p.log.String(), test.log) {
				t.Errorf("log: got %q, want %q in it", p.log, test.log)
			}
		})
	}
}

// reloadingBody changes the configuration while it is read.
type reloadingBody struct {
	fakeBody
	reload func()
}

func (b *reloadingBody) read(room []byte, wait bool) ([]byte, error) {
	b.reload()
	return b.fakeBody.read(room, wait)
}

func TestARequestKeepsItsConfigurationToTheEnd(t *testing.T) {
	p := newTestPipeline(t)
	other := *p.dynamic.Load()
	other.BodyLimit = 1
	r := getRequest("/")
	r.Method, r.ContentLength = "POST", -1
	r.Body = &reloadingBody{fakeBody: *bodyOf("12345"), reload: func() { p.dynamic.Store(&other) }}
	if x := p.handleOne(r, &fakeClient{}); x.body.left != 5 {
		t.Errorf("left of the limit: got %d, want 5 of the 10 that held when the request came", x.body.left)
	}
}

// TestEveryStageUsesTheConfigurationOfTheRequest reloads between the beginning of a request and each stage (S-3.1).
func TestEveryStageUsesTheConfigurationOfTheRequest(t *testing.T) {
	p := newTestPipeline(t)
	config := p.dynamic.Load()
	p.dynamic.Store(&DynamicConfig{RateLimit: limit.Config{RequestsPerSecond: 1e-9, Burst: 1}})
	for i := range 3 {
		r := getRequest("/")
		r.Method, r.Body, r.ContentLength = "POST", bodyOf("0123456789"), 10
		x := &exchange{request: r, config: config, host: "a.test", decision: config.decide(0, "a.test", r), start: time.Now()}
		for _, stage := range p.stages[:5] {
			if answer := stage.run(x); answer != nil {
				t.Errorf("request %d: got %d of the stage %q, want it to pass by the old configuration", i+1, answer.status, stage.name)
			}
		}
		if x.route == nil || x.body.left != 10 {
			t.Errorf("request %d: got the site %v and %d bytes of a body allowed, want those of the old configuration", i+1, x.route, x.body.left)
		}
	}
}

// TestTheTrailersOfARequestHoldNothingThatAHeadMayNot sends as trailers the fields that are removed from heads, and those by
// which the rules of access decide: an upstream that merges them with the head would act for another user.
func TestTheTrailersOfARequestHoldNothingThatAHeadMayNot(t *testing.T) {
	c := &upstreamCall{request: &Request{ContentLength: -1}, body: &requestBody{}}
	c.body.source = &trailingBody{fields: fieldList(
		"X-Sum", "1", "X-Real-IP", "6.6.6.6", "x_forwarded_for", "6.6.6.6", "X-Forwarded-Proto", "http", "Forwarded", "for=6.6.6.6", "Proxy", "x",
		"Connection", "close", "TE", "trailers", "Transfer-Encoding", "chunked", "Upgrade", "h2c", "Content-Length", "5", "Host", "evil",
		"Keep-Alive", "1", "Proxy-Authorization", "x", "Trailer", "X-Sum", "authorization", "Basic eDp5", "Cookie", "session=2", "X-Last", "2",
	)}
	if got, want := string(c.appendBodyPart(nil, nil, true)), "0\r\nX-Sum: 1\r\nX-Last: 2\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// trailingBody is a body that has ended, with trailer fields.
type trailingBody struct {
	fakeBody
	fields Fields
}

func (b *trailingBody) read([]byte, bool) ([]byte, error) { return nil, io.EOF }
func (b *trailingBody) trailers() Fields                  { return b.fields }

// TestWhatIsNoRequestTakesATokenToo refuses as many heads as there are tokens, after which none is left for a request.
func TestWhatIsNoRequestTakesATokenToo(t *testing.T) {
	p := newTestPipeline(t)
	refuse := func() int {
		x, client := new(exchange), &fakeClient{}
		x.reset(&Request{Client: getRequest("/").Client, Method: "-", Target: "-"}, client, &deadline.Timer{Owner: x, Sweeper: deadline.NewSweeper()}, 0)
		p.refuse(x, answerStatus(statusBadRequest), "no request")
		return client.status
	}
	for i := range 5 {
		if got := refuse(); got != statusBadRequest {
			t.Errorf("head %d: got %d, want 400", i+1, got)
		}
	}
	if got := refuse(); got != statusTooManyRequests {
		t.Errorf("got %d for one more than the burst, want 429", got)
	}
	if x := p.handleOne(getRequest("/"), &fakeClient{}); x.status != statusTooManyRequests {
		t.Errorf("got %d for a request after them, want 429", x.status)
	}
}
