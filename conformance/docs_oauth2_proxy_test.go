package conformance_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The issuer and the credentials in the configuration of oauth2-proxy in docs/access.md.
const (
	oidcIssuer = "https://login.example.com"
	oidcClient = "app"
	oidcSecret = "the secret of the client at the provider"
)

// TestOAuth2Proxy runs both configurations of docs/access.md: the proxy asks a real oauth2-proxy about each request, and a browser
// is sent to an OpenID Connect provider and back.
func TestOAuth2Proxy(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	program := moduleTools(t, "oauth2proxy", "github.com/oauth2-proxy/oauth2-proxy/v7")[0]
	config := configurationWith(t, "access.md", "127.0.0.1:4180")
	// The provider is on the machine itself, without TLS.
	const issuer = "http://127.0.0.1:5556"
	service := blocks(t, "access.md", "cfg")[0]
	if strings.Count(service, oidcIssuer) != 1 {
		t.Fatalf("got the configuration\n%s\nwant the issuer %s once", service, oidcIssuer)
	}
	service = strings.ReplaceAll(service, oidcIssuer, issuer)

	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	provider := newOIDCProvider(t, issuer, oidcClient, oidcSecret,
		map[string]any{"sub": "1001", "email": "ann@example.com", "email_verified": true, "name": "Ann"})
	m.upstream("127.0.0.1:5556", provider)
	m.upstream("127.0.0.1:3000", http.HandlerFunc(answerIdentity))
	path := filepath.Join(m.dir, "work", "oauth2-proxy.cfg")
	if err := os.WriteFile(path, []byte(service+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.background(program, "--config", path)
	m.await("curl -sf http://127.0.0.1:4180/ping")
	m.start()
	t.Cleanup(m.stop)

	eve := m.browser()
	spoofed := http.Header{"X-Auth-Request-User": {"1"}, "X-Auth-Request-Email": {"eve@example.com"}, "X_Auth_Request_Email": {"eve@example.com"},
		"X-Forwarded-User": {"eve"}, "X-Forwarded-Uri": {"/oauth2/sign_in"}, "X-Forwarded-Email": {"eve@example.com"}}
	t.Run("a program without a session gets 401", func(t *testing.T) {
		header := spoofed.Clone()
		header.Set("Accept", "application/json")
		if status, body := eve.get("https://app.example.com/", header); status != http.StatusUnauthorized || strings.Contains(body, "identity") {
			t.Errorf("got %d and %q, want 401", status, body)
		}
	})
	ann := m.browser()
	const page = "https://app.example.com/a%20page?b=c&d"
	t.Run("a browser is sent to the provider and back to the page", func(t *testing.T) {
		status, body := ann.get(page, spoofed)
		if want := "identity 1001 ann@example.com []\n/a%20page?b=c&d\n"; status != http.StatusOK || body != want {
			t.Errorf("got %d and %q, want 200 and %q", status, body, want)
		}
		if logins := provider.loginCount(); logins != 1 {
			t.Errorf("got %d logins at the provider, want 1", logins)
		}
	})
	t.Run("the session lets the next requests in, as the user that it belongs to", func(t *testing.T) {
		for range 3 {
			status, body := ann.get(page, spoofed)
			if want := "identity 1001 ann@example.com []\n/a%20page?b=c&d\n"; status != http.StatusOK || body != want {
				t.Errorf("got %d and %q, want 200 and %q", status, body, want)
			}
		}
		if logins := provider.loginCount(); logins != 1 {
			t.Errorf("got %d logins at the provider, want 1", logins)
		}
	})
	t.Run("an invented session is worth nothing", func(t *testing.T) {
		header := http.Header{"Cookie": {"_oauth2_proxy=YW5u|1|x"}, "Accept": {"application/json"}}
		if status, _ := eve.get("https://app.example.com/", header); status != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", status)
		}
	})
	t.Run("who signs out has to sign in again", func(t *testing.T) {
		status, body := ann.get("https://app.example.com/oauth2/sign_out?rd=/", http.Header{"Accept": {"application/json"}})
		if status != http.StatusUnauthorized || provider.loginCount() != 1 {
			t.Errorf("got %d, %q and %d logins, want 401 and one", status, body, provider.loginCount())
		}
	})
}

// answerIdentity is the application. It answers with the user that oauth2-proxy vouches for, with the fields that it
// received and that others could take for the user, and with the target of the request.
func answerIdentity(w http.ResponseWriter, r *http.Request) {
	const user, email = "X-Auth-Request-User", "X-Auth-Request-Email"
	var others []string
	for name := range r.Header {
		spelled := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if name != user && name != email && (strings.HasPrefix(spelled, "x-auth-request-") || strings.HasPrefix(spelled, "x-forwarded-user") || strings.HasPrefix(spelled, "x-forwarded-email")) {
			others = append(others, name)
		}
	}
	_, _ = fmt.Fprintf(w, "identity %s %s %v\n%s\n", strings.Join(r.Header.Values(user), "+"), strings.Join(r.Header.Values(email), "+"), others, r.RequestURI)
}

// browser keeps cookies and follows redirects.
type browser struct {
	t      *testing.T
	client *http.Client
}

// browser returns one that reaches all names at the machine's public address.
func (m *machine) browser() *browser {
	m.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if net.ParseIP(host) == nil {
				host = "192.0.2.10"
			}
			return m.dial(net.JoinHostPort(host, port), nil), nil
		},
	}
	m.t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: m.t, client: &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}}
}

// get fetches a URL and returns the status and the body of the last response.
func (b *browser) get(url string, header http.Header) (int, string) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
