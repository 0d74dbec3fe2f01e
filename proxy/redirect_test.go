package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// challengeSourceForTest answers one HTTP-01 challenge.
type challengeSourceForTest struct{ tableSource }

func (*challengeSourceForTest) AsksCA() bool { return true }

func (*challengeSourceForTest) HTTPChallenge(host, path string) ([]byte, bool) {
	return []byte("token.key"), host == "a.example:80" && path == acmeChallengePrefix+"token"
}

// redirectPort answers the requests of one connection as a redirect port does, and returns what it sends.
func redirectPort(t *testing.T, r *redirector, request string) (head, body string) {
	t.Helper()
	leaks(t)
	registry := newRegistryTest(10)
	s := &siteServer{registry: registry.connRegistry, handler: r, log: r.log, headerTimeout: time.Minute, idleTimeout: time.Minute}
	tcp, client := tcpPair(t)
	ticket, _ := registry.admit(registry.newClient())
	served := make(chan struct{})
	go func() { defer close(served); s.serveConn(tcp, ticket); s.conns.Wait() }()
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	<-served
	head, body, _ = strings.Cut(string(answer), "\r\n\r\n")
	return head + "\r\n", body
}

func TestTheRedirectPort(t *testing.T) {
	logger := eventlogtest.Open(t, eventlog.New, eventlog.Options{}, io.Discard)
	for _, test := range []struct {
		name     string
		port     int
		request  string
		status   int
		location string
	}{
		{"the default port is left out", 443, "GET /a/b?c=d HTTP/1.1\r\nHost: A.example\r\n\r\n", 301, "https://a.example/a/b?c=d"},
		{"another port is named", 8443, "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", 301, "https://a.example:8443/"},
		{"path and query keep every byte", 443, "GET //x/../%2f?q=%zz&r=a+b HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example//x/../%2f?q=%zz&r=a+b"},
		{"a URL in the query is not an authority", 443, "GET /r?to=http://b/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/r?to=http://b/"},
		{"every method is redirected", 443, "DELETE /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/x"},
		{"HEAD has no body", 443, "HEAD /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/x"},
		{"HTTP/1.0", 443, "GET /x HTTP/1.0\r\nHost: a.example\r\n\r\n", 301, "https://a.example/x"},
		{"an absolute-form target names the host", 443, "GET http://b.example/y HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://b.example/y"},
		{"an absolute-form target without a path gets the root", 443, "GET http://b.example?q HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://b.example/?q"},
		{"an IPv6 host keeps its brackets", 443, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 301, "https://[::1]/"},
		{"OPTIONS of the server gets the root", 443, "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/"},
		{"a missing host is a 400", 443, "GET / HTTP/1.0\r\n\r\n", 400, ""},
		{"an invalid host is a 400", 443, "GET / HTTP/1.1\r\nHost: a.example/evil\r\n\r\n", 400, ""},
		{"a target that is not ASCII is a 400", 443, "GET /\xff HTTP/1.1\r\nHost: a.example\r\n\r\n", 400, ""},
		{"bytes that are not a request are a 400", 443, "\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, ""},
		{"CONNECT is refused", 443, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 405, ""},
		{"TRACE is refused", 443, "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n", 405, ""},
		{"a challenge path in manual mode is redirected too", 443, "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 301, "https://a.example/.well-known/acme-challenge/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			head, body := redirectPort(t, newRedirector(test.port, &tableSource{}, openGate(), logger, time.Minute), test.request)
			if !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", test.status)) || !strings.Contains(head, "\r\nConnection: close\r\n") {
				t.Errorf("got the head %q, want the status %d and the end of the connection", head, test.status)
			}
			if test.location != "" && !strings.Contains(head, "\r\nLocation: "+test.location+"\r\n") {
				t.Errorf("got the head %q, want the Location %s", head, test.location)
			}
			want := statusBody(test.status)
			if strings.HasPrefix(test.request, "HEAD ") {
				want = ""
			}
			if body != want {
				t.Errorf("body: got %q, want %q", body, want)
			}
		})
	}
}

func TestTheRedirectPortAnswersChallengesFirst(t *testing.T) {
	logger := eventlogtest.Open(t, eventlog.New, eventlog.Options{}, io.Discard)
	for _, test := range []struct {
		name, path, want string
	}{
		{"a token gets its key authorization before the daemon serves", "token", "HTTP/1.1 200 OK\r\n…Content-Type: application/octet-stream\r\n…token.key"},
		{"an unknown token is a 404", "other", "HTTP/1.1 404 Not Found\r\n…Content-Type: text/plain; charset=utf-8\r\n…Not Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			head, body := redirectPort(t, newRedirector(443, &challengeSourceForTest{}, newGate(0), logger, time.Minute),
				"GET "+acmeChallengePrefix+test.path+" HTTP/1.1\r\nHost: a.example:80\r\n\r\n")
			want := strings.Split(test.want, "…")
			if !strings.HasPrefix(head, want[0]) || !strings.Contains(head, want[1]) || body != want[2] {
				t.Errorf("got %q and %q, want %q", head, body, want)
			}
		})
	}
}

func TestTheRedirectPortHoldsEverybodyElseBackUntilTheDaemonServes(t *testing.T) {
	logger := eventlogtest.Open(t, eventlog.New, eventlog.Options{}, io.Discard)
	for _, test := range []struct{ name, request string }{
		{"a request waits", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"},
		{"a request without a host waits", "GET / HTTP/1.1\r\n\r\n"},
		{"a request of another version waits", "GET / HTTP/1.2\r\nHost: a.example\r\n\r\n"},
		{"bytes that are not a request wait", "\x16\x03\x01\x02\x00\x01\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			head, body := redirectPort(t, newRedirector(443, &challengeSourceForTest{}, newGate(0), logger, time.Minute), test.request)
			if head != "\r\n" || body != "" {
				t.Errorf("got %q and %q, want no answer", head, body)
			}
		})
	}
}
