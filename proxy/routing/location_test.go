package routing

import (
	"net/url"
	"strings"
	"testing"
)

func TestALocationIsMadeOfTheRequest(t *testing.T) {
	for _, test := range []struct{ text, host, target, want string }{
		{"https://example.com/new{path}{query}", "a.test", "/old/x?y=1", "https://example.com/new/old/x?y=1"},
		{"https://example.com{path}", "a.test", "/old?y", "https://example.com/old"},
		{"https://{host}/x{query}", "a.test", "/old", "https://a.test/x"},
		{"http://{host}:8080", "a.test", "/", ""},
		{"https://[::1]:8443/{host}", "a.test", "/", "https://[::1]:8443/a.test"},
		{"/new{path}{query}", "a.test", "//evil.test/%2f..?a?b", "/new//evil.test/%2f..?a?b"},
		{"/", "a.test", "/x", "/"},
		{"https://{host}{query}", "a.test", "/x?", "https://a.test?"},
		{"https://example.com/#part", "a.test", "/x", "https://example.com/#part"},
		{"/x{path}", "a.test", "/ü", ""}, {"/x{query}", "a.test", "/ü", "/x"}, {"/x{query}", "a.test", "/?\x80", ""},
	} {
		location, problem := ParseLocation(test.text)
		if problem != "" {
			if test.want != "" {
				t.Errorf("%s: got the problem %q", test.text, problem)
			}
			continue
		}
		got, ok := location.Append(nil, test.host, test.target)
		if ok != (test.want != "") || ok && string(got) != test.want {
			t.Errorf("%s for %s%s: got %s, %v, want %q", test.text, test.host, test.target, got, ok, test.want)
		}
	}
}

func TestALocationThatLeadsElsewhereIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "x", "{path}", "{host}/x", "//evil.test", "/{path}", "/{host}", `/\evil.test`, "ftp://a.test/", "HTTPS//x", "https://", "https:///x", "https://{path}", "https://{host}.evil.test/",
		"https://a{host}/", "https://example.com.{host}", "https://user@example.com/", "https://{host}@evil.test", `https://a.test\x`, "javascript:alert(1)", "/x{unknown}", "/x{", "/x{path", "/x y", "/ü", "/x\n", "https://{host}:{path}",
	} {
		if location, problem := ParseLocation(text); problem == "" {
			t.Errorf("%q: got %+v, want a problem", text, location)
		}
	}
}

// FuzzLocation checks that a redirect leads only to the host in its target or to the request's own host.
func FuzzLocation(f *testing.F) {
	for _, text := range []string{"https://example.com/new{path}{query}", "https://{host}{path}", "/new{path}", "/x{host}", "https://example.com{query}", "/.{path}"} {
		for _, target := range []string{"/", "//evil.test", `/\evil.test`, "/x?y", "/@evil.test", "/.evil.test", "/%0d%0aX: y", "/ü", "?x"} {
			f.Add(text, target)
		}
	}
	f.Fuzz(func(t *testing.T, text, target string) {
		location, problem := ParseLocation(text)
		if problem != "" || !strings.HasPrefix(target, "/") {
			t.Skip()
		}
		written, _ := location.Append(nil, "own.test", "/")
		got, ok := location.Append(nil, "own.test", target)
		if !ok {
			return
		}
		if !isVisibleASCII(string(got)) {
			t.Fatalf("got %q, which cannot be a field's value", got)
		}
		base := &url.URL{Scheme: "https", Host: "own.test"}
		want, err := base.Parse(string(written))
		if err != nil {
			t.Skip()
		}
		if to, err := base.Parse(string(got)); err == nil && (to.Host != want.Host || to.User != nil) {
			t.Fatalf("%q for %q: got a redirect to %q, want one to %q", text, target, to.Host, want.Host)
		}
	})
}
