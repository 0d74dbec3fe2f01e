package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// startHealth serves the health port on 127.0.0.1 until the test ends and returns its address.
func startHealth(t *testing.T, draining func() bool) string {
	t.Helper()
	return startHealthWith(t, draining, http.NotFoundHandler())
}

// startHealthWith is startHealth with a handler for scrapes.
func startHealthWith(t *testing.T, draining func() bool, metrics http.Handler) string {
	t.Helper()
	others := goleak.IgnoreCurrent()
	// net/http lingers for half a second with a client whose request it did not read to the end.
	lingering := goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")
	t.Cleanup(func() { goleak.VerifyNone(t, others, lingering) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newHealthServer(newHealthHandler(draining, metrics))
	done := make(chan error, 1)
	go func() { done <- server.Serve(&healthListener{Listener: ln}) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return ln.Addr().String()
}

// sendRaw sends raw bytes on a new connection and returns the response and its body.
func sendRaw(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	return res, string(body)
}

func TestHealthPort(t *testing.T) {
	const head = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
	tests := []struct {
		name, request string
		draining      bool
		status        int
		body          string
	}{
		{"GET of the path is 200 and empty", "GET /health" + head, false, 200, ""},
		{"HEAD of the path is 200", "HEAD /health" + head, false, 200, ""},
		{"any Host is accepted", "GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n", false, 200, ""},
		{"HTTP/1.0 is accepted", "GET /health HTTP/1.0\r\n\r\n", false, 200, ""},
		{"a query makes no difference", "GET /health?full=1" + head, false, 200, ""},
		{"during shutdown it is 503", "GET /health" + head, true, 503, "Service Unavailable"},
		{"HEAD during shutdown is 503", "HEAD /health" + head, true, 503, ""},
		{"the root is 404", "GET /" + head, false, 404, "Not Found"},
		{"a longer path is 404", "GET /health/" + head, false, 404, "Not Found"},
		{"an encoded path is another one", "GET /%68ealth" + head, false, 404, "Not Found"},
		{"a path that would be cleaned is another one", "GET //health" + head, false, 404, "Not Found"},
		{"another path during shutdown is 404", "GET /" + head, true, 404, "Not Found"},
		{"POST is 404", "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", false, 404, "Not Found"},
		{"OPTIONS of everything is 404", "OPTIONS *" + head, false, 404, "Not Found"},
		{"CONNECT is 404", "CONNECT localhost:1" + head, false, 404, "Not Found"},
		{"a head that is too large is 431", "GET /health HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n",
			false, 431, "431 Request Header Fields Too Large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := startHealth(t, func() bool { return tt.draining })
			res, body := sendRaw(t, addr, tt.request)
			if res.StatusCode != tt.status || body != tt.body {
				t.Errorf("got %d and %q, want %d and %q", res.StatusCode, body, tt.status, tt.body)
			}
			if got := res.Header.Get("Server"); got != "" {
				t.Errorf("Server: got %q, want none", got)
			}
		})
	}
}

func TestHealthFollowsTheDrainOnAnOpenConnection(t *testing.T) {
	var draining atomic.Bool
	addr := startHealth(t, draining.Load)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for _, want := range []int{200, 503} {
		draining.Store(want == 503)
		io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		if res.StatusCode != want || res.Close != (want == 503) {
			t.Errorf("got %d with close %v, want %d with close %v", res.StatusCode, res.Close, want, want == 503)
		}
	}
}

func TestHealthServerIsBounded(t *testing.T) {
	s := newHealthServer(http.NotFoundHandler())
	for name, got := range map[string]time.Duration{
		"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout,
		"WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout,
	} {
		if got <= 0 || got > time.Minute {
			t.Errorf("%s: got %v, want more than 0 and at most a minute", name, got)
		}
	}
}
