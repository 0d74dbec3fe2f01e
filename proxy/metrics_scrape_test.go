package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestAScrapeReportsWhatWasServed(t *testing.T) {
	upstream := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) { _, _ = io.WriteString(conn, okResponse) })
	d := startDaemon(t, upstream, "")
	site := fmt.Sprintf(`site="a.test",listener=%q`, d.listeners[0].address())
	for _, http2 := range []bool{false, true} {
		response, err := d.client(t, http2).Get("https://a.test/")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	d.raw(t, "nonsense\r\n\r\n")
	d.raw(t, "BREW / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
	var answer string
	waitFor(t, "all four to be counted", func() bool {
		answer = answerOf(scrapeOf(d.Daemon))
		return strings.Contains(answer, `reverse_proxy_requests_total{`+site+`,method="GET",status="2xx"} 2`) &&
			strings.Contains(answer, `reverse_proxy_requests_total{site="",listener="",method="other",status="4xx"} 2`)
	})
	wantSamples(t, samples(t, answer), map[string]string{
		`reverse_proxy_requests_by_protocol_total{protocol="HTTP/2"}`:          "1",
		`reverse_proxy_requests_by_protocol_total{protocol="HTTP/1.1"}`:        "3",
		`reverse_proxy_request_duration_seconds_count{` + site + `}`:           "2",
		`reverse_proxy_upstream_response_duration_seconds_count{` + site + `}`: "2",
		`reverse_proxy_response_body_bytes_total{` + site + `}`:                "10",
		`reverse_proxy_upstream_errors_total{` + site + `}`:                    "0",
		`reverse_proxy_tls_handshakes_total{result="success",version="1.3"}`:   "4",
		`reverse_proxy_config_last_reload_successful`:                          "1",
		`reverse_proxy_sites`: "1",
	})
}

// stuckWriter is a client of the health port that takes nothing of its answer until it is released.
type stuckWriter struct {
	*httptest.ResponseRecorder
	entered chan<- struct{}
	release <-chan struct{}
}

func (w stuckWriter) Write(p []byte) (int, error) {
	w.entered <- struct{}{}
	<-w.release
	return w.ResponseRecorder.Write(p)
}

func TestScrapesBeyondTheBoundAreRefusedAtOnce(t *testing.T) {
	d := startDaemon(t, rawUpstream(t, answerOK), "")
	handler := newMetricsHandler(*scrapeOf(d.Daemon))
	entered, release := make(chan struct{}), make(chan struct{})
	request := httptest.NewRequest("GET", metricsPath, nil)
	var slow sync.WaitGroup
	for range maxScrapes {
		slow.Go(func() { handler.ServeHTTP(stuckWriter{httptest.NewRecorder(), entered, release}, request) })
		<-entered
	}
	refused := httptest.NewRecorder()
	handler.ServeHTTP(refused, request)
	if refused.Code != http.StatusServiceUnavailable || refused.Header().Get("Retry-After") == "" {
		t.Errorf("got %d with the fields %v, want 503 with Retry-After", refused.Code, refused.Header())
	}
	close(release)
	slow.Wait()
	answered := httptest.NewRecorder()
	handler.ServeHTTP(answered, request)
	if answered.Code != http.StatusOK || answered.Header().Get("Content-Type") != metricsContentType {
		t.Errorf("got %d with the fields %v, want 200 and the type of the text format", answered.Code, answered.Header())
	}
}
