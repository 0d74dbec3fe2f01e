package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// TestWhatIsCountedOfAnExchange checks the numbers of the only site, and those of no site, after what clients and upstreams
// may do.
func TestWhatIsCountedOfAnExchange(t *testing.T) {
	answering := func(answer string) func(int, *bufio.Reader, net.Conn) {
		return func(_ int, r *bufio.Reader, conn net.Conn) {
			for {
				if _, err := readHead(r); err != nil {
					return
				}
				_, _ = io.WriteString(conn, answer)
			}
		}
	}
	const closing = "\r\nHost: a.test\r\nConnection: close\r\n"
	for _, test := range []struct {
		name     string
		upstream func(n int, r *bufio.Reader, conn net.Conn)
		request  string
		// want is what is counted for the site, none for no site: method, class, upstream errors, bytes in and out, and how
		// often the time of the response, of connecting and of the upstream was recorded.
		want, none string
	}{
		{"a body goes each way", answering(okResponse), "POST / HTTP/1.1" + closing + "Content-Length: 4\r\n\r\nbody", "POST 2xx 0 errors 4 in 5 out 1 1 1", ""},
		{"a body goes in chunks", answering(okResponse), "PUT / HTTP/1.1" + closing + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "PUT 2xx 0 errors 3 in 5 out 1 1 1", ""},
		{"HEAD has no body", answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), "HEAD / HTTP/1.1" + closing + "\r\n", "HEAD 2xx 0 errors 0 in 0 out 1 1 1", ""},
		{"an upstream answers 429 itself", answering("HTTP/1.1 429 No\r\nContent-Length: 2\r\n\r\nno"), "GET / HTTP/1.1" + closing + "\r\n", "GET 4xx 0 errors 0 in 2 out 1 1 1", ""},
		{"a connection is used again", answering(okResponse), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1" + closing + "\r\n", "GET 2xx 2 0 errors 0 in 10 out 2 1 2", ""},
		{"an answer breaks off", func(_ int, r *bufio.Reader, conn net.Conn) {
			_, _ = readHead(r)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
		}, "GET / HTTP/1.1" + closing + "\r\n", "GET 2xx 1 errors 0 in 2 out 1 1 1", ""},
		{"no answer comes", func(_ int, r *bufio.Reader, _ net.Conn) { _, _ = readHead(r) }, "GET / HTTP/1.1" + closing + "\r\n",
			"GET 5xx 1 errors 0 in 11 out 1 1 0", ""}, // Bad Gateway
		{"a tunnel is opened", func(_ int, r *bufio.Reader, conn net.Conn) {
			_, _ = readHead(r)
			_, _ = io.WriteString(conn, switching+"abc")
			_, _ = io.ReadFull(r, make([]byte, 5))
			_, _ = io.WriteString(conn, "defg")
		}, upgradeA + "12345", "GET 1xx 0 errors 5 in 7 out 0 1 1", ""},
		{"a host is unknown", answering(okResponse), "DELETE / HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n", "", "DELETE 4xx 0 errors 0 in 9 out 1 0 0"},
		{"a body is over the limit", answering(okResponse), "POST / HTTP/1.1" + closing + "Content-Length: 1001\r\n\r\n", "", "POST 4xx 0 errors 0 in 17 out 1 0 0"},
		{"something comes that is not a request", answering(okResponse), "x\r\n\r\n", "", "other 4xx 0 errors 0 in 11 out 1 0 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			p := startPath(t, scriptedUpstream(t, nil, test.upstream), func(o *pathOptions) { o.bodyLimit = 1000 })
			conn := p.dial(t)
			_, _ = io.WriteString(conn, test.request)
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close() // the client's half of a tunnel
			metrics := p.shared.metrics
			waitFor(t, "the exchange to end", func() bool {
				return p.pipeline.inFlight.Load() == 0 && countedText(p.site.site.series.sum())+countedText(metrics.none.sum()) != ""
			})
			if got := countedText(p.site.site.series.sum()); got != test.want {
				t.Errorf("the site: got %q, want %q", got, test.want)
			}
			if got := countedText(metrics.none.sum()); got != test.none {
				t.Errorf("no site: got %q, want %q", got, test.none)
			}
		})
	}
}

// countedText renders what was counted; "" for nothing.
func countedText(total siteTotals) string {
	var out strings.Builder
	for method, classes := range total.requests {
		for class, n := range classes {
			if n > 0 {
				fmt.Fprintf(&out, "%s %s ", methodClasses[method], statusClasses[class])
			}
			if n > 1 {
				fmt.Fprintf(&out, "%d ", n)
			}
		}
	}
	if out.Len() == 0 {
		return ""
	}
	fmt.Fprintf(&out, "%d errors %d in %d out", total.upstreamErrors, total.bytesIn, total.bytesOut)
	for _, h := range []histogramTotals{total.duration, total.connect, total.response} {
		n := uint64(0)
		for _, bucket := range h.buckets {
			n += bucket
		}
		fmt.Fprintf(&out, " %d", n)
	}
	return out.String()
}
