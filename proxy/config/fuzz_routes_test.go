package config

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"reverse-proxy/proxy/routing"
)

// FuzzRedirect looks for a target that is accepted and yields a Location that is not a URL, or that leads to a host
// that is neither in the target nor that of the request.
func FuzzRedirect(f *testing.F) {
	for _, target := range []string{"/new{path}{query}", "https://example.com:8443/a%20b{query}#top", "https://{host}{path}", "http://[2001:db8::1]:80", "//evil.example", "/{path}",
		"https://{host}.example/", "https://example.com:0/", "https://a@b/", "/100%{query}", "https://example.com{query}", "/\\evil.example", "https://1.2.3.4.5/", "https://[::1%25eth0]/"} {
		f.Add(target, "/x%2fy;z", "?a=b#")
	}
	f.Fuzz(func(t *testing.T, target, path, query string) {
		v := &validator{configProblems: newConfigProblems(nil)}
		if v.redirect("redirect", target) == "" {
			if len(v.errs) != 1 {
				t.Errorf("%q: got the errors %v, want one", target, v.errs)
			}
			return
		}
		location, _ := routing.ParseLocation(target)
		text, ok := location.Append(nil, "request.example", "/"+path+query)
		if !ok {
			return
		}
		made, err := url.Parse(string(text))
		if err != nil && !strings.Contains(target, "{path}") && !strings.Contains(target, "{query}") {
			t.Errorf("%q: got the Location %q, which is no URL: %v", target, text, err)
		}
		if err != nil {
			return // the client's request was not a URL either
		}
		if strings.HasPrefix(target, "/") {
			if made.Scheme != "" || made.Host != "" || len(text) > 1 && (text[1] == '/' || text[1] == '\\') {
				t.Errorf("%q: got the Location %q, want a path", target, text)
			}
			return
		}
		_, rest, _ := strings.Cut(target, "://")
		if host := made.Host; made.User != nil || host != "request.example" && !strings.HasPrefix(rest, host) || host == "" {
			t.Errorf("%q: got the Location %q, which leads to %q", target, text, made.Host)
		}
		if port := made.Port(); port != "" {
			if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
				t.Errorf("%q: got the port %q", target, port)
			}
		}
	})
}

// FuzzRoutePath looks for a path that is refused and gets a suggestion that is not valid either.
func FuzzRoutePath(f *testing.F) {
	for _, path := range []string{"/api", "api/", "/a?b#c", "/%61%2f..%5cb", "//", `\\a`, "/a;b/../c;d", "/\xff", "", "/%", "/ä/.."} {
		f.Add(path, false)
		f.Add(path, true)
	}
	f.Fuzz(func(t *testing.T, path string, exact bool) {
		v := &validator{configProblems: newConfigProblems(nil)}
		raw := rawRoute{Path: &path}
		if exact {
			raw = rawRoute{PathExact: &path}
		}
		got, _ := v.routePath("routes[0]", raw)
		if (got == "") != (len(v.errs) == 1) || got != "" && (got != path || routing.PathProblem(got, exact) != "") {
			t.Fatalf("%q: got the path %q and the errors %v", path, got, v.errs)
		}
		if got != "" {
			return
		}
		write := v.errs[0].Problem[strings.LastIndex(v.errs[0].Problem, "write ")+len("write "):]
		if strings.HasPrefix(write, "one as in ") || strings.HasPrefix(write, "the path, as in ") {
			return
		}
		meant, err := strconv.Unquote(write)
		if err != nil || routing.PathProblem(meant, exact) != "" && !strings.HasSuffix(meant, "…") {
			t.Errorf("%q: got the suggestion %s, which is not the path of a route", path, write)
		}
	})
}
