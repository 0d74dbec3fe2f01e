package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/deadline"
)

// refusalOf returns the bytes of a refusal with the body, in chunks or with its length declared.
func refusalOf(chunked bool, body string) string {
	if chunked {
		return fmt.Sprintf("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	return fmt.Sprintf("HTTP/1.1 403 No\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n%s", len(body), body)
}

func TestARefusalOfAnyLengthArrivesWhole(t *testing.T) {
	for _, n := range []int{0, 1, shortReplyBytes - 1, shortReplyBytes, shortReplyBytes + 1, upstreamBufferBytes, upstreamBufferBytes + 1, maxReplyBytes - 1, maxReplyBytes} {
		for _, chunked := range []bool{false, true} {
			for _, method := range []string{"GET", "HEAD"} {
				p := newTestPipeline(t)
				body := strings.Repeat("0123456789abcdef", n/16+1)[:n]
				p.withService(t, config.Access{}, refusalOf(chunked, body))
				r := getRequest("/")
				r.Method = method
				client := &fakeClient{method: method}
				x := p.handleOne(r, client)
				if err := p.pipeline.log.Close(); err != nil {
					t.Fatal(err)
				}
				want := body
				if method == "HEAD" {
					want = ""
				}
				if client.status != 403 || client.fields.Get("X-A") != "1" || client.body.String() != want || x.abort || x.refusedBy != byService {
					t.Errorf("%d bytes, chunked %v, %s: got %d %v with %d bytes, abort %v and the rule %d", n, chunked, method, client.status, client.fields, client.body.Len(), x.abort, x.refusedBy)
				}
				if known := client.length == int64(n); !known && (!chunked || n <= shortReplyBytes || client.length != -1) {
					t.Errorf("%d bytes, chunked %v, %s: got the length %d", n, chunked, method, client.length)
				}
				if log := p.log.String(); !strings.Contains(log, ` status=403 upstream=- `) || strings.Contains(log, "UPSTREAM_ERROR") {
					t.Errorf("%d bytes, chunked %v, %s: got the log %s", n, chunked, method, log)
				}
				if x.call.conn != nil || x.call.response != nil {
					t.Errorf("%d bytes, chunked %v, %s: the exchange still holds the response", n, chunked, method)
				}
			}
		}
	}
}

// TestALongRefusalThatFailsIsCut has a service that fails after the client was sent a part of its page.
func TestALongRefusalThatFailsIsCut(t *testing.T) {
	large := strings.Repeat("x", maxReplyBytes+1)
	for _, c := range []struct{ name, reply, log string }{
		{"it breaks off", "HTTP/1.1 403 No\r\nContent-Length: 65536\r\n\r\n" + large[:maxReplyBytes-1], "unexpected EOF"},
		{"a chunk is broken", "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n" + large[:0x8000] + "\r\n?\r\n", "UPSTREAM_ERROR"},
		{"it has more than 64 KiB", "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n" + large, "more than 64 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.withService(t, config.Access{}, c.reply)
			x, client, log := p.run(t, getRequest("/"))
			if client.status != 403 || !x.abort || x.refusedBy != byServiceError || x.upstreamAtFault || len(p.heads()) != 0 {
				t.Errorf("got %d, abort %v, the rule %d, the upstream at fault %v", client.status, x.abort, x.refusedBy, x.upstreamAtFault)
			}
			if client.body.Len() > maxReplyBytes || !strings.Contains(log, c.log) || !strings.Contains(log, " status=403 upstream=- ") {
				t.Errorf("got %d bytes and the log %s", client.body.Len(), log)
			}
		})
	}
}

// meetingClient is a client that reports how much it was sent.
type meetingClient struct {
	fakeClient
	sent chan int
}

func (c *meetingClient) Flush() error {
	c.sent <- c.body.Len()
	return nil
}

// TestALongRefusalIsNotHeldWhole checks that the client gets the first part of a page before the service has sent the
// second (S-12.8).
func TestALongRefusalIsNotHeldWhole(t *testing.T) {
	p := newTestPipeline(t)
	p.withService(t, config.Access{}, "")
	client := &meetingClient{sent: make(chan int, 100)}
	const half = 2 * shortReplyBytes
	answered := make(chan struct{})
	address := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%s", 2*half, strings.Repeat("a", half))
		for {
			select {
			case n := <-client.sent:
				if n < half {
					continue
				}
				_, _ = io.WriteString(conn, strings.Repeat("b", half))
			case <-answered:
			}
			return
		}
	})
	for r := range p.dynamic.Load().sites.find(0, "a.test").all() {
		of := r.access.ForwardAuth.Service
		of.Upstreams = config.OneUpstream(address)
		r.service = newRoute(r.site, "access", of)
	}
	x := new(exchange)
	x.reset(getRequest("/"), client, &deadline.Timer{Owner: x, Sweeper: deadline.NewSweeper()}, 0)
	p.handle(x)
	close(answered)
	if client.status != 403 || client.body.Len() != 2*half || x.abort {
		t.Errorf("got %d with %d bytes, abort %v; want the whole page, of which the second half came after the client was sent the first", client.status, client.body.Len(), x.abort)
	}
}
