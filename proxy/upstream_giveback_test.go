package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// sizedUpstream answers every request with a body of as many bytes as its path says, with trailers if the path asks for
// them, and counts the requests that it has read.
func sizedUpstream(t *testing.T, requests *atomic.Int64) string {
	return scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			requests.Add(1)
			size := 0
			_, _ = fmt.Sscanf(request.URL.Path, "/%d", &size)
			body := strings.Repeat("b", size)
			if request.URL.RawQuery == "trailers" {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked(body, 1000)+"0\r\nX-Sum: 7\r\n\r\n")
				continue
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nX-Size: %d\r\nContent-Length: %d\r\n\r\n%s", size, size, body)
		}
	})
}

// TestAnUpstreamConnectionIsGivenBackWhenItsResponseWasRead uses clients that do not take their responses: the next request
// gets the same connection (S-12.7). When they finally take them, each gets its own.
func TestAnUpstreamConnectionIsGivenBackWhenItsResponseWasRead(t *testing.T) {
	for _, target := range []string{"/1000", "/16384", "/1000?trailers", "/15000?trailers"} {
		t.Run(target, func(t *testing.T) {
			var requests atomic.Int64
			d := startDaemon(t, sizedUpstream(t, &requests), "")
			closed := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			closed.request(1, "GET", target, true)
			closed.until("the head", func() bool { return len(closed.stream(1).heads) == 1 })
			waitFor(t, "the connection to be given back", func() bool { return idleConns(d.shared.upstreams) == 1 })
			other := newH2Client(t, d)
			other.request(1, "GET", "/12", true)
			if got := other.answer(1); got.body.String() != strings.Repeat("b", 12) || !strings.Contains(got.heads[0], "x-size: 12\n") {
				t.Errorf("the other client got %q and %q", got.heads, got.body.String())
			}
			if got := idleConns(d.shared.upstreams); got != 1 {
				t.Errorf("%d connections to the upstream, want the one that served both", got)
			}
			closed.sent(closed.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
			got := closed.answer(1)
			size := 0
			_, _ = fmt.Sscanf(target, "/%d", &size)
			if got.body.String() != strings.Repeat("b", size) {
				t.Errorf("got %d bytes of a body, want %d", got.body.Len(), size)
			}
			if trailers := strings.HasSuffix(target, "trailers"); trailers != (len(got.heads) == 2) || trailers && got.heads[1] != "x-sum: 7\n" {
				t.Errorf("got the heads %q", got.heads)
			}
		})
	}
}

// TestAnUpstreamConnectionIsGivenBackThoughTheClientDoesNotRead requests more over HTTP/1.1 than the kernel holds, and reads
// nothing.
func TestAnUpstreamConnectionIsGivenBackThoughTheClientDoesNotRead(t *testing.T) {
	leaks(t)
	const size, count = 10_000, 2000
	var requests atomic.Int64
	p := startPath(t, sizedUpstream(t, &requests), nil)
	conn := p.dial(t)
	_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10) // the kernel then holds little more than what is sent
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range count {
			if _, err := fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n", size); err != nil {
				return
			}
		}
	}()
	last := int64(-1)
	waitFor(t, "the exchange to wait for the client only", func() bool {
		before := last
		last = requests.Load()
		return last == before && last > 0 && idleConns(p.shared.upstreams) == 1 && p.pipeline.inFlight.Load() == 1
	})
	r := bufio.NewReader(conn)
	for i := range count {
		_ = conn.SetDeadline(time.Now().Add(patience)) // for each answer: all of them take long on a busy machine
		if response, body := readResponse(t, r, "GET"); len(body) != size || response.StatusCode != 200 {
			t.Fatalf("answer %d: status %d and %d bytes", i, response.StatusCode, len(body))
		}
	}
	<-sent
}

// TestAnExchangeThatBrokeOffLeavesNothingForTheNext has an upstream break off its response while another goroutine sends the
// request's body. The exchange, and with it the buffer of the request, may serve another client next.
func TestAnExchangeThatBrokeOffLeavesNothingForTheNext(t *testing.T) {
	p := newTestPipeline(t)
	p.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"
	r := getRequest("/first")
	r.Method, r.ContentLength, r.Body = "POST", -1, &fakeBody{parts: []string{"secret"}, err: io.EOF}
	x := p.handleOne(r, &fakeClient{})
	if !x.abort || x.call.out != nil {
		t.Errorf("abort=%v, got the buffer %v, want the answer broken off and the buffer given back", x.abort, x.call.out != nil)
	}
	x.reset(getRequest("/second"), &fakeClient{}, x.timer, 0)
	x.timer.Reset()
	p.handle(x)
	heads := p.heads()
	if last := heads[len(heads)-1]; !strings.HasPrefix(last, "GET /second ") {
		t.Errorf("got %q at the upstream for the second request, want that one", last)
	}
}
