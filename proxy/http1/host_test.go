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
		{"a name is split", "git.example.com", "git.example.com", true},
		{"a name with a port is split", "git.example.com:8443", "git.example.com", true},
		{"a name with an empty port is split", "git.example.com:", "git.example.com", true},
		{"upper case is lowered", "GIT.Example.COM:443", "git.example.com", true},
		{"the root's dot is cut", "git.example.com.", "git.example.com", true},
		{"an IPv4 address is split", "192.0.2.1:80", "192.0.2.1", true},
		{"an IPv6 address is split", "[2001:DB8::1]:443", "[2001:db8::1]", true},
		{"an IPv6 address without a port is split", "[::1]", "[::1]", true},
		{"an underscore is accepted in a name", "_x.example.com", "_x.example.com", true},
		{"an empty text is refused", "", "", false},
		{"a port without a name is refused", ":443", "", false},
		{"a lone dot is refused", ".", "", false},
		{"an empty label is refused", "a..b", "", false},
		{"a leading dot is refused", ".a", "", false},
		{"a port that is not a number is refused", "a:x", "", false},
		{"a port with a sign is refused", "a:+80", "", false},
		{"a port that is too large is refused", "a:65536", "", false},
		{"a port of too many digits is refused", "a:000080", "", false},
		{"two ports are refused", "a:1:2", "", false},
		{"user information is refused", "user@a", "", false},
		{"a path is refused", "a/b", "", false},
		{"a space is refused", "a b", "", false},
		{"a control character is refused", "a\x00", "", false},
		{"a percent sign is refused", "%61", "", false},
		{"a comma is refused", "a,b", "", false},
		{"an unclosed bracket is refused", "[::1", "", false},
		{"empty brackets are refused", "[]", "", false},
		{"brackets around a name are refused", "[name]", "", false},
		{"something after the bracket is refused", "[::1]x", "", false},
		{"a name that is too long is refused", strings.Repeat("a.", 128), "", false},
		{"bytes that are not ASCII are refused", "exämple.com", "", false},
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
