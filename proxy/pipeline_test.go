package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fakeUpstream is an upstreamClient that a test scripts.
type fakeUpstream struct {
	answer func(ctx context.Context, r *Request, body *requestBody, inform func(int, Fields)) (*Response, error)
	got    *Request
	calls  int
}

func (f *fakeUpstream) exchange(ctx context.Context, _ *Site, r *Request, body *requestBody, inform func(int, Fields)) (*Response, error) {
	f.got = r
	f.calls++
	return f.answer(ctx, r, body, inform)
}
func (*fakeUpstream) keep(*DynamicConfig) {}
func (*fakeUpstream) close()              {}

// fakeClient is a clientWriter that records.
type fakeClient struct {
	status      int
	interim     []int
	fields      Fields
	length      int64
	closing     bool
	body        bytes.Buffer
	flushes     int
	announced   []string
	trailers    Fields
	interrupted chan struct{}
	writeErr    error
}

func (c *fakeClient) Inform(status int, _ Fields) error {
	c.interim = append(c.interim, status)
	return nil
}
func (c *fakeClient) Head(status int, fields Fields, length int64, closing bool) error {
	c.status, c.fields, c.length, c.closing = status, append(Fields(nil), fields...), length, closing
	return nil
}
func (c *fakeClient) Write(p []byte) (int, error) {
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	return c.body.Write(p)
}
func (c *fakeClient) Flush() error                    { c.flushes++; return nil }
func (c *fakeClient) Trailers(fields Fields)          { c.trailers = fields }
func (c *fakeClient) AnnounceTrailers(names []string) { c.announced = names }
func (c *fakeClient) Interrupt()                      { close(c.interrupted) }

// testPipeline is a pipeline with one site, `a.test`, in front of a scripted upstream, and its log in memory.
type testPipeline struct {
	*pipeline
	upstream *fakeUpstream
	log      *bytes.Buffer
}

func newTestPipeline(t *testing.T) *testPipeline {
	t.Helper()
	cfg := &Config{
		HTTPSHealthPath: "/health",
		RateLimit:       RateLimitConfig{RequestsPerSecond: 1, Burst: 5},
		Body:            BodyConfig{LimitBytes: 10},
		Listeners: []ListenerConfig{{BindAddr: "127.0.0.1", HTTPSPort: 443, Sites: []SiteConfig{
			{Host: "a.test", Upstream: "127.0.0.1:3000", UpstreamScheme: "http"},
		}}},
	}
	dynamic, err := buildDynamic(cfg, cfg.Listeners, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	pointer := new(atomic.Pointer[DynamicConfig])
	pointer.Store(dynamic)
	test := &testPipeline{upstream: &fakeUpstream{answer: okAnswer("hello")}, log: new(bytes.Buffer)}
	logger, err := NewLogger(LoggingConfig{Level: LevelTrace, Format: FormatText}, test.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logger.Close() })
	test.pipeline = newPipeline(pointer, &sharedState{
		log: logger, limiter: newLimiter(time.Now), upstreams: &upstreams{client: test.upstream},
	}, time.Minute)
	return test
}

// run sends one request through the stages and returns what the client got, and the log once it is written.
func (p *testPipeline) run(t *testing.T, r *Request) (*exchange, *fakeClient, string) {
	t.Helper()
	client := &fakeClient{interrupted: make(chan struct{})}
	x := &exchange{request: r, client: client}
	p.handle(t.Context(), x)
	if err := p.pipeline.log.Close(); err != nil {
		t.Fatal(err)
	}
	return x, client, p.log.String()
}

