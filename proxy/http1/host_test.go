package http1

import (
	"strings"
	"testing"
)

func TestSplitAuthority(t *testing.T) {
	for _, test := range []struct {
		name, authority, host string
		ok                    bool
	}{
		{"a name", "git.example.com", "git.example.com", true},
		{"a name with a port", "git.example.com:8443", "git.example.com", true},
		{"a name with an empty port", "git.example.com:", "git.example.com", true},
		{"upper case is lowered", "GIT.Example.COM:443", "git.example.com", true},
		{"the root's dot is cut", "git.example.com.", "git.example.com", true},
		{"an IPv4 address", "192.0.2.1:80", "192.0.2.1", true},
		{"an IPv6 address", "[2001:DB8::1]:443", "[2001:db8::1]", true},
		{"an IPv6 address without a port", "[::1]", "[::1]", true},
		{"an underscore is accepted in a name", "_x.example.com", "_x.example.com", true},
		{"nothing", "", "", false},
		{"only a port", ":443", "", false},
		{"only a dot", ".", "", false},
		{"an empty label", "a..b", "", false},
		{"a leading dot", ".a", "", false},
		{"a port that is not a number", "a:x", "", false},
		{"a port with a sign", "a:+80", "", false},
		{"a port that is too large", "a:65536", "", false},
		{"a port of too many digits", "a:000080", "", false},
		{"two ports", "a:1:2", "", false},
		{"user information", "user@a", "", false},
		{"a path", "a/b", "", false},
		{"a space", "a b", "", false},
		{"a control character", "a\x00", "", false},
		{"a percent sign", "%61", "", false},
		{"a comma", "a,b", "", false},
		{"an unclosed bracket", "[::1", "", false},
		{"empty brackets", "[]", "", false},
		{"brackets around a name", "[name]", "", false},
		{"something after the bracket", "[::1]x", "", false},
		{"a name that is too long", strings.Repeat("a.", 128), "", false},
		{"bytes that are not ASCII", "exämple.com", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			host, ok := SplitAuthority(test.authority)
			if host != test.host || ok != test.ok {
				t.Errorf("SplitAuthority(%q): got %q, %v, want %q, %v", test.authority, host, ok, test.host, test.ok)
			}
		})
	}
}

func FuzzSplitAuthority(f *testing.F) {
	for _, seed := range []string{"a.example:443", "[::1]:1", "A.", "a:b", "@", "[", "a..b", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authority string) {
		host, ok := SplitAuthority(authority)
		if !ok {
			if host != "" {
				t.Fatalf("%q: refused, but with the host %q", authority, host)
			}
			return
		}
		if host == "" || host != strings.ToLower(host) || strings.ContainsAny(host, " \t\r\n/@?#%\"\\") {
			t.Fatalf("%q: accepted as %q", authority, host)
		}
		if again, ok := SplitAuthority(host); !ok || again != host {
			t.Fatalf("%q: the host %q is split differently: %q, %v", authority, host, again, ok)
		}
	})
}
