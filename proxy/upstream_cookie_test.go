package proxy

import (
	"strings"
	"testing"

	"reverse-proxy/proxy/config"
)

// balancedByCookie returns a route with two upstreams.
func balancedByCookie() *config.Route {
	return &config.Route{Upstreams: config.Upstreams{{Address: "10.0.0.1:80", Weight: 1}, {Address: "10.0.0.2:80", Weight: 1}},
		Settings: config.Settings{UpstreamScheme: "http", Balance: config.BalanceCookie}}
}

// TestTheCookieDependsOnAKey checks that an address cannot be found by guessing: the tokens of two machines differ.
func TestTheCookieDependsOnAKey(t *testing.T) {
	a, b := cookieKey("key a").tokens(balancedByCookie(), "a.test"), cookieKey("key b").tokens(balancedByCookie(), "a.test")
	other := cookieKey("key a").tokens(balancedByCookie(), "b.test")
	if len(a) != 2 || a[0] == a[1] || a[0] == b[0] || a[0] == other[0] {
		t.Errorf("got the tokens %v, %v of another key and %v of another site, want them all different", a, b, other)
	}
	if again := cookieKey("key a").tokens(balancedByCookie(), "a.test"); again[0] != a[0] {
		t.Errorf("got the token %s, want %s again", again[0], a[0])
	}
	plain := balancedByCookie()
	plain.Balance = config.BalanceClient
	if got := cookieKey("key a").tokens(plain, "a.test"); got != nil {
		t.Errorf("got %v for a route without the cookie", got)
	}
}

func TestTheCookieOfARequest(t *testing.T) {
	tokens := []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"}
	for _, test := range []struct {
		cookies []string
		want    int
	}{
		{nil, -1}, {[]string{"a=b"}, -1}, {[]string{"__Host-rp=aaaaaaaaaaaa"}, 0}, {[]string{"a=b; __Host-rp=bbbbbbbbbbbb; c=d"}, 1},
		{[]string{"a=b", "__Host-rp=bbbbbbbbbbbb"}, 1}, {[]string{"__Host-rp=x.bbbbbbbbbbbb"}, 1}, {[]string{"x__Host-rp=aaaaaaaaaaaa"}, -1},
		{[]string{"__Host-rp="}, -1}, {[]string{"__Host-rp=10.0.0.1:80"}, -1}, {[]string{"__Host-rp=" + strings.Repeat(".", 60) + "aaaaaaaaaaaa"}, -1},
		{[]string{"__Host-rp=AAAAAAAAAAAA"}, -1}, {[]string{"a=__Host-rp=aaaaaaaaaaaa"}, -1},
	} {
		var fields Fields
		for _, cookie := range test.cookies {
			fields.Add("cookie", cookie)
		}
		if got := tokenIn(&Request{Fields: fields}, tokens); got != test.want {
			t.Errorf("%q: got the upstream %d, want %d", test.cookies, got, test.want)
		}
	}
}

// TestTheCookieKeepsTheTokensOfOtherRoutes checks that two routes of a site keep each other's tokens, and that nothing
// else that a client sends is sent back.
func TestTheCookieKeepsTheTokensOfOtherRoutes(t *testing.T) {
	var fields Fields
	fields.Add("Cookie", "__Host-rp=old.other.<script>.other")
	got := cookieWith(&Request{Fields: fields}, "new", func(token string) bool { return token == "other" })
	if want := "__Host-rp=new.other.other; Path=/; Secure; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	fields = nil
	fields.Add("Cookie", "__Host-rp="+strings.Repeat("other.", 1000))
	if got := cookieWith(&Request{Fields: fields}, "new", func(string) bool { return true }); len(got) > 150 {
		t.Errorf("got a cookie of %d bytes", len(got))
	}
}

// TestTheCookieIsFoundAmongSeveral checks requests over HTTP/2, in which browsers send each cookie in a field of its own
// (RFC 9113, section 8.2.3).
func TestTheCookieIsFoundAmongSeveral(t *testing.T) {
	r := &Request{Fields: Fields{{Name: "cookie", Value: "session=1"}}, Cookies: []string{"a=b", "__Host-rp=bbbbbbbbbbbb.other"}}
	if got := tokenIn(r, []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"}); got != 1 {
		t.Errorf("got the upstream %d, want 1", got)
	}
	got := cookieWith(r, "new", func(token string) bool { return token == "other" })
	if want := "__Host-rp=new.other" + cookieAttributes; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