func okAnswer(body string) func(context.Context, *Request, *requestBody, func(int, Fields)) (*Response, error) {
	return func(context.Context, *Request, *requestBody, func(int, Fields)) (*Response, error) {
		return &Response{Status: 200, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func getRequest(target string) *Request {
	return &Request{
		Client: netip.MustParseAddr("192.0.2.7"), Protocol: HTTP11, Method: "GET", Target: target, Authority: "A.test:8443",
	}
}

func TestTheStagesStandInTheOrderOfTheContract(t *testing.T) {
	var names []string
	for _, stage := range newTestPipeline(t).stages {
		names = append(names, stage.name)
	}
	want := []string{"rate limit", "body limit", "proxy headers", "host routing", "forward"}
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
		{"also with a query", func(r *Request) { r.Target = "/health?x" }, 200, "", false},
		{"a POST to the health path is routed", func(r *Request) { r.Target, r.Method, r.Authority = "/health", "POST", "b.test" }, 404, "Not Found", false},
		{"an unknown host", func(r *Request) { r.Authority = "b.test" }, 404, "Not Found", false},
		{"a missing host", func(r *Request) { r.Authority = "" }, 400, "Bad Request", false},
		{"a bad host", func(r *Request) { r.Authority = "a.test/x" }, 400, "Bad Request", false},
		{"two hosts that disagree", func(r *Request) { r.AuthorityConflict = true }, 400, "Bad Request", false},
		{"CONNECT", func(r *Request) { r.Method = "CONNECT" }, 405, "Method Not Allowed", false},
		{"TRACE", func(r *Request) { r.Method = "TRACE" }, 405, "Method Not Allowed", false},
		{"a declared length over the limit", func(r *Request) {
			r.Method, r.ContentLength, r.Body = "POST", 11, strings.NewReader("01234567890")
		}, 413, "Payload Too Large", true},
		{"a body for an unknown host is not read, so the connection ends", func(r *Request) {
			r.Method, r.Authority, r.ContentLength, r.Body = "POST", "b.test", 1, strings.NewReader("x")
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
			if x.abort || p.upstream.calls > 0 {
				t.Errorf("abort=%v, upstream calls=%d; want neither", x.abort, p.upstream.calls)
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
		p.handle(t.Context(), &exchange{request: getRequest("/"), client: &fakeClient{}})
	}
	_, client, log := p.run(t, getRequest("/login?secret"))
	if client.status != 429 || client.fields.Get("Retry-After") != "1" || client.body.String() != "Too Many Requests" {
		t.Errorf("got %d %q with Retry-After %q", client.status, client.body.String(), client.fields.Get("Retry-After"))
	}
	if want := "WARN RATE_LIMIT client_ip=192.0.2.7 host=a.test path=/login status=429\n"; !strings.HasSuffix(log, want) {
		t.Errorf("the log ends with %q, want %q and no REQUEST after it", log[strings.LastIndex(log[:len(log)-1], "\n")+1:], want)
	}
	if p.upstream.calls != 5 {
		t.Errorf("the upstream was called %d times, want 5", p.upstream.calls)
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
	want := fieldList(
		"Accept", "*/*", "TE", "trailers",
		"X-Real-IP", "192.0.2.7", "X-Forwarded-For", "192.0.2.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "A.test:8443",
	)
	if diff := cmp.Diff(want, p.upstream.got.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if p.upstream.got.Target != "/x?y=%20" || p.upstream.got.Authority != "A.test:8443" {
		t.Errorf("got target %q and host %q, want both as they came", p.upstream.got.Target, p.upstream.got.Authority)
	}
}

func TestWhatTheClientIsSent(t *testing.T) {
	p := newTestPipeline(t)
	p.upstream.answer = func(_ context.Context, _ *Request, _ *requestBody, inform func(int, Fields)) (*Response, error) {
		inform(103, fieldList("Link", "</a>"))
		return &Response{
			Status: 201, ContentLength: -1, Body: io.NopCloser(strings.NewReader("streamed")),
			Fields:       fieldList("Server", "x", "Connection", "X-Hop", "X-Hop", "1", "X-Kept", "1", "Keep-Alive", "1"),
			TrailerNames: []string{"X-Sum"},
			Trailers:     func() Fields { return fieldList("X-Sum", "1", "Content-Length", "5", "X-Real-IP", "6.6.6.6") },
		}, nil
	}
	x, client, log := p.run(t, getRequest("/x?y"))
	if diff := cmp.Diff(fieldList("X-Kept", "1"), client.fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(fieldList("X-Sum", "1"), client.trailers, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("trailers (-want +got):\n%s", diff)
	}
	if client.status != 201 || client.length != -1 || client.body.String() != "streamed" || x.abort {
		t.Errorf("got %d, length %d, %q, abort=%v", client.status, client.length, client.body.String(), x.abort)
	}
	if diff := cmp.Diff([]int{103}, client.interim); diff != "" {
		t.Errorf("interim responses (-want +got):\n%s", diff)
	}
	if !strings.Contains(log, "INFO REQUEST client_ip=192.0.2.7 host=a.test method=GET path=/x status=201 upstream=127.0.0.1:3000 duration_ms=") {
		t.Errorf("log: %s", log)
	}
}

// failing is an upstream whose exchange ends with err after it has read the request's body.
func failing(err error) func(context.Context, *Request, *requestBody, func(int, Fields)) (*Response, error) {
	return func(_ context.Context, _ *Request, body *requestBody, _ func(int, Fields)) (*Response, error) {
		if body != nil {
			if _, readErr := io.Copy(io.Discard, body); readErr != nil {
				return nil, readErr
			}
		}
		return nil, err
	}
}

type timeoutError struct{}

func (timeoutError) Error() string { return "timeout awaiting response headers" }
func (timeoutError) Timeout() bool { return true }

func TestFailuresOfTheUpstreamSide(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		body   io.Reader
		status int
		log    string
	}{
		{"a refused connection is a 502", errors.New("connection refused"), nil, 502, `UPSTREAM_ERROR host=a.test upstream=127.0.0.1:3000 error="connection refused"`},
		{"a time-out is a 504", timeoutError{}, nil, 504, `UPSTREAM_ERROR host=a.test upstream=127.0.0.1:3000 error="timeout awaiting response headers"`},
		{"a deadline is a 504", context.DeadlineExceeded, nil, 504, "UPSTREAM_ERROR"},
		{"a body that crosses the limit is a 413", nil, strings.NewReader("0123456789x"), 413, ""},
		{"a malformed body is a 400", nil, io.MultiReader(strings.NewReader("x"), errReader{malformedBody{errors.New("bad chunk")}}), 400, ""},
		{"a client that left in its body gets nothing", nil, errReader{io.ErrUnexpectedEOF}, 499, "DEBUG CLIENT_GONE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.upstream.answer = failing(test.err)
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

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestAResponseThatBreaksOffCutsTheConnection(t *testing.T) {
	for _, test := range []struct {
		name     string
		body     io.Reader
		writeErr error
		log      string
	}{
		{"when the upstream left", io.MultiReader(strings.NewReader("part"), errReader{io.ErrUnexpectedEOF}), nil, `UPSTREAM_ERROR host=a.test upstream=127.0.0.1:3000 error="unexpected EOF"`},
		{"when the client left", strings.NewReader("whole"), errors.New("broken pipe"), "DEBUG CLIENT_GONE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.upstream.answer = func(context.Context, *Request, *requestBody, func(int, Fields)) (*Response, error) {
				return &Response{Status: 200, ContentLength: 9, Body: io.NopCloser(test.body)}, nil
			}
			client := &fakeClient{writeErr: test.writeErr}
			x := &exchange{request: getRequest("/"), client: client}
			p.handle(t.Context(), x)
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

func TestARequestKeepsItsConfigurationToTheEnd(t *testing.T) {
	p := newTestPipeline(t)
	other := *p.dynamic.Load()
	other.BodyLimit = 1
	p.upstream.answer = func(ctx context.Context, r *Request, body *requestBody, inform func(int, Fields)) (*Response, error) {
		p.dynamic.Store(&other) // a reload while the body is on its way
		if _, err := io.Copy(io.Discard, body); err != nil {
			return nil, err
		}
		return okAnswer("ok")(ctx, r, body, inform)
	}
	r := getRequest("/")
	r.Method, r.Body, r.ContentLength = "POST", strings.NewReader("12345"), -1
	_, client, _ := p.run(t, r)
	if client.status != 200 {
		t.Errorf("got %d, want 200 by the limit that held when the request came", client.status)
	}
}
