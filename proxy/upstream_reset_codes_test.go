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

// TestWhatBecomesOfARequestAfterAnotherOne does the same after a request that was answered, whose permission for a stream is
// used again. A connection of HTTP/1.1 that was used again may have been dead all along; a fault of a stream shows that the
// upstream has received the request (S-6.8).
func TestWhatBecomesOfARequestAfterAnotherOne(t *testing.T) {
	for name, fault := range map[string]func(out []byte, stream uint32) []byte{
		"it is reset": func(out []byte, stream uint32) []byte { return http2.AppendRSTStream(out, stream, http2.InternalError) },
		"its head has no status": func(out []byte, stream uint32) []byte {
			return http2.AppendHeader(out, 0, http2.TypeHeaders, http2.FlagEndHeaders|http2.FlagEndStream, stream)
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			address, requests := refusingH2(t, func(out []byte, stream uint32) []byte {
				if stream == 1 {
					return append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders|http2.FlagEndStream, stream), 0x88)
				}
				return fault(out, stream)
			})
			_, call := sharedCalls(t, address, 10)
			if status, _, err := call().sendAlone(&Request{Method: "GET", Target: "/", Authority: "a.test"}, nil); status != 200 || err != nil {
				t.Fatalf("got %d, %v; want 200", status, err)
			}
			var failed *h2client.Error
			if _, _, err := call().sendAlone(&Request{Method: "PUT", Target: "/", Authority: "a.test"}, nil); !errors.As(err, &failed) {
				t.Errorf("got %v, want the fault", err)
			}
			if got := requests.Load(); got != 2 {
				t.Errorf("the upstream got %d requests, want 2", got)
			}
		})
	}
}
