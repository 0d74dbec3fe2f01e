package conformance_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// oidcProvider is an OpenID Connect provider with one user, who is logged in already.
type oidcProvider struct {
	issuer, clientID, clientSecret string
	user                           map[string]any
	key                            *rsa.PrivateKey

	mu sync.Mutex
	// nonces has the nonce of each code that was not redeemed yet.
	nonces map[string]string
	logins int
}

func newOIDCProvider(t *testing.T, issuer, clientID, clientSecret string, user map[string]any) *oidcProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &oidcProvider{issuer: issuer, clientID: clientID, clientSecret: clientSecret, user: user, key: key, nonces: map[string]string{}}
}

// ServeHTTP answers as OpenID Connect Core 1.0 and Discovery 1.0 say.
func (p *oidcProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answerJSON(w, map[string]any{
			"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token",
			"jwks_uri": p.issuer + "/keys", "userinfo_endpoint": p.issuer + "/userinfo",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	case "/keys":
		answerJSON(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(p.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.key.E)).Bytes()),
		}}})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.redeem(w, r)
	case "/userinfo":
		answerJSON(w, p.user)
	default:
		http.NotFound(w, r)
	}
}

// authorize sends the browser back with a code.
func (p *oidcProvider) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	back, err := url.Parse(query.Get("redirect_uri"))
	if err != nil || query.Get("client_id") != p.clientID || query.Get("response_type") != "code" {
		http.Error(w, "not a request of the client", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.nonces[code] = query.Get("nonce")
	p.logins++
	p.mu.Unlock()
	back.RawQuery = url.Values{"code": {code}, "state": {query.Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// redeem answers with the tokens for a code, once.
func (p *oidcProvider) redeem(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if unescaped, err := url.QueryUnescape(secret); ok && err == nil { // RFC 6749, section 2.3.1
		secret = unescaped
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	code := r.PostFormValue("code")
	p.mu.Lock()
	nonce, known := p.nonces[code]
	delete(p.nonces, code)
	p.mu.Unlock()
	if id != p.clientID || secret != p.clientSecret || !known {
		http.Error(w, `{"error": "invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": p.issuer, "aud": p.clientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": nonce}
	for name, value := range p.user {
		claims[name] = value
	}
	answerJSON(w, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600, "id_token": p.sign(claims),
	})
}

// sign returns a JWT with the claims (RFC 7515, RS256).
func (p *oidcProvider) sign(claims map[string]any) string {
	part := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // the claims are the test's own
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]any{"alg": "RS256", "typ": "JWT", "kid": "1"}) + "." + part(claims)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, hash[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// loginCount returns how often somebody was sent back with a code.
func (p *oidcProvider) loginCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logins
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the test fails anyway if this does
}
