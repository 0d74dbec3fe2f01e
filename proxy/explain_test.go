package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/routing"
)

// randomExplained returns a random valid configuration whose routes lead to the upstream, and a random request.
func randomExplained(random *rand.Rand, upstream string) (*config.Config, admin.ExplainOrder) {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	settings := config.Settings{UpstreamScheme: "http", ConnectTimeout: patience, RequestTimeout: patience}
	site := config.Site{Host: "a.test", Aliases: []string{"b.test", "*.w.test"}, RedirectAliases: random.IntN(3) == 0, Upstreams: config.OneUpstream(pick("", upstream)), Settings: settings}
	var rules []routing.Rule[int]
	for range 1 + random.IntN(5) {
		route := config.Route{Path: pick("/", "/a", "/b", "/a/b", "/a/b/c", "/health"), Exact: random.IntN(3) == 0, Settings: settings}
		if random.IntN(3) == 0 {
			route.Methods = []string{pick("GET", "POST", "HEAD")}
		}
		switch random.IntN(4) {
		case 0:
			route.Redirect, route.RedirectStatus = pick("/new", "https://{host}/x{path}{query}", "https://other.test{path}"), 307
		case 1:
			route.Respond, route.RespondBody, route.RespondType = 200+random.IntN(300), []byte(pick("", "text")), "text/plain"
		default:
			route.Upstreams, route.StripPrefix = config.OneUpstream(upstream), !route.Exact && random.IntN(2) == 0
		}
		rule := routing.Rule[int]{Path: route.Path, Exact: route.Exact, Methods: route.Methods}
		if rules = append(rules, rule); len(routing.Collisions(rules)) > 0 {
			rules = rules[:len(rules)-1]
			continue
		}
		site.Routes = append(site.Routes, route)
	}
	path := ""
	for range random.IntN(5) {
		path += pick("/", "/a", "/b", "/c", "/%61", "/..", "/.", "%2f", ";x", "/health", "//", `/x`)
	}
	order := admin.ExplainOrder{Method: pick("GET", "GET", "POST", "HEAD", "OPTIONS", "TRACE"), From: "203.0.113.9",
		URL: "https://" + pick("a.test", "A.test:443", "b.test", "x.w.test", "other.test") + "/" + strings.TrimPrefix(path, "/") + pick("", "?q=1")}
	if random.IntN(4) == 0 {
		order.Fields = []string{pick("Max-Forwards: 0", "X-Forwarded-For: 192.0.2.66", "Connection: X-A", "Cookie: a=b")}
	}
	return &config.Config{
		HTTPSHealthPath: pick("", "/health"), RateLimit: limit.Config{RequestsPerSecond: 1e9, Burst: 1 << 30},
		Listeners: []config.Listener{{BindAddrs: []string{"127.0.0.1"}, HTTPSPort: 443, Sites: []config.Site{site}}},
	}, order
}

// TestWhatIsExplainedIsWhatHappens explains 10,000 random requests to random configurations, and sends each through the real
// pipeline to an upstream: status, location, site, route, upstream, and all that the upstream receives have to be those of the
// explanation.
func TestWhatIsExplainedIsWhatHappens(t *testing.T) {
	p := newTestPipeline(t)
	upstream := p.dynamic.Load().sites[0].sites[0].config.Upstreams[0].Address
	holds := hold.New(time.Now)
	random := rand.New(rand.NewPCG(21, 10))
	answered, sent := 0, 0
	for range 10_000 {
		cfg, order := randomExplained(random, upstream)
		dynamic := newDynamic(cfg, cfg.Listeners, time.Time{})
		explained, _, err := dynamic.explain(order)
		if err != nil {
			continue // no client could send it
		}
		p.metrics.adopt(dynamic)
		p.limits.adopt(dynamic)
		dynamic.obey(holds)
		p.dynamic.Store(dynamic)
		p.mu.Lock()
		p.got = nil
		p.mu.Unlock()

		url, _ := config.ParseRequestURL(order.URL)
		request, err := requestOf(t, order, url)
		if err != nil {
			t.Fatal(err)
		}
		client := &fakeClient{}
		x := p.handleOne(request, client)
		heads := p.heads()
		if explained.Status != 0 {
			answered++
			if client.status != explained.Status || client.fields.Get("Location") != explained.Location || len(heads) != 0 {
				t.Fatalf("%+v: got %d to %q and %d requests to the upstream; explained as %+v", order, client.status, client.fields.Get("Location"), len(heads), explained)
			}
		} else {
			sent++
			if len(heads) != 1 || x.accessRecord().Upstream != strings.TrimPrefix(explained.Upstreams[0], "http://") {
				t.Fatalf("%+v: got %d requests to the upstream; explained as %+v", order, len(heads), explained)
			}
			want := order.Method + " " + explained.Target + " HTTP/1.1\r\n"
			for _, field := range explained.Fields {
				want += field.Name + ": " + field.Value + "\r\n"
			}
			if got := strings.TrimSuffix(strings.Replace(heads[0], "Content-Length: 0\r\n", "", 1), "\r\n"); got != want {
				t.Fatalf("%+v: the upstream got\n%q\nexplained as\n%q", order, got, want)
			}
		}
		route := ""
		if explained.Route != nil && explained.Route.Chosen != "" {
			route = x.decision.route.config.String()
			if explained.Route.Chosen != route {
				t.Fatalf("%+v: got the route %q, explained as %q", order, route, explained.Route.Chosen)
			}
		} else if x.decision.route != nil && x.decision.route.config.Path != "" {
			t.Fatalf("%+v: got the route %q, explained as none", order, x.decision.route.config.Path)
		}
		if (explained.Site != nil) != (x.decision.site != nil) {
			t.Fatalf("%+v: got the site %v, explained as %v", order, x.decision.site, explained.Site)
		}
	}
	if answered < 1000 || sent < 1000 {
		t.Errorf("got %d requests that the proxy answered and %d that it forwarded, want many of both", answered, sent)
	}
}

// requestOf returns the request as the client's side makes it of the bytes on a connection.
func requestOf(t *testing.T, order admin.ExplainOrder, url config.RequestURL) (*Request, error) {
	t.Helper()
	w := &http1Work{}
	if _, err := w.head.Parse(url.Head(order.Method, order.Fields), 0); err != nil {
		return nil, fmt.Errorf("%+v: %w", order, err)
	}
	request := &Request{Client: netip.MustParseAddr(order.From), ClientText: order.From, Port: "443"}
	request.takeHead(&w.head)
	return request, nil
}
