package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http2"
)

// refusingH2 is an upstream that processes no request, and says so with answer. It counts the requests.
func refusingH2(t *testing.T, answer func(out []byte, stream uint32) []byte) (address string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	return scriptedH2(t, func(conn net.Conn) {
		serveFrames(conn, func(h http2.Header, out []byte) []byte {
			if h.Type != http2.TypeHeaders {
				return out
			}
			requests.Add(1)
			return answer(out, h.Stream)
		})
	}), requests
}

// TestARequestThatWasNotActedOnGoesElsewhere sends requests to an upstream that refuses them, like one that is about to
// end, and then to another one, as route.ask does. A request whose method may not be repeated may follow only if the
// first upstream has certainly not processed it, and only with its whole body.
func TestARequestThatWasNotActedOnGoesElsewhere(t *testing.T) {
	refused := func(out []byte, stream uint32) []byte {
		return http2.AppendRSTStream(out, stream, http2.RefusedStream)
	}
	goAway := func(out []byte, _ uint32) []byte { return http2.AppendGoAway(out, 0, http2.NoError) }
	failed := func(out []byte, stream uint32) []byte {
		return http2.AppendRSTStream(out, stream, http2.InternalError)
	}
	for _, test := range []struct {
		name    string
		answer  func(out []byte, stream uint32) []byte
		request Request
		body    bodySource
		want    string // the answer of the other upstream; "" if it must not be asked
	}{
		{"a POST that is refused goes elsewhere", refused, Request{Method: "POST", ContentLength: 4}, bodyOf("body"), "POST body"},
		{"a POST that is cut off by GOAWAY goes elsewhere", goAway, Request{Method: "POST", ContentLength: 4}, bodyOf("body"), "POST body"},
		{"a POST without a body goes elsewhere", refused, Request{Method: "POST"}, nil, "POST "},
		{"an unknown method goes elsewhere", refused, Request{Method: "BREW"}, nil, "BREW "},
		{"a GET that fails goes elsewhere", failed, Request{Method: "GET"}, nil, "GET "},
		{"a POST that fails does not", failed, Request{Method: "POST", ContentLength: 4}, bodyOf("body"), ""},
		{"a POST of whose body too much was sent does not", refused, Request{Method: "POST", ContentLength: -1},
			&fakeBody{parts: []string{strings.Repeat("a", 1<<20), strings.Repeat("b", 1<<20)}, err: io.EOF}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			first, requests := refusingH2(t, test.answer)
			_, call := sharedCalls(t, first, 10)
			_, other := sharedCalls(t, h2Server(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body) // an incomplete one differs
				_, _ = io.WriteString(w, r.Method+" "+string(body))
			}), 10)
			c := call()
			test.request.Target, test.request.Authority = "/", "a.test"
			c.prepareAlone(&test.request, test.body)
			c.triesLeft = 1
			_, err := c.roundTrip()
			var failed *h2client.Error
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want an error of HTTP/2", err)
			}
			goes := c.mayGoElsewhere(err)
			if want := test.want != ""; goes != want {
				t.Errorf("may go elsewhere: got %v, want %v", goes, want)
			}
			if !goes {
				c.releaseOut()
				return
			}
			c.to, c.triesLeft = other().to, 0
			conn, err := c.roundTrip()
			if err != nil {
				t.Fatal(err)
			}
			if status, got, err := c.receiveAlone(conn); status != 200 || got != test.want || err != nil {
				t.Errorf("got %d %q, %v; want 200 %q", status, got, err, test.want)
			}
			if n := requests.Load(); n > 2 {
				t.Errorf("the first upstream got the request %d times, want at most 2 as there is another one", n)
			}
		})
	}
}
