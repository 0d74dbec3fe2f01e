package conformance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestTheConfigurationForAuthelia runs the configuration of docs/access.md with a stand-in for Authelia, which cannot be had as a Go
// module. A browser is sent to the login page on another host, and comes back with its session.
func TestTheConfigurationForAuthelia(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	config := configurationWith(t, "access.md", "127.0.0.1:9091")
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(config)
	m.configure(config)
	m.upstream("127.0.0.1:9091", http.HandlerFunc(autheliaStandIn))
	m.upstream("127.0.0.1:3000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got []string
		for name, values := range r.Header {
			if spelled := strings.ReplaceAll(strings.ToLower(name), "_", "-"); strings.HasPrefix(spelled, "remote-") {
				got = append(got, name+"="+strings.Join(values, "+"))
			}
		}
		_, _ = fmt.Fprintf(w, "%d %s %s %s", len(got), r.Header.Get("Remote-User"), r.Header.Get("Remote-Groups"), r.RequestURI)
	}))
	m.start()
	t.Cleanup(m.stop)
	ann := m.browser()
	spoofed := http.Header{"Accept": {"text/html"}, "Remote-User": {"eve"}, "Remote_Groups": {"admins"}, "X-Forwarded-Uri": {"/public"}}
	const want = "4 ann staff /a%20page?b=c&d"
	for _, sent := range []http.Header{spoofed, nil} { // the second with the session of the first
		if status, body := ann.get("https://app.example.com/a%20page?b=c&d", sent); status != http.StatusOK || body != want {
			t.Errorf("got %d and %q, want 200 and %q", status, body, want)
		}
	}
	if status, body := m.browser().get("https://app.example.com/", http.Header{"X-Requested-With": {"XMLHttpRequest"}}); status != http.StatusUnauthorized {
		t.Errorf("got %d and %q for a script without a session, want 401", status, body)
	}
}

// autheliaStandIn answers as Authelia does at its endpoint for forward-auth, and signs in everybody who visits its page.
func autheliaStandIn(w http.ResponseWriter, r *http.Request) {
	const session = "authelia_session"
	if r.URL.Path != "/api/authz/forward-auth" {
		http.SetCookie(w, &http.Cookie{Name: session, Value: "1", Domain: "example.com", Path: "/", Secure: true, HttpOnly: true})
		http.Redirect(w, r, r.URL.Query().Get("rd"), http.StatusFound)
		return
	}
	method, proto, host, uri := r.Header.Get("X-Forwarded-Method"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Forwarded-Uri")
	cookie, err := r.Cookie(session)
	switch {
	case method == "" || proto != "https" || host == "" || !strings.HasPrefix(uri, "/"):
		w.WriteHeader(http.StatusBadRequest)
	case err == nil && cookie.Value == "1":
		for name, value := range map[string]string{"Remote-User": "ann", "Remote-Groups": "staff", "Remote-Name": "Ann", "Remote-Email": "ann@example.com"} {
			w.Header().Set(name, value)
		}
	case r.Header.Get("X-Requested-With") == "XMLHttpRequest" || !strings.Contains(r.Header.Get("Accept"), "text/html"):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		query := url.Values{"rd": {proto + "://" + host + uri}, "rm": {method}}
		http.Redirect(w, r, "https://auth.example.com/?"+query.Encode(), http.StatusFound)
	}
}
