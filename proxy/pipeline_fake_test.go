package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/limit"
)

// fakeBody is a bodySource with given parts that ends with err.
type fakeBody struct {
	parts []string
	err   error
	ready bool
}

func (b *fakeBody) read(_ []byte, wait bool) ([]byte, error) {
	if !wait && !b.ready {
		return nil, errNotReady
	}
	if len(b.parts) == 0 {
		return nil, b.err
	}
	part := []byte(b.parts[0])
	b.parts = b.parts[1:]
	return part, nil
}
func (*fakeBody) trailers() Fields { return nil }

func (b *fakeBody) wholeLength() (length int64, ok bool) { return 0, false }

// bodyOf returns a body that has arrived completely.
func bodyOf(text string) *fakeBody { return &fakeBody{parts: []string{text}, err: io.EOF, ready: true} }

// fakeClient is a clientWriter that records the calls.
type fakeClient struct {
	status   int
	reason   string
	interim  []int
	fields   Fields
	length   int64
	closing  bool
	body     bytes.Buffer
	trailers Fields
	method   string
	writeErr error
	// misdirected is the host of an answer of 421.
	misdirected string
}

func (c *fakeClient) Inform(status int, _ string, _ Fields) error {
	c.interim = append(c.interim, status)
	return nil
}
func (c *fakeClient) Head(status int, reason string, fields Fields, length int64, closing bool) error {
	c.status, c.reason, c.fields, c.length, c.closing = status, strings.Clone(reason), cloneFields(fields), length, closing
	return nil
}
func (c *fakeClient) Write(p []byte) (int, error) {
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	if c.method == "HEAD" {
		return len(p), nil
	}
	return c.body.Write(p)
}
func (c *fakeClient) Misdirected(host string)      { c.misdirected = host }
func (c *fakeClient) Flush() error                 { return nil }
func (c *fakeClient) End(trailers Fields) error    { c.trailers = cloneFields(trailers); return nil }
func (c *fakeClient) Interrupt(bool)               {}
func (c *fakeClient) Resume()                      {}
func (c *fakeClient) Gone() bool                   { return false }
func (c *fakeClient) Progressed() bool             { return false }
func (c *fakeClient) AwaitRoom(bufferHolder) error { return nil }

// cloneFields copies fields out of the buffer that they alias.
func cloneFields(fields Fields) Fields {
	var clone Fields
	for _, field := range fields {
		clone = append(clone, Field{Name: strings.Clone(field.Name), Value: strings.Clone(field.Value)})
	}
	return clone
}

// testPipeline is a pipeline with one site, `a.test`, whose upstream answers with given bytes, and with its log in memory.
type testPipeline struct {
	*pipeline
	// answer is what the upstream writes, after which it closes unless it is okResponse; got are the heads that it has
	// read.
	answer string
	// before is called before it answers, unless it is nil.
	before func()
	mu     sync.Mutex
	got    []string
	log    *bytes.Buffer
}

// heads returns what the upstream has received.
func (p *testPipeline) heads() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// testUpstream is a placeholder for the upstream in a route of a testPipeline.
const testUpstream = "the upstream"

const okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func newTestPipeline(t *testing.T, routes ...config.Route) *testPipeline {
	t.Helper()
	settings := config.Settings{UpstreamScheme: "http", ConnectTimeout: patience, RequestTimeout: patience}
	test := &testPipeline{answer: okResponse, log: new(bytes.Buffer)}
	upstream := rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		var length int
		if _, rest, ok := strings.Cut(head, "Content-Length: "); ok {
			_, _ = fmt.Sscan(rest, &length) // the body may be 0 bytes long
		}
		_, _ = r.Discard(length) // an error shows at the next head
		test.mu.Lock()
		test.got = append(test.got, head)
		test.mu.Unlock()
		if test.before != nil {
			test.before()
		}
		_, _ = io.WriteString(conn, test.answer)
		if test.answer != okResponse {
			_ = conn.Close()
		}
	})
	for i := range routes {
		routes[i].Settings = settings
		if of := routes[i].Upstreams; of != nil && of[0].Address == testUpstream {
			routes[i].Upstreams = config.OneUpstream(upstream)
		}
	}
	cfg := &config.Config{
		HTTPSHealthPath: "/health",
		RateLimit:       limit.Config{RequestsPerSecond: 1, Burst: 5},
		Body:            config.Body{LimitBytes: 10},
		Listeners: []config.Listener{{BindAddrs: []string{"127.0.0.1"}, HTTPSPort: 443, Sites: []config.Site{
			{Host: "a.test", Upstreams: config.OneUpstream(upstream), Settings: settings, Routes: routes},
		}}},
	}
	dynamic, err := buildDynamic(cfg, cfg.Listeners, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	pointer := new(atomic.Pointer[DynamicConfig])
	pointer.Store(dynamic)
	logger, err := eventlog.New(eventlog.Options{Level: eventlog.LevelTrace, Format: eventlog.FormatText}, test.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = logger.Close() })
	shared := &sharedState{log: logger, limits: newLimits(1000), upstreams: newUpstreams(1000), metrics: newMetrics(), holds: hold.New(time.Now)}
	t.Cleanup(shared.upstreams.close)
	test.pipeline = newPipeline(pointer, shared, time.Minute)
	return test
}

// handleOne sends one request through the stages.
func (p *testPipeline) handleOne(r *Request, client *fakeClient) *exchange {
	x := new(exchange)
	client.method = r.Method
	x.reset(r, client, &deadline.Timer{Owner: x, Sweeper: deadline.NewSweeper()}, 0)
	p.handle(x)
	return x
}

// run calls handleOne for the last request of a test. It returns what the client received, and the log once it is written.
func (p *testPipeline) run(t *testing.T, r *Request) (*exchange, *fakeClient, string) {
	t.Helper()
	client := &fakeClient{}
	x := p.handleOne(r, client)
	if err := p.pipeline.log.Close(); err != nil {
		t.Fatal(err)
	}
	return x, client, p.log.String()
}

func getRequest(target string) *Request {
	return &Request{
		Client: netip.MustParseAddr("192.0.2.7"), ClientText: "192.0.2.7", Protocol: HTTP11, Method: "GET", Target: target,
		Authority: "A.test:8443", Port: "8443",
	}
}

// settingsOf returns the settings of a site, for tests that change them before a request.
func (d *DynamicConfig) settingsOf(host string) *config.Settings {
	return &d.sites.find(0, host).own.config.Settings
}
