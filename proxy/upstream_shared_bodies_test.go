package proxy

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http2"
	"reverse-proxy/proxy/share"
)

// unreadingH2 is an upstream over HTTP/2, with windows of 65,535 bytes, that reads all bodies but the very first, answers those
// requests, and counts its connections.
func unreadingH2(t *testing.T, conns *atomic.Int32) string {
	t.Helper()
	return scriptedH2(t, func(conn net.Conn) {
		first := conns.Add(1) == 1
		serveFrames(conn, func(h http2.Header, out []byte) []byte {
			if first && h.Stream == 1 || h.Type != http2.TypeHeaders && h.Type != http2.TypeData {
				return out
			}
			if h.Type == http2.TypeData && h.Length > 0 {
				out = http2.AppendWindowUpdate(out, 0, uint32(h.Length))
				out = http2.AppendWindowUpdate(out, h.Stream, uint32(h.Length))
			}
			if h.Has(http2.FlagEndStream) {
				out = append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders, h.Stream), 0x88)
				out = http2.AppendData(out, h.Stream, []byte("read"), true)
			}
			return out
		})
	})
}

// While a client's body is not read, those of others go over another connection, whatever is known of their lengths.
func TestABodyThatIsNotReadHoldsUpNoOtherClient(t *testing.T) {
	for name, test := range map[string]struct {
		// stuck is the length of the body that is not read, and whether it is known.
		stuck int
		known bool
	}{
		"a body that has arrived holds up nobody":    {65000, true},
		"a body that still arrives holds up nobody":  {200000, true},
		"a body of unknown length holds up nobody":   {200000, false},
		"a body that is not so long holds up nobody": {40000, true},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			var conns atomic.Int32
			all, call := sharedCalls(t, unreadingH2(t, &conns), 100)
			request := func(length int, known bool) (*Request, *fakeBody) {
				r := &Request{Method: "POST", Target: "/", Authority: "a.test", ContentLength: -1}
				b := &fakeBody{parts: strings.SplitAfter(strings.Repeat(strings.Repeat("x", 999)+"\n", length/1000), "\n"), err: io.EOF}
				if known {
					r.ContentLength, b.ready = int64(length), true
				}
				return r, b
			}
			waiting, ended := call(), make(chan struct{})
			r, b := request(test.stuck, test.known)
			waiting.prepareAlone(r, b)
			waiting.client = &share.Client{}
			go func() {
				defer close(ended)
				if _, err := waiting.roundTrip(); err == nil {
					t.Error("the request whose body is not read got an answer")
				}
			}()
			waitFor(t, "the body to take the window", func() bool {
				stream := all.all()[0].shared.TryOpen(h2client.Body{Owner: t, Length: 32000})
				if stream != nil {
					stream.Close()
				}
				return conns.Load() == 1 && stream == nil
			})
			var others sync.WaitGroup
			for range 5 {
				others.Go(func() {
					for n := range 20 {
						other := call()
						r, b := request(100000, n%2 == 0)
						other.prepareAlone(r, b)
						other.client = &share.Client{}
						conn, err := other.roundTrip()
						if err != nil {
							t.Errorf("the request of another client: %v", err)
							return
						}
						if status, body, err := other.receiveAlone(conn); status != 200 || body != "read" || err != nil {
							t.Errorf("the request of another client: got %d %q, %v", status, body, err)
						}
					}
				})
			}
			others.Wait()
			if got := conns.Load(); got > 6 {
				t.Errorf("got %d connections for 6 bodies at a time, want at most as many", got)
			}
			waiting.cancel(errClientGone)
			<-ended
		})
	}
}

// TestAnAnswerBeforeTheBodyCounts has an upstream that answers as soon as it has the head of a request, and stops its body, before
// anything of the body is sent.
func TestAnAnswerBeforeTheBodyCounts(t *testing.T) {
	for name, trailers := range map[string]Fields{
		"a body is stopped":                   nil,
		"a body with trailers is stopped":     {{Name: "A", Value: "b"}},
		"trailers without a body are stopped": {{Name: "A", Value: "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			upstream := scriptedH2(t, func(conn net.Conn) {
				serveFrames(conn, func(h http2.Header, out []byte) []byte {
					if h.Type != http2.TypeHeaders || h.Has(http2.FlagEndStream) {
						return out
					}
					out = append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders, h.Stream), 0x88)
					out = http2.AppendData(out, h.Stream, []byte("early"), true)
					return http2.AppendRSTStream(out, h.Stream, http2.NoError)
				})
			})
			_, call := sharedCalls(t, upstream, 10)
			c := call()
			text := "body"
			if strings.HasPrefix(name, "trailers") {
				text = ""
			}
			c.prepareAlone(&Request{Method: "POST", Target: "/", Authority: "a.test", ContentLength: int64(len(text))}, bodyOf(text))
			conn, err := c.connect(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.compose(); err != nil {
				t.Fatal(err)
			}
			c.trailers, c.trailersReady = trailers, true
			conn.begin()
			if err := conn.stream.Begin(c, false, false); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the body to be stopped", func() bool {
				_, err := conn.stream.TryWrite(nil, false)
				return err != nil
			})
			if rest, err := c.sendSharedBody(conn, true, trailers == nil); len(rest) > 0 || err != nil {
				t.Errorf("got %v with %d bytes left, want the answer", err, len(rest))
			}
			if err := conn.readHead(); err != nil {
				t.Fatal(err)
			}
			if status, body, err := c.receiveAlone(conn); status != 200 || body != "early" || err != nil {
				t.Errorf("got %d %q, %v; want the early answer", status, body, err)
			}
		})
	}
}
