package proxy

import "testing"

func TestOriginForm(t *testing.T) {
	for _, test := range []struct{ name, target, want string }{
		{"origin-form stays", "/a//b/../%2f?q=%20", "/a//b/../%2f?q=%20"},
		{"absolute-form loses scheme and authority", "http://a.example:80/x?y", "/x?y"},
		{"absolute-form without a path", "https://a.example", "/"},
		{"absolute-form with a query and no path", "http://a.example?q", "/?q"},
		{"a URL in the query is no authority", "/r?to=http://b/", "/r?to=http://b/"},
		{"asterisk-form stays", "*", "*"},
		{"two slashes are a path", "//a/b", "//a/b"},
		{"authority-form stays", "a.example:443", "a.example:443"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := originForm(test.target); got != test.want {
				t.Errorf("originForm(%q): got %q, want %q", test.target, got, test.want)
			}
		})
	}
}
