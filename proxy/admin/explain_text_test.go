package admin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplanationsForPeople(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   Explanation
		want string
	}{
		{"a forwarded request is explained by the daemon", Explanation{
			Request: "GET https://www.a.test/api/x?y", Result: `forwarded to http://b:1 as "/x?y", by the route "/api"`,
			Listener: "192.0.2.1:443", Client: "2001:db8::9", ClientFrom: "an example",
			Site:      &ExplainedSite{Host: "a.test", Name: "www.a.test", Key: "listeners[0].sites[0]", Held: new("in maintenance")},
			Route:     &ExplainedRoute{Chosen: `path = "/api"`, Key: "listeners[0].sites[0].routes[1]", Path: "/api/x", ReadAs: "/api/x", CameTo: "/api", ReadTo: "/api"},
			Limit:     ExplainedLimit{RequestsPerSecond: 0.5, Burst: 3, From: "the route", Bucket: "2001:db8::/64", Tokens: new(1.9), Others: []string{"20 a second"}},
			BodyLimit: 1, BodyLimitFrom: "the site",
			Target: "/x?y", Upstreams: []string{"http://b:1", "http://c:1"}, Fields: []ExplainedField{{"Host", "www.a.test"}, {"X-A", "1"}},
			ResponseRules: []string{"set X-B: 1 (from the site)", "remove X-C (from the file)"},
		}, `GET https://www.a.test/api/x?y
  => forwarded to http://b:1 as "/x?y", by the route "/api"
  listener       192.0.2.1:443
  client         2001:db8::9, an example
  site           a.test, by the alias www.a.test (listeners[0].sites[0]), now in maintenance
  route          path = "/api" (listeners[0].sites[0].routes[1])
                 the path can be read in only one way
  rate limit     0.5 a second, burst 3 (from the route), for 2001:db8::/64; 1 token left
                 20 a second
  body limit     1 byte (from the site)
  upstream       http://b:1
                 http://c:1
  gets           /x?y
                 Host: www.a.test
                 X-A: 1
  response       set X-B: 1 (from the site)
                 remove X-C (from the file)
`},
		{"an ambiguous path is explained by a file", Explanation{
			Request: "GET https://x.w.test/a/..%2fapi", Result: "400", AnsweredBy: "host routing", Status: 400,
			Listener: "l:443", Client: "192.0.2.1", ClientFrom: "an example",
			Site:      &ExplainedSite{Host: "a.test", Name: "*.w.test", Key: "k", Held: new("")},
			Route:     &ExplainedRoute{Key: "k", Path: "/a/..%2fapi", ReadAs: "/api", ReadTo: "/api", Ambiguous: true},
			Limit:     ExplainedLimit{RequestsPerSecond: 1000000, Burst: 1, From: "the file", Bucket: "192.0.2.1"},
			BodyLimit: 0, BodyLimitFrom: "the file",
		}, `GET https://x.w.test/a/..%2fapi
  => 400
  listener       l:443
  client         192.0.2.1, an example
  site           a.test, by the wildcard *.w.test (k)
  route          none: the path is ambiguous, and upstreams may read it as different routes
                 as it came:  /a/..%2fapi -> no route
                 may be read: /api -> the route /api
  rate limit     1000000 a second, burst 1 (from the file), for 192.0.2.1
  body limit     none (from the file)
  answered by    host routing
`},
		{"two spellings of the site itself are explained", Explanation{
			Site: &ExplainedSite{Host: "a.test", Name: "a.test", Key: "k"}, Route: &ExplainedRoute{Key: "k", Path: "//", ReadAs: "/"},
		}, `
  =>
  client         ,
  site           a.test (k)
  route          none of the site's routes (k)
                 as it came:  // -> no route
                 may be read: / -> no route
  rate limit     0 a second, burst 0 (from ), for
  body limit     none (from )
`},
		{"text of an unknown host cannot forge a line", Explanation{Request: "GET\nx", Result: "404\x1b[2J", Client: "c", ClientFrom: "f"}, `GET\u000ax
  => 404\u001b[2J
  client         c, f
  site           none
  rate limit     0 a second, burst 0 (from ), for
  body limit     none (from )
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line, err := json.Marshal(ExplainResult{Status: StatusOK, Explanation: &tt.of})
			if err != nil {
				t.Fatal(err)
			}
			reply, err := renderExplain(line)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, line := range reply.out {
				got.WriteString(strings.TrimRight(line, " ") + "\n")
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%s", diff)
			}
		})
	}
}
