package proxy

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// challengeSourceForTest answers one HTTP-01 challenge.
type challengeSourceForTest struct{ tableSource }

func (challengeSourceForTest) HTTPChallenge(host, path string) ([]byte, bool) {
	return []byte("token.key"), host == "a.example:80" && path == acmeChallengePrefix+"token"
}

func TestTheRedirectPort(t *testing.T) {
	for _, test := range []struct {
		name     string
		port     int
		request  string
		status   int
		location string
	}{
		{"to the default port", 443, "GET /a/b?c=d HTTP/1.1\r\nHost: A.example\r\n\r\n", 301, "https://a.example/a/b?c=d"},
		{"to another port", 8443, "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", 301, "https://a.example:8443/"},
		{"path and query byte for byte", 443, "GET //x/../%2f?q=%zz&r=a+b HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example//x/../%2f?q=%zz&r=a+b"},
		{"every method", 443, "DELETE /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/x"},
		{"an absolute-form target", 443, "GET http://b.example/y HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://b.example/y"},
		{"an IPv6 host", 443, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 301, "https://[::1]/"},
		{"OPTIONS of the server", 443, "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/"},
		{"no host", 443, "GET / HTTP/1.0\r\n\r\n", 400, ""},
		{"a host that is none", 443, "GET / HTTP/1.1\r\nHost: a.example/evil\r\n\r\n", 400, ""},
		{"a target that is not ASCII", 443, "GET /\xff HTTP/1.1\r\nHost: a.example\r\n\r\n", 400, ""},
		{"CONNECT", 443, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 405, ""},
		{"a challenge path in manual mode is redirected too", 443, "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/.well-known/acme-challenge/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &listener{config: ListenerConfig{HTTPSPort: test.port}, gate: openGate(), source: tableSource{}}
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(test.request)))
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			l.redirectHandler().ServeHTTP(w, r)
			if got := w.Header().Get("Location"); w.Code != test.status || got != test.location {
				t.Errorf("got %d to %q, want %d to %q", w.Code, got, test.status, test.location)
			}
			if body, want := w.Body.String(), statusBody(test.status); body != want {
				t.Errorf("body: got %q, want %q", body, want)
			}
		})
	}
}

func TestTheRedirectPortAnswersChallengesFirst(t *testing.T) {
	closed := newGate(0)
	for _, test := range []struct {
		name, path string
		status     int
		body       string
	}{
		{"the key authorization of a token, before the daemon serves", acmeChallengePrefix + "token", 200, "token.key"},
		{"an unknown token", acmeChallengePrefix + "other", 404, "Not Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &listener{config: ListenerConfig{HTTPSPort: 443}, gate: closed, source: challengeSourceForTest{}}
			r := httptest.NewRequest("GET", test.path, nil)
			r.Host = "a.example:80"
			w := httptest.NewRecorder()
			l.redirectHandler().ServeHTTP(w, r)
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, test.status, test.body)
			}
		})
	}
}
