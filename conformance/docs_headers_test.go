package conformance_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// talkativeUpstream answers with fields that sites want to be rid of, and with the fields of the request as JSON.
func talkativeUpstream(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{"X-Powered-By": "PHP", "X-AspNet-Version": "4", "X-Runtime": "0.1", "X-Generator": "x", "X-Frame-Options": "SAMEORIGIN", "X-Request-Id": "own"} {
		w.Header().Set(name, value)
	}
	if r.URL.Path == "/own" {
		w.Header().Set("Content-Security-Policy", "own")
		w.Header().Set("Cache-Control", "private")
	}
	fields := map[string]string{"Host": r.Host}
	for name := range r.Header {
		fields[name] = strings.Join(r.Header.Values(name), "|")
	}
	_ = json.NewEncoder(w).Encode(fields)
}

// documentedHeaders says what the configuration of docs/header-rules.md makes of a request: fields of the response, and with
// `> ` fields that the upstream gets. "" means none.
var documentedHeaders = []struct {
	url  string
	want map[string]string
}{
	{"www.example.com/", map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin-when-cross-origin", "X-Powered-By": "",
		"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Strict-Transport-Security": "", "> Host": "www.example.com"}},
	{"www.example.com/own", map[string]string{"X-Frame-Options": "DENY", "Cache-Control": "private"}},
	{"www.example.com/embed/a", map[string]string{"X-Frame-Options": "", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}},
	{"unknown.example.com/", map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": ""}},
	{"hsts.example.com/", map[string]string{"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff"}},
	{"csp.example.com/", map[string]string{"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}},
	{"csp.example.com/own", map[string]string{"Content-Security-Policy": "own"}},
	{"test.example.com/", map[string]string{"X-Robots-Tag": "noindex, nofollow"}},
	{"quiet.example.com/", map[string]string{"X-Powered-By": "", "X-Aspnet-Version": "", "X-Runtime": "", "X-Generator": "", "X-Frame-Options": "SAMEORIGIN"}},
	{"legacy.example.com/", map[string]string{"> Host": "intranet.local", "> X-Original-Host": "legacy.example.com", "> Authorization": "", "> X-Forwarded-Host": "legacy.example.com"}},
	{"reports.example.com/", map[string]string{"Nel": `{"report_to":"default","max_age":86400}`,
		"Report-To": `{"group":"default","max_age":86400,"endpoints":[{"url":"https://reports.example.com/reports"}]}`}},
}

// TestTheExamplesOfHeaderRules starts the configuration of docs/header-rules.md and looks at what both sides receive.
func TestTheExamplesOfHeaderRules(t *testing.T) {
	all := configurations(documents(t)["header-rules.md"])
	port := sharedPort(t)
	text := strings.NewReplacer(
		`bind_addr = "203.0.113.10"`, fmt.Sprintf("bind_addr = \"127.0.0.1\"\nhttp_port = 0\nhttps_port = %d", port),
		`"127.0.0.1:3000"`, fmt.Sprintf("%q", startUpstream(t, http.HandlerFunc(talkativeUpstream))),
	).Replace("health_check_port = 0\nadmin_socket_path = \"\"\n" + all[len(all)-1])
	log := startBinary(t, text)
	awaitAnswer(t, fmt.Sprintf("https://127.0.0.1:%d/", port), log)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "www.example.com"}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
		},
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	ask := func(url string) (http.Header, map[string]string) {
		request, err := http.NewRequest(http.MethodGet, "https://"+url, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Basic YTpi")
		resp, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s: %v\n%s", url, err, lastBytes(log))
		}
		defer resp.Body.Close()
		var received map[string]string
		if resp.StatusCode == http.StatusOK {
			if err := json.NewDecoder(resp.Body).Decode(&received); err != nil {
				t.Fatal(err)
			}
		}
		return resp.Header, received
	}
	for _, c := range documentedHeaders {
		header, received := ask(c.url)
		for name, want := range c.want {
			got := strings.Join(header.Values(name), "|")
			if sent, ok := strings.CutPrefix(name, "> "); ok {
				got = received[sent]
			}
			if got != want {
				t.Errorf("%s: got %s: %q, want %q", c.url, name, got, want)
			}
		}
	}
	header, received := ask("traced.example.com/")
	if id := header.Get("X-Request-Id"); id != received["X-Request-Id"] || !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) {
		t.Errorf("got the IDs %q and %q, want one", id, received["X-Request-Id"])
	}
}
