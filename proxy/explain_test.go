package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/hold"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/routing"
)

// explainedRules are sets of header rules, of which random configurations have some.
type explainedRules struct{ request, response []*headers.Rules }

func newExplainedRules(t *testing.T) explainedRules {
	t.Helper()
	return explainedRules{
		request: []*headers.Rules{nil,
			compileRules(t, headers.Request, "set X-Site: {host} for {client_ip}", "remove Cookie"),
			compileRules(t, headers.Request, "default Cookie: none", "set Host: {host}:9000", "remove Accept"),
		},
		response: []*headers.Rules{nil,
			compileRules(t, headers.Response, "set X-Frame-Options: DENY"),
			compileRules(t, headers.Response, "default Cache-Control: no-store", "set X-From: {client_ip}"),
		},
	}
}

// explainedAccess are rules of access, of which random configurations have some. explainedProxy is the peer that random
// listeners trust.
var explainedAccess = []*config.Access{nil, nil, nil, nil, {Allow: networks("203.0.113.0/24")}, {Deny: networks("203.0.113.9/32")}, {Allow: networks("192.0.2.66/32")}}

const explainedProxy = "10.0.0.1"

// longBody is the length of a request's body that some limits of a random configuration allow.
const longBody = 100

// randomExplained returns a random valid configuration whose routes lead to the upstream, and a random request.
func randomExplained(random *rand.Rand, upstream string, fieldRules explainedRules) (*config.Config, admin.ExplainOrder) {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	settingsOf := func(level config.Level) config.Settings {
		settings := config.Settings{UpstreamScheme: "http", ConnectTimeout: patience, RequestTimeout: patience}
		settings.RequestHeaders, settings.ResponseHeaders = fieldRules.request[random.IntN(len(fieldRules.request))], fieldRules.response[random.IntN(len(fieldRules.response))]
		if random.IntN(3) == 0 {
			settings.BodyLimit, settings.BodyLimitFrom = int64(random.IntN(2)*(longBody-1)), level // 0 is no limit
		}
		return settings
	}
	settings := settingsOf(config.LevelSite)
	site := config.Site{Host: "a.test", Aliases: []string{"b.test", "*.w.test"}, RedirectAliases: random.IntN(3) == 0, Upstreams: config.OneUpstream(pick("", upstream)), Settings: settings}
	var rules []routing.Rule[int]
	for range 1 + random.IntN(5) {
		route := config.Route{Path: pick("/", "/a", "/b", "/a/b", "/a/b/c", "/health"), Exact: random.IntN(3) == 0, Settings: settingsOf(config.LevelRoute)}
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
	order := admin.ExplainOrder{Method: pick("GET", "GET", "POST", "HEAD", "OPTIONS", "TRACE"), From: pick("203.0.113.9", explainedProxy),
		URL: "https://" + pick("a.test", "A.test:443", "b.test", "x.w.test", "other.test") + "/" + strings.TrimPrefix(path, "/") + pick("", "?q=1")}
	if random.IntN(4) == 0 {
		order.Fields = []string{pick("Max-Forwards: 0", "X-Forwarded-For: 192.0.2.66", "Connection: X-A", "Cookie: a=b", "X_Site: forged", "Content-Length: "+strconv.Itoa(longBody))}
	}
	var clients config.Clients
	if random.IntN(2) == 0 {
		clients = trustedNetworks("X-Forwarded-For", explainedProxy+"/32")
	}
	return &config.Config{
		Body: config.Body{LimitBytes: int64(longBody - random.IntN(2))}, ResponseHeaders: fieldRules.response[random.IntN(len(fieldRules.response))],
		HTTPSHealthPath: pick("", "/health"), RateLimit: limit.Config{RequestsPerSecond: 1e9, Burst: 1 << 30},
		Listeners: []config.Listener{{BindAddrs: []string{"127.0.0.1"}, HTTPSPort: 443, Clients: clients, Sites: []config.Site{site}}},
	}, order
}

// TestWhatIsExplainedIsWhatHappens explains 10,000 random requests to random configurations, and sends each through the real
// pipeline to an upstream: client, status, location, site, route, upstream, and all that the upstream receives have to be
// those of the explanation.
func TestWhatIsExplainedIsWhatHappens(t *testing.T) {
	p := newTestPipeline(t)
	upstream := p.dynamic.Load().sites[0].sites[0].config.Upstreams[0].Address
	holds := hold.New(time.Now)
	random := rand.New(rand.NewPCG(21, 10))
	rules := newExplainedRules(t)
	answered, sent, tooLong, ruled, refused, named := 0, 0, 0, 0, 0, 0
	for range 10_000 {
		cfg, order := randomExplained(random, upstream, rules)
		dynamic := newDynamic(cfg, cfg.Listeners, time.Time{})
		dynamic.balanceOn(p.upstreams)
		for r := range dynamic.sites.find(0, "a.test").all() {
			r.access = explainedAccess[random.IntN(len(explainedAccess))]
		}
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
		if random.IntN(2) == 0 {
			request = overHTTP2(request)
		}
		client := &fakeClient{}
		x := p.handleOne(request, client)
		heads := p.heads()
		switch {
		case explained.Status == statusPayloadTooLarge:
			tooLong++
		case explained.AnsweredBy == "access":
			refused++
		}
		if got := recordOf(x).ClientIP.String(); got != explained.Client {
			t.Fatalf("%+v: got the client %s, explained as %s, %s", order, got, explained.Client, explained.ClientFrom)
		} else if got != order.From {
			named++
		}
		for _, rule := range explained.ResponseRules {
			ruled++
			if name := strings.Fields(rule)[1]; client.fields.Get(strings.TrimSuffix(name, ":")) == "" {
				t.Fatalf("%+v: the answer has the fields %v; the rules are explained as %q", order, client.fields, explained.ResponseRules)
			}
		}
		if explained.Status != 0 {
			answered++
			if client.status != explained.Status || client.fields.Get("Location") != explained.Location || len(heads) != 0 {
				t.Fatalf("%+v: got %d to %q and %d requests to the upstream; explained as %+v", order, client.status, client.fields.Get("Location"), len(heads), explained)
			}
		} else {
			sent++
			if len(heads) != 1 || recordOf(x).Upstream != strings.TrimPrefix(explained.Upstreams[0], "http://") {
				t.Fatalf("%+v: got %d requests to the upstream; explained as %+v", order, len(heads), explained)
			}
			want := order.Method + " " + explained.Target + " HTTP/1.1\r\n"
			for _, field := range explained.Fields {
				want += field.Name + ": " + field.Value + "\r\n"
			}
			if got := strings.TrimSuffix(lengthOf.ReplaceAllString(heads[0], ""), "\r\n"); got != want && (request.Protocol != HTTP2 || !strings.EqualFold(got, want)) {
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
	if answered < 1000 || sent < 1000 || tooLong < 20 || refused < 200 || named < 50 || ruled < 1000 {
		t.Errorf("got %d requests that the proxy answered, %d of them as too long and %d by the rules of access, %d that it forwarded, %d of a client behind a proxy, and %d header rules; want many of each",
			answered, tooLong, refused, sent, named, ruled)
	}
}

// lengthOf is the field of a request's length, which an explanation does not show: the proxy frames the body.
var lengthOf = regexp.MustCompile("Content-Length: [0-9]+\r\n")

// overHTTP2 returns the request as the client's side makes it of the frames of HTTP/2.
func overHTTP2(r *Request) *Request {
	if r.Fields.Has("Connection") { // there is no such field, and no version in the target
		return r
	}
	r.Protocol = HTTP2
	for i := range r.Fields {
		r.Fields[i].Name = strings.ToLower(r.Fields[i].Name)
	}
	return r
}

// requestOf returns the request as the client's side makes it of the bytes on a connection.
func requestOf(t *testing.T, order admin.ExplainOrder, url config.RequestURL) (*Request, error) {
	t.Helper()
	w := &http1Work{}
	if _, err := w.head.Parse(url.Head(order.Method, order.Fields), 0); err != nil {
		return nil, fmt.Errorf("%+v: %w", order, err)
	}
	from := netip.MustParseAddr(order.From)
	request := &Request{Client: from, ClientText: order.From, Peer: from, Port: "443"}
	request.takeHead(&w.head)
	if request.ContentLength > 0 {
		request.Body = bodyOf(strings.Repeat("x", int(request.ContentLength)))
	}
	return request, nil
}
