package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"strings"

	"reverse-proxy/proxy/config"
)

const (
	// balanceCookie is the name of the cookie that tells which upstream serves a browser (S-18.9).
	balanceCookie = "__Host-rp"
	// cookieAttributes follow the cookie's value. The prefix of the name requires the first two, and forbids Domain
	// (RFC 6265bis).
	cookieAttributes = "; Path=/; Secure; HttpOnly; SameSite=Lax"
	// tokenBytes is the length of a token before its encoding. maxTokens is how many routes of a site a cookie can have
	// tokens for.
	tokenBytes = 9
	maxTokens  = 8
	// machineIDPath is a file with a random number that identifies the machine. It must not leave the machine unhashed
	// (machine-id(5)).
	machineIDPath = "/etc/machine-id"
)

// cookieKey is the secret with which cookies name upstreams without revealing their addresses.
type cookieKey []byte

// newCookieKey derives the key from the machine's ID, so that cookies survive a restart. Without an ID the key is
// random.
func newCookieKey() cookieKey {
	id, err := os.ReadFile(machineIDPath)
	if id = []byte(strings.TrimSpace(string(id))); err != nil || len(id) < 32 {
		id = []byte(rand.Text())
	}
	key := hmac.New(sha256.New, id)
	key.Write([]byte("reverse-proxy " + balanceCookie))
	return key.Sum(nil)
}

// tokens returns the token of each upstream of a route, or nil if the route does not balance by cookie.
func (k cookieKey) tokens(of *config.Route, host string) []string {
	if of.Balance != config.BalanceCookie || len(of.Upstreams) < 2 {
		return nil
	}
	tokens := make([]string, len(of.Upstreams))
	for i, upstream := range of.Upstreams {
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(host + "\n" + of.UpstreamScheme + "\n" + upstream.Address))
		tokens[i] = base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:tokenBytes])
	}
	return tokens
}

// cookieValue returns the value of the proxy's cookie in a request, or "". Over HTTP/2 each cookie may have its own
// field.
func cookieValue(r *Request) string {
	for i := range r.Fields {
		if field := &r.Fields[i]; strings.EqualFold(field.Name, "Cookie") {
			if value := cookieValueIn(field.Value); value != "" {
				return value
			}
		}
	}
	for _, cookies := range r.Cookies {
		if value := cookieValueIn(cookies); value != "" {
			return value
		}
	}
	return ""
}

// cookieValueIn is cookieValue for the value of one field.
func cookieValueIn(cookies string) string {
	for cookies != "" {
		var pair string
		pair, cookies, _ = strings.Cut(cookies, ";")
		if value, ok := strings.CutPrefix(strings.TrimLeft(pair, " "), balanceCookie+"="); ok {
			return value
		}
	}
	return ""
}

// tokenIn returns the index of the first of the tokens that a request's cookie holds, or -1 if it holds none. It
// ignores anything that is not a token of this route.
func tokenIn(r *Request, tokens []string) int {
	value := cookieValue(r)
	for n := 0; value != "" && n < maxTokens; n++ {
		var held string
		held, value, _ = strings.Cut(value, ".")
		for i, token := range tokens {
			if held == token {
				return i
			}
		}
	}
	return -1
}

// cookieWith returns the Set-Cookie value with the token of the upstream that served a request. It keeps the cookie's
// tokens of other routes, which known recognizes.
func cookieWith(r *Request, token string, known func(token string) bool) string {
	value := token
	rest := cookieValue(r)
	for n := 1; rest != "" && n < maxTokens; {
		var held string
		held, rest, _ = strings.Cut(rest, ".")
		if known(held) {
			value += "." + held
			n++
		}
	}
	return balanceCookie + "=" + value + cookieAttributes
}
