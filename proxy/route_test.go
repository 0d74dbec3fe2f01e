package proxy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"reverse-proxy/proxy/config"
)

// firstLine returns the request line that an upstream has received.
func firstLine(head string) string {
	line, _, _ := strings.Cut(head, "\r\n")
	return line
}

// TestWhatIsLeftOfAPathIsForwardedAsItCame checks S-14.4 byte for byte.
func TestWhatIsLeftOfAPathIsForwardedAsItCame(t *testing.T) {
	for _, test := range []struct {
		route        config.Route
		target, want string
		prefix       string
	}{
		{config.Route{Path: "/api", StripPrefix: true}, "/api/x", "/x", "/api"},
		{config.Route{Path: "/api", StripPrefix: true}, "/api", "/", "/api"},
		{config.Route{Path: "/api", StripPrefix: true}, "/api/", "/", "/api"},
		{config.Route{Path: "/api", StripPrefix: true}, "/api?x=/api", "/?x=/api", "/api"},
		{config.Route{Path: "/api", StripPrefix: true}, "/api?", "/?", "/api"},
		{config.Route{Path: "/api", StripPrefix: true}, "/api//x/%2F;a/%zz?a?b", "//x/%2F;a/%zz?a?b", "/api"},
		{config.Route{Path: "/api", StripPrefix: true}, "/api/api/x", "/api/x", "/api"},
		{config.Route{Path: "/a/b", StripPrefix: true}, "/a/b/c", "/c", "/a/b"},
		{config.Route{Path: "/api", StripPrefix: true, Exact: true}, "/api?x", "/?x", "/api"},
		{config.Route{Path: "/", StripPrefix: true}, "/api/x", "/api/x", ""},
		{config.Route{Path: "/api"}, "/api//x?y", "/api//x?y", ""},
		{config.Route{Path: "/api", StripPrefix: true}, "/apix", "/apix", ""},
		{config.Route{Path: "/api", StripPrefix: true}, "/%61pix/api", "/%61pix/api", ""},
	} {
		t.Run(test.route.Path+" of "+test.target, func(t *testing.T) {
			test.route.Upstreams = config.OneUpstream(testUpstream)
			p := newTestPipeline(t, test.route)
			r := getRequest(test.target)
			r.Fields = fieldList("X-Forwarded-Prefix", "/forged", "X_Forwarded_Prefix", "/forged")
			x, _, log := p.run(t, r)
			head := p.heads()[0]
			if got := firstLine(head); got != "GET "+test.want+" HTTP/1.1" {
				t.Errorf("the upstream got %q, want the path %q", got, test.want)
			}
			if got, want := strings.Count(head, "refix: "), strings.Count(head, fmt.Sprintf("X-Forwarded-Prefix: %s\r\n", test.prefix)); got != want || (want == 1) != (test.prefix != "") {
				t.Errorf("the upstream got %q, want the prefix %q", head, test.prefix)
			}
			if path, _, _ := strings.Cut(test.target, "?"); !strings.Contains(log, "path="+path+" ") && !strings.Contains(log, `path="`+path+`" `) {
				t.Errorf("got the line %q, want the path as it came", log)
			}
			if x.status != 200 {
				t.Errorf("got the status %d", x.status)
			}
		})
	}
}

// took finds the time in a line of the log.
var took = regexp.MustCompile(`duration_ms=\d+`)

// TestARouteAnswersByItself checks what redirects and fixed answers send, and what the log says of them.
func TestARouteAnswersByItself(t *testing.T) {
	page := config.Route{Path: "/page", Respond: 200, RespondType: "application/json", RespondBody: []byte(`{"a":1}`)}
	for _, test := range []struct {
		name   string
		route  config.Route
		target string
		want   string // status, Location, type and body
		log    string
	}{
		{"a fixed answer is sent", page, "/page/x", `200 "" "application/json" {"a":1}`, "status=200 upstream=- duration_ms=N route=/page\n"},
		{"an error has the text of its status", config.Route{Path: "/no", Respond: 403}, "/no", `403 "" "text/plain; charset=utf-8" Forbidden`, "status=403 upstream=- duration_ms=N route=/no\n"},
		{"a success has no body", config.Route{Path: "/ok", Respond: 201}, "/ok", `201 "" "" `, "route=/ok\n"},
		{"an answer of 204 has no body", config.Route{Path: "/none", Respond: 204, RespondBody: []byte("x"), RespondType: "a/b"}, "/none", `204 "" "" `, "route=/none\n"},
		{"an answer of 304 has no body", config.Route{Path: "/same", Respond: 304}, "/same", `304 "" "" `, "route=/same\n"},
		{"a redirect is sent", config.Route{Path: "/old", Redirect: "https://{host}/new{path}{query}", RedirectStatus: 308}, "/old/x?y=1",
			`308 "https://a.test/new/old/x?y=1" "text/plain; charset=utf-8" Permanent Redirect`, "status=308 upstream=- duration_ms=N route=/old\n"},
		{"a redirect that would not be a valid URL is a 400", config.Route{Path: "/old", Redirect: "/new{path}", RedirectStatus: 302}, "/old/\xff", `400 "" "text/plain; charset=utf-8" Bad Request`, "route=/old\n"},
		{"a redirect leaves the invalid part out", config.Route{Path: "/old", Redirect: "/new", RedirectStatus: 302}, "/old/\xff", `302 "/new" "text/plain; charset=utf-8" Found`, "route=/old\n"},
		{"an ambiguous path is a 400", page, "/x/..;/page", `400 "" "text/plain; charset=utf-8" Bad Request`, "status=400 upstream=- duration_ms=N error=\"ambiguous path\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPipeline(t, test.route)
			_, client, log := p.run(t, getRequest(test.target))
			got := fmt.Sprintf("%d %q %q %s", client.status, client.fields.Get("Location"), client.fields.Get("Content-Type"), &client.body)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if log := took.ReplaceAllString(log, "duration_ms=N"); !strings.HasSuffix(log, test.log) {
				t.Errorf("got the line %q, want it to end with %q", log, test.log)
			}
			if heads := p.heads(); heads != nil {
				t.Errorf("the upstream got %q, want nothing", heads)
			}
		})
	}
}

// TestTheLogNamesTheUpstreamOfTheRoute checks the lines of a request and of an upstream that is at fault.
func TestTheLogNamesTheUpstreamOfTheRoute(t *testing.T) {
	p := newTestPipeline(t, config.Route{Path: "/api", Upstreams: config.OneUpstream("127.0.0.1:1")})
	_, client, log := p.run(t, getRequest("/api/x"))
	if client.status != 502 || !strings.Contains(log, "status=502 upstream=127.0.0.1:1 ") || !strings.Contains(log, " route=/api\n") || !strings.Contains(log, "UPSTREAM_ERROR host=a.test upstream=127.0.0.1:1 ") {
		t.Errorf("got %d and the lines %q", client.status, log)
	}
}
