package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
)

// expectationSite is a site with a route of each kind, for the tests of decisions about requests that nobody sends.
const expectationSite = `aliases = ["www.a.example"]
redirect_aliases = true
[[listeners.sites.routes]]
path = "/api"
upstream = "127.0.0.1:4000"
strip_prefix = true
[[listeners.sites.routes]]
path = "/old"
methods = ["GET"]
redirect = "https://b.example/new{path}{query}"
redirect_status = 307
[[listeners.sites.routes]]
path_exact = "/gone"
respond = 410
[[listeners]]
bind_addr = "127.0.0.2"
http_port = 8080
https_port = 443
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "b.example"
[[listeners.sites.routes]]
path = "/new"
respond = 200
respond_body = "hello"
`

// expectationConfig returns a configuration with expectationSite and further lines.
func expectationConfig(t *testing.T, lines string) *config.Config {
	t.Helper()
	cfg, err := configOf(t.TempDir(), configtest.Minimal+expectationSite+lines, false)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestExpectationsAreMetOrNamedWithWhatWasFound(t *testing.T) {
	for _, c := range []struct {
		name, expect string
		want         []string
	}{
		{"a request is forwarded as expected", `request = "POST https://a.example:8443/api/x?y"
route = "/api"
upstream = "127.0.0.1:4000"
site = "a.example"
from = "203.0.113.9"
client_ip = "203.0.113.9"`, nil},
		{"what no route takes is forwarded as expected", `request = "GET https://a.example:8443/apix"
route = ""
upstream = "127.0.0.1:3000"`, nil},
		{"a redirect is as expected", `request = "GET https://a.example:8443/old/x?y"
status = 307
location = "https://b.example/new/old/x?y"
route = "/old"`, nil},
		{"an alias is as expected", `request = "GET https://www.a.example:8443/old?x"
status = 308
location = "https://a.example:8443/old?x"
site = "a.example"`, nil},
		{"a fixed answer is as expected", `request = "GET https://a.example:8443/gone"
status = 410`, nil},
		{"another listener answers as expected", `request = "GET https://b.example/new"
status = 200`, nil},
		{"a request that nothing takes is as expected", `request = "GET https://b.example/"
status = 404`, nil},
		{"an ambiguous path is as expected", `request = "GET https://a.example:8443/x/..%2fapi"
status = 400`, nil},
		{"the health path is as expected", `request = "HEAD https://a.example:8443/health"
status = 200`, nil},
		{"a method is refused as expected", `request = "CONNECT https://a.example:8443"
status = 405`, nil},
		{"another route and another upstream are found", `request = "GET https://a.example:8443/apix"
route = "/api"
upstream = "127.0.0.1:4000"`, []string{
			`expect[0].route (line 43): "GET https://a.example:8443/apix" is forwarded to http://127.0.0.1:3000; got none, want "/api"`,
			`expect[0].upstream (line 44): "GET https://a.example:8443/apix" is forwarded to http://127.0.0.1:3000; got "127.0.0.1:3000", want "127.0.0.1:4000"`}},
		{"a redirect with another status and target is found", `request = "GET https://a.example:8443/old"
status = 308
location = "https://b.example/"`, []string{
			`expect[0].status (line 43): "GET https://a.example:8443/old" is redirected with 307 to "https://b.example/new/old", by the route "/old"; got "307", want "308"`,
			`expect[0].location (line 44): "GET https://a.example:8443/old" is redirected with 307 to "https://b.example/new/old", by the route "/old"; got "https://b.example/new/old", want "https://b.example/"`}},
		{"no redirect is found, because of the method", `request = "POST https://a.example:8443/old"
location = "https://b.example/new/old"`, []string{
			`expect[0].location (line 43): "POST https://a.example:8443/old" is forwarded to http://127.0.0.1:3000; got none, want "https://b.example/new/old"`}},
		{"the status of an upstream cannot be expected", `request = "GET https://a.example:8443/api/x"
status = 200`, []string{
			`expect[0].status (line 43): "GET https://a.example:8443/api/x" is forwarded to http://127.0.0.1:4000 as "/x", by the route "/api", so that its status is the upstream's and not known here; write upstream in place of status`}},
		{"a path that some upstream reads as that of another route is found", `request = "GET https://a.example:8443/x/%2e%2e/api"
upstream = "127.0.0.1:3000"`, []string{
			`expect[0].upstream (line 43): "GET https://a.example:8443/x/%2e%2e/api" is answered 400: the path is ambiguous: upstreams may read it as one of another route; got none, want "127.0.0.1:3000"`}},
		{"another site and client are found", `request = "GET https://b.example/"
site = "a.example"
client_ip = "203.0.113.9"`, []string{
			`expect[0].site (line 43): "GET https://b.example/" is answered 404: no route takes it, and the site has no upstream; got "b.example", want "a.example"`,
			`expect[0].client_ip (line 44): "GET https://b.example/" is answered 404: no route takes it, and the site has no upstream; got "192.0.2.1", want "203.0.113.9"`}},
		{"every entry that fails is named", `request = "GET https://b.example/"
status = 200
[[expect]]
request = "GET https://b.example/new"
status = 404`, []string{
			`expect[0].status (line 43): "GET https://b.example/" is answered 404: no route takes it, and the site has no upstream; got "404", want "200"`,
			`expect[1].status (line 46): "GET https://b.example/new" is answered 200 with 5 bytes of "text/plain; charset=utf-8" (2cf24dba5fb0a30e), by the route "/new"; got "200", want "404"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := expectationConfig(t, "[[expect]]\n"+c.expect+"\n")
			var got []string
			if err := checkExpectations(cfg); err != nil {
				got = config.ErrorLines(cfg.Located(err))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryOutcomeHasAReason checks that the outcomes of decisions have different texts.
func TestEveryOutcomeHasAReason(t *testing.T) {
	dynamic := newDynamic(expectationConfig(t, ""), expectationConfig(t, "").Listeners, configtest.Now)
	seen := map[string]outcome{}
	for _, c := range []struct {
		listener     int
		method, url  string
		fields       []string
		want         outcome
		wantsAnswers bool
	}{
		{0, "TRACE", "https://a.example/", nil, methodRefused, true},
		{0, "GET", "https://a.example/health", nil, healthChecked, true},
		{0, "GET", "https://other.test/", nil, hostUnknown, true},
		{0, "GET", "https://www.a.example/", nil, toOwnHost, true},
		{0, "GET", "https://a.example/x/..;/api", nil, pathAmbiguous, true},
		{1, "GET", "https://b.example/", nil, routeMissing, true},
		{0, "OPTIONS", "https://a.example/", []string{"Max-Forwards: 0"}, atLastHop, true},
		{0, "GET", "https://a.example/old", nil, redirected, true},
		{0, "GET", "https://a.example/gone", nil, responded, true},
		{0, "GET", "https://a.example/", nil, forwarded, false},
		{0, "POST", "https://a.example/", []string{"Content-Length: 104857601"}, forwarded, true},
	} {
		url, problem := config.ParseRequestURL(c.url)
		if problem != "" {
			t.Fatal(problem)
		}
		e, err := dynamic.evaluate(c.listener, c.method, url, netip.Addr{}, c.fields)
		if err != nil {
			t.Fatal(err)
		}
		text := e.text()
		if e.decision.outcome != c.want || (e.answer != nil) != c.wantsAnswers {
			t.Errorf("%s %s: got the outcome %d: %s; want %d", c.method, c.url, e.decision.outcome, text, c.want)
		}
		if other, twice := seen[text]; twice {
			t.Errorf("got %q for the outcomes %d and %d, want different texts", text, other, c.want)
		}
		seen[text] = c.want
		if strings.Contains(text, "\n") {
			t.Errorf("got %q, want one line", text)
		}
	}
}
