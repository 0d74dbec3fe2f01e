package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http2"
)

// appendOK appends a whole response 200 with the body "done".
func appendOK(out []byte, stream uint32) []byte {
	out = append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders, stream), 0x88)
	return http2.AppendData(out, stream, []byte("done"), true)
}

// TestAServerThatEndsEachConnectionAfterOneRequestLosesNone sends a hundred requests at once to servers that take only the first
// request of each connection, and say so with GOAWAY. Each request must be answered, and no request may be taken twice.
func TestAServerThatEndsEachConnectionAfterOneRequestLosesNone(t *testing.T) {
	for _, test := range []struct {
		name string
		// take takes the first request of a connection.
		take func(out []byte, stream uint32) []byte
	}{
		{name: "it answers, and then sends GOAWAY", take: func(out []byte, stream uint32) []byte {
			return http2.AppendGoAway(appendOK(out, stream), stream, http2.NoError)
		}},
		{name: "it sends GOAWAY, and then answers", take: func(out []byte, stream uint32) []byte {
			return appendOK(http2.AppendGoAway(out, stream, http2.NoError), stream)
		}},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(test.name+" to a "+method, func(t *testing.T) {
				leaks(t)
				var taken atomic.Int64
				upstream := scriptedH2(t, func(conn net.Conn) {
					first := true
					serveFrames(conn, func(h http2.Header, out []byte) []byte {
						if h.Type != http2.TypeHeaders || !first {
							return out
						}
						first = false
						taken.Add(1)
						return test.take(out, h.Stream)
					})
				})
				const requests = 100
				_, call := sharedCalls(t, upstream, requests)
				var all sync.WaitGroup
				for range requests {
					all.Go(func() {
						request, body := &Request{Method: method, Target: "/", Authority: "a.test"}, bodySource(nil)
						if method == "POST" {
							request.ContentLength, body = 4, bodyOf("body")
						}
						if status, got, err := call().sendAlone(request, body); status != 200 || got != "done" || err != nil {
							t.Errorf("got %d %q, %v; want the answer", status, got, err)
						}
					})
				}
				all.Wait()
				if got := taken.Load(); got != requests {
					t.Errorf("the server took %d requests, want %d", got, requests)
				}
			})
		}
	}
}

// TestAServerThatMakesNoProgressGetsARequestOnlySoOften has servers that take no request, one of which pretends to begin an answer.
func TestAServerThatMakesNoProgressGetsARequestOnlySoOften(t *testing.T) {
	interim := []byte{0x48, 3, '1', '0', '3'} // :status 103, which is not in the static table
	for name, refuse := range map[string]func(out []byte, stream uint32) []byte{
		"GOAWAY to each request": func(out []byte, _ uint32) []byte { return http2.AppendGoAway(out, 0, http2.NoError) },
		"an interim response, and then GOAWAY": func(out []byte, stream uint32) []byte {
			out = append(http2.AppendHeader(out, len(interim), http2.TypeHeaders, http2.FlagEndHeaders, stream), interim...)
			return http2.AppendGoAway(out, 0, http2.NoError)
		},
		"REFUSED_STREAM": func(out []byte, stream uint32) []byte { return http2.AppendRSTStream(out, stream, http2.RefusedStream) },
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			upstream, requests := refusingH2(t, refuse)
			_, call := sharedCalls(t, upstream, 10)
			_, _, err := call().sendAlone(&Request{Method: "POST", Target: "/", Authority: "a.test"}, nil)
			var failed *h2client.Error
			if !errors.As(err, &failed) || !failed.Unprocessed {
				t.Errorf("got %v, want the refusal", err)
			}
			if got := requests.Load(); got != maxSharedTries {
				t.Errorf("the server got the request %d times, want %d", got, maxSharedTries)
			}
		})
	}
}

// A server that is busy and refuses requests must not get them again and again while it answers others.
func TestARefusedRequestIsNotRepeatedForeverBesideOthers(t *testing.T) {
	leaks(t)
	var refused atomic.Int64
	upstream := scriptedH2(t, func(conn net.Conn) {
		n := 0
		serveFrames(conn, func(h http2.Header, out []byte) []byte {
			if h.Type != http2.TypeHeaders {
				return out
			}
			if n++; n == 1 {
				return appendOK(out, h.Stream)
			}
			refused.Add(1)
			return http2.AppendRSTStream(out, h.Stream, http2.RefusedStream)
		})
	})
	_, call := sharedCalls(t, upstream, 10)
	c := call()
	get := func() error {
		_, _, err := c.sendAlone(&Request{Method: "GET", Target: "/", Authority: "a.test"}, nil)
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	if err := get(); err == nil || refused.Load() != maxSharedTries {
		t.Errorf("got %v after %d refusals, want an error after %d", err, refused.Load(), maxSharedTries)
	}
}

// A request may be sent again only within its time, whatever progress others make.
func TestProgressOfOthersEndsWithTheTimeOfTheRequest(t *testing.T) {
	_, call := sharedCalls(t, "127.0.0.1:1", 1)
	c := call()
	err := fmt.Errorf("%w", &h2client.Error{Unprocessed: true, Progress: true})
	for _, test := range []struct {
		waited time.Duration
		err    error
		want   bool
	}{
		{time.Minute - 1, err, true},
		{time.Minute, err, false},
		{0, &h2client.Error{Unprocessed: true}, false},
		{0, &h2client.Error{Progress: true}, false},
		{0, io.EOF, false},
	} {
		c.waited = test.waited
		if got := c.makesProgress(test.err); got != test.want {
			t.Errorf("%v after %v: got %v, want %v", test.err, test.waited, got, test.want)
		}
	}
}
