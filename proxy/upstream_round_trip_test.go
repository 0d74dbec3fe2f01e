package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestWhichRequestsAreSentAgain makes the second request on the first upstream connection fail in different ways
// (S-6.8).
func TestWhichRequestsAreSentAgain(t *testing.T) {
	type failure struct {
		name string
		do   func(conn net.Conn)
		// unanswered reports whether no byte of a response was sent.
		unanswered bool
	}
	failures := []failure{
		{"closes", func(conn net.Conn) {}, true},
		{"resets", func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }, true},
		{"begins an answer", func(conn net.Conn) { _, _ = io.WriteString(conn, "H") }, false},
		{"sends an interim response", func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\n") }, false},
	}
	for _, test := range []struct {
		request string
		again   bool
	}{
		{"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", true},
		{"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", true},
		{"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", true},
		{"DELETE / HTTP/1.1\r\nHost: a.test\r\n\r\n", true},
		{"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody", true},
		{"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n", false},
		{"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody", false},
		{"POST / HTTP/1.1\r\nHost: a.test\r\nIdempotency-Key: 1\r\nContent-Length: 4\r\n\r\nbody", true},
		{"PATCH / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n", false},
		{"get / HTTP/1.1\r\nHost: a.test\r\n\r\n", false}, // methods are case-sensitive
	} {
		for _, failure := range failures {
			t.Run(fmt.Sprintf("%.9q when the upstream %s", test.request, failure.name), func(t *testing.T) {
				leaks(t)
				var mu sync.Mutex
				var got []string
				upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
					for i := 0; ; i++ {
						request, err := http.ReadRequest(r)
						if err != nil {
							return
						}
						body, _ := io.ReadAll(request.Body)
						mu.Lock()
						got = append(got, fmt.Sprintf("%d:%s %s", n, request.Method, body))
						mu.Unlock()
						if n == 1 && i == 1 {
							failure.do(conn)
							return
						}
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				})
				conn := startPath(t, upstream, nil).dial(t)
				r := bufio.NewReader(conn)
				_, _ = io.WriteString(conn, getA)
				readResponse(t, r, "GET")
				_, _ = io.WriteString(conn, test.request)
				method, _, _ := strings.Cut(test.request, " ")
				response, _ := readResponse(t, r, method)
				for response.StatusCode == 103 {
					response, _ = readResponse(t, r, method)
				}
				status, requests := 502, 2
				if test.again && failure.unanswered {
					status, requests = 200, 3
				}
				mu.Lock()
				defer mu.Unlock()
				if response.StatusCode != status || len(got) != requests {
					t.Errorf("got %d after the requests %q, want %d after %d", response.StatusCode, got, status, requests)
				}
				if requests == 3 && (got[1][2:] != got[2][2:] || got[2][0] != '2') {
					t.Errorf("the upstream got %q, want the same request again on a new connection", got)
				}
			})
		}
	}
}

