package proxy

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http2"
)

// TestWhatBecomesOfARequestWhoseStreamIsReset resets the stream with every code of RFC 9113, section 7, and with an
// unknown one. Only REFUSED_STREAM says that the upstream has not processed the request, which is then sent again
// whatever its method. A GET goes to another upstream once, and any other request fails (S-18.2, S-18.7).
func TestWhatBecomesOfARequestWhoseStreamIsReset(t *testing.T) {
	codes := []http2.Code{0xdead}
	for code := http2.NoError; code <= http2.HTTP11Required; code++ {
		codes = append(codes, code)
	}
	for _, code := range codes {
		for _, method := range []string{"GET", "POST"} {
			for others, where := range []string{"the only upstream", "one of two upstreams"} {
				t.Run(code.String()+" to "+method+" from "+where, func(t *testing.T) {
					leaks(t)
					refused := code == http2.RefusedStream
					wantElsewhere, wantTimes := others > 0 && (refused || method == "GET"), 1
					switch {
					case refused && others > 0:
						wantTimes = maxSharedTriesHere
					case refused:
						wantTimes = maxSharedTries
					}
					address, requests := refusingH2(t, func(out []byte, stream uint32) []byte {
						return http2.AppendRSTStream(out, stream, code)
					})
					_, call := sharedCalls(t, address, 10)
					c := call()
					c.prepareAlone(&Request{Method: method, Target: "/", Authority: "a.test"}, nil)
					c.triesLeft = others
					_, err := c.roundTrip()
					var failed *h2client.Error
					if !errors.As(err, &failed) || failed.Reset != code {
						t.Fatalf("got %v, want an error that names the code", err)
					}
					if got := requests.Load(); got != int64(wantTimes) {
						t.Errorf("the upstream got the request %d times, want %d", got, wantTimes)
					}
					if goes := others > 0 && c.mayGoElsewhere(err); goes != wantElsewhere {
						t.Errorf("goes to the other upstream: got %v, want %v", goes, wantElsewhere)
					}
					if !wantElsewhere {
						c.releaseOut()
						return
					}
					_, other := sharedCalls(t, h2Server(t, func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.WriteString(w, r.Method)
					}), 10)
					c.to, c.triesLeft = other().to, 0
					conn, err := c.roundTrip()
					if err != nil {
						t.Fatal(err)
					}
					if status, got, err := c.receiveAlone(conn); status != 200 || got != method || err != nil {
						t.Errorf("got %d %q, %v; want the answer of the other upstream", status, got, err)
					}
				})
			}
		}
	}
}