// TestARequestWhoseBodyWasBegunIsNotSentAgain makes the upstream close a kept connection in the middle of a body that
// arrives in pieces. The part that was already read is lost, so the request cannot be sent again (S-6.8).
func TestARequestWhoseBodyWasBegunIsNotSentAgain(t *testing.T) {
	for name, framing := range map[string]struct{ head, piece string }{
		"declared": {"Content-Length: 100\r\n", "piece"},
		"chunked":  {"Transfer-Encoding: chunked\r\n", "5\r\npiece\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			var heads atomic.Int32
			taken := make(chan struct{}, 1)
			upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
				for i := 0; ; i++ {
					if _, err := readHead(r); err != nil {
						return
					}
					heads.Add(1)
					if n == 1 && i == 1 {
						for piece := range 2 { // the second one cannot have come with the head
							if _, err := io.CopyN(io.Discard, r, int64(len(framing.piece))); err != nil {
								t.Errorf("piece %d: %v", piece, err)
							}
							taken <- struct{}{}
						}
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			conn := startPath(t, upstream, nil).dial(t)
			r := bufio.NewReader(conn)
			_, _ = io.WriteString(conn, getA)
			readResponse(t, r, "GET")
			_, _ = io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: a.test\r\n"+framing.head+"\r\n"+framing.piece)
			<-taken
			_, _ = io.WriteString(conn, framing.piece)
			<-taken
			if response, _ := readResponse(t, r, "PUT"); response.StatusCode != 502 || heads.Load() != 2 {
				t.Errorf("got %d after %d requests, want 502 after 2", response.StatusCode, heads.Load())
			}
		})
	}
}

func TestANewConnectionThatFailsIsNotTriedAgain(t *testing.T) {
	leaks(t)
	var mu sync.Mutex
	connections := 0
	upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, _ net.Conn) {
		_, _ = readHead(r)
		mu.Lock()
		connections = n
		mu.Unlock()
	})
	answer, _ := startPath(t, upstream, nil).exchange(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	mu.Lock()
	defer mu.Unlock()
	if !strings.HasPrefix(answer, "HTTP/1.1 502 ") || connections != 1 {
		t.Errorf("got %q after %d connections, want 502 after one", answer, connections)
	}
}

func TestWhenAConnectionIsUsedAgain(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		again        bool
	}{
		{"it is used again after a declared length", okResponse, true},
		{"it is used again after chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", true},
		{"it is used again after a 204", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"it is not used again after Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false},
		{"it is not used again after HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"it is used again after HTTP/1.0 with keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true},
		{"it is not used again with bytes after the response", okResponse + "x", false},
		{"it is used again after an offer of NTLM, by the same client", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n", true},
		{"it is not used again after a 204 that declares a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			connections := make(chan int, 10)
			upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					connections <- n
					if _, err := io.WriteString(conn, test.answer); err != nil {
						return
					}
				}
			})
			conn := startPath(t, upstream, nil).dial(t)
			r := bufio.NewReader(conn)
			for range 2 {
				_, _ = io.WriteString(conn, getA)
				readResponse(t, r, "GET")
			}
			if first, second := <-connections, <-connections; (first == second) != test.again {
				t.Errorf("the requests came on the connections %d and %d", first, second)
			}
		})
	}
}

// TestWhoInvitesTheBody requests 100 from upstreams with different behaviour.
func TestWhoInvitesTheBody(t *testing.T) {
	const final = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, test := range []struct {
		name     string
		serve    func(r *bufio.Reader, conn net.Conn)
		interim  int
		status   int
		soonest  time.Duration
		bodySent bool
	}{
		{"an upstream that asks for it invites it", func(r *bufio.Reader, conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			_, _ = io.ReadFull(r, make([]byte, 4))
			_, _ = io.WriteString(conn, final)
		}, 1, 200, 0, true},
		{"the proxy invites it for an upstream that waits silently", func(r *bufio.Reader, conn net.Conn) {
			_, _ = io.ReadFull(r, make([]byte, 4))
			_, _ = io.WriteString(conn, final)
		}, 1, 200, continueWait, true},
		{"nobody invites it for an upstream that answers at once", func(_ *bufio.Reader, conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
		}, 0, 417, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				if head, err := readHead(r); err == nil && strings.Contains(head, "Expect: 100-continue\r\n") {
					test.serve(r, conn)
				}
			})
			conn := startPath(t, upstream, nil).dial(t)
			begin := time.Now()
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
			r := bufio.NewReader(conn)
			interim := 0
			for {
				response, _ := readResponse(t, r, "POST")
				if response.StatusCode == 100 {
					if interim++; time.Since(begin) < test.soonest {
						t.Errorf("invited after %v, before the upstream had its time", time.Since(begin))
					}
					_, _ = io.WriteString(conn, "body")
					continue
				}
				if response.StatusCode != test.status || interim != test.interim || response.Close == test.bodySent {
					t.Errorf("got %d after %d times 100, close=%v; want %d after %d", response.StatusCode, interim, response.Close, test.status, test.interim)
				}
				return
			}
		})
	}
}
