package proxy

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// echoUpstream starts an upstream that answers special paths as they ask, and others with the request's head and body.
func echoUpstream(t *testing.T) string {
	return rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		_, path, _ := strings.Cut(head, " ")
		path, _, _ = strings.Cut(path, " ")
		bare, _, _ := strings.Cut(path, "?")
		switch bare {
		case "/trailers":
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n\r\n2\r\nhi\r\n0\r\nGrpc-Status: 0\r\n\r\n")
		case "/hints":
			fmt.Fprint(conn, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		case "/none":
			fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n")
		case "/early":
			fmt.Fprint(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno!")
		case "/half":
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			_ = conn.Close()
		case "/large":
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", strings.Repeat("x", 3000000))
		case "/silent":
			_, _ = io.Copy(io.Discard, conn) // until the proxy closes
		case "/socket":
			echoSocket(head, r, conn)
		default:
			request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), r)))
			if err != nil {
				return
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return
			}
			text := fmt.Sprintf("%s%s%v", head, body, request.Trailer)
			if request.Method == http.MethodHead {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(text))
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Capital: Yes\r\nServer: x\r\n\r\n%s", len(text), text)
		}
	})
}

// echoSocket acts as a WebSocket server that echoes its input. The query `bad` makes it send a wrong
// Sec-WebSocket-Accept, and `plain` a 200 without a switch.
func echoSocket(head string, r *bufio.Reader, conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil || request.Header.Get("Upgrade") != "websocket" || request.Header.Get("Connection") != "Upgrade" {
		fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		return
	}
	hash := sha1.Sum([]byte(request.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	accept := base64.StdEncoding.EncodeToString(hash[:])
	switch request.URL.RawQuery {
	case "bad":
		accept = "bad"
	case "plain":
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n"+
		"Sec-WebSocket-Protocol: chat\r\n\r\nhello ", accept)
	_, _ = io.Copy(conn, r)
	_ = conn.Close()
}

func TestHTTP2CarriesRequestsAndResponses(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	tests := []struct {
		name string
		send func(c *h2Client)
		// heads has a part of each expected head, and body a part of the expected body; reset is the code of the reset.
		heads       []string
		body, reset string
	}{
		{"a request has no body and its cookies are joined", func(c *h2Client) {
			c.request(1, "GET", "/a%2f?b", true, "x-a", "1", "cookie", "a=1", "cookie", "b=2")
		}, []string{"x-capital: Yes"}, "GET /a%2f?b HTTP/1.1\r\nHost: a.test\r\nx-a: 1\r\ncookie: a=1; b=2\r\nX-Real-IP: ", ""},
		{"a body has a length", func(c *h2Client) {
			c.request(1, "POST", "/", false, "content-length", "5")
			c.data(1, "he", false)
			c.data(1, "llo", true)
		}, []string{":status: 200"}, "hello", ""},
		{"a body has trailers and no length", func(c *h2Client) {
			c.request(1, "POST", "/", false, "te", "trailers", "trailer", "x-sum")
			c.data(1, "hello", false)
			c.head(1, true, "x-sum", "42")
		}, []string{":status: 200"}, "hellomap[X-Sum:[42]]", ""},
		{"a body ends in an empty DATA frame", func(c *h2Client) {
			c.together(func() {
				c.request(1, "GET", "/", false)
				c.data(1, "", true)
			})
		}, []string{":status: 200"}, "\r\n\r\nmap[]", ""},
		{"a form without a length has come whole", func(c *h2Client) {
			c.together(func() {
				c.request(1, "POST", "/", false)
				c.data(1, "he", false)
				c.data(1, "llo", true)
			})
		}, []string{":status: 200"}, "Content-Length: 5\r\n\r\nhello", ""},
		{"an empty form has no length", func(c *h2Client) {
			c.together(func() {
				c.request(1, "POST", "/", false)
				c.data(1, "", true)
			})
		}, []string{":status: 200"}, "Content-Length: 0\r\n\r\nmap[]", ""},
		{"a body with trailers has come whole", func(c *h2Client) {
			c.together(func() {
				c.request(1, "POST", "/", false, "trailer", "x-sum")
				c.data(1, "hello", false)
				c.head(1, true, "x-sum", "42")
			})
		}, []string{":status: 200"}, "hellomap[X-Sum:[42]]", ""},
		{"a body over the limit has come whole", func(c *h2Client) {
			c.together(func() {
				c.request(1, "POST", "/", false)
				for range 7 {
					c.data(1, strings.Repeat("x", 15000), false)
				}
				c.data(1, "", true)
			})
		}, []string{":status: 413"}, "Payload Too Large", ""},
		{"padding", func(c *h2Client) {
			c.request(1, "POST", "/", false, "content-length", "5")
			c.sent(c.framer.WriteDataPadded(1, true, []byte("hello"), make([]byte, 200)))
		}, []string{":status: 200"}, "hello", ""},
		{"a head comes in pieces", func(c *h2Client) {
			block := c.encode(":method", "GET", ":scheme", "https", ":path", "/pieces", ":authority", "a.test")
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:3], EndStream: true}))
			c.sent(c.framer.WriteContinuation(1, false, block[3:7]))
			c.sent(c.framer.WriteContinuation(1, true, block[7:]))
		}, []string{":status: 200"}, "GET /pieces ", ""},
		{"a response has trailers", func(c *h2Client) { c.request(1, "GET", "/trailers", true) }, []string{":status: 200", "grpc-status: 0"}, "hi", ""},
		{"an interim response comes first", func(c *h2Client) { c.request(1, "GET", "/hints", true) },
			[]string{":status: 103\nlink: </a.css>", "content-length: 0"}, "", ""},
		{"HEAD", func(c *h2Client) { c.request(1, "HEAD", "/", true) }, []string{"content-length: "}, "", ""},
		{"a response has no body", func(c *h2Client) { c.request(1, "GET", "/none", true) }, []string{":status: 204\nx-a: b"}, "", ""},
		{"an answer comes before the body", func(c *h2Client) { c.request(1, "POST", "/early", false) }, []string{":status: 401"}, "no!", "NO_ERROR"},
		{"a response is truncated", func(c *h2Client) { c.request(1, "GET", "/half", true) }, []string{"content-length: 10"}, "half", "INTERNAL_ERROR"},
		{"a body is too long", func(c *h2Client) {
			c.request(1, "POST", "/", false)
			c.data(1, strings.Repeat("x", 16384), false)
			for range 6 {
				c.data(1, strings.Repeat("x", 16384), false)
			}
		}, []string{":status: 413"}, "Payload Too Large", "NO_ERROR"},
		{"a declared body is too long", func(c *h2Client) { c.request(1, "POST", "/", false, "content-length", "100001") },
			[]string{":status: 413"}, "Payload Too Large", "NO_ERROR"},
		{"the proxy sends 100 (Continue)", func(c *h2Client) {
			c.request(1, "POST", "/", false, "expect", "100-continue", "content-length", "5")
			c.until("100", func() bool { return len(c.stream(1).heads) == 1 })
			c.data(1, "hello", true)
		}, []string{":status: 100", ":status: 200"}, "hello", ""},
		{"plain CONNECT is refused", func(c *h2Client) { c.head(1, true, ":method", "CONNECT", ":authority", "a.test:443") }, []string{":status: 405"}, "", ""},
		{"TRACE", func(c *h2Client) { c.request(1, "TRACE", "/", true) }, []string{":status: 405"}, "", ""},
		{"an invalid path is refused", func(c *h2Client) { c.request(1, "GET", "/a b", true) }, []string{":status: 400"}, "Bad Request", ""},
		{"a large head is refused", func(c *h2Client) {
			c.request(1, "GET", "/", true, "a", strings.Repeat("x", 8000), "b", strings.Repeat("y", 8000))
		}, []string{":status: 200"}, "yyy", ""},
		{"too many fields are refused", func(c *h2Client) {
			c.request(1, "GET", "/", true, strings.Split(strings.Repeat("a,b,", 128)+"a,b", ",")...)
		}, []string{":status: 431"}, "Request Header Fields Too Large", ""},
		{"a body is longer than its length", func(c *h2Client) {
			c.request(1, "POST", "/", false, "content-length", "4")
			c.data(1, "hello", true)
		}, nil, "", "PROTOCOL_ERROR"},
		{"a body is shorter than its length", func(c *h2Client) {
			c.request(1, "POST", "/", false, "content-length", "6")
			c.data(1, "hello", true)
		}, nil, "", "PROTOCOL_ERROR"},
		{"trailers do not end the stream", func(c *h2Client) {
			c.request(1, "POST", "/", false)
			c.head(1, false, "x-sum", "42")
		}, nil, "", "PROTOCOL_ERROR"},
		{"a malformed request is reset", func(c *h2Client) { c.request(1, "GET", "/", true, "connection", "close") }, nil, "", "PROTOCOL_ERROR"},
		{"CONNECT with a path is reset", func(c *h2Client) { c.request(1, "CONNECT", "/socket", false) }, nil, "", "PROTOCOL_ERROR"},
		{"an unknown protocol is refused", func(c *h2Client) { connect(c, "/socket", "tcp") }, []string{":status: 501"}, "Not Implemented", "NO_ERROR"},
		{"an upstream forgets the key", func(c *h2Client) { connect(c, "/socket?bad", "websocket") }, []string{":status: 502"}, "Bad Gateway", "NO_ERROR"},
		{"an upstream does not switch", func(c *h2Client) { connect(c, "/socket?plain", "websocket") }, []string{":status: 502"}, "", "NO_ERROR"},
		{"an upstream refuses to switch", func(c *h2Client) { connect(c, "/early", "websocket") }, []string{":status: 401"}, "no!", "NO_ERROR"},
		{"a socket is opened", func(c *h2Client) {
			connect(c, "/socket", "websocket")
			c.until("the socket's greeting", func() bool { return c.stream(1).body.Len() >= 6 })
			c.data(1, "echo", true)
		}, []string{":status: 200\nsec-websocket-protocol: chat\n"}, "hello echo", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newH2Client(t, d)
			test.send(c)
			s := c.answer(1)
			c.sync()
			if test.name == "a body ends in an empty DATA frame" && strings.Contains(s.body.String(), "Transfer-Encoding") {
				t.Errorf("got %q, want no body", s.body.String())
			}
			if len(s.heads) != len(test.heads) || s.reset != test.reset || !strings.Contains(s.body.String(), test.body) {
				t.Fatalf("got the heads %q, the body %.500q and the reset %q, want %q, %q and %q", s.heads, s.body.String(), s.reset, test.heads, test.body, test.reset)
			}
			for i, head := range test.heads {
				if !strings.Contains(s.heads[i], head) {
					t.Errorf("got the head %q, want %q in it", s.heads[i], head)
				}
			}
			if c.err != nil || len(c.goAways) > 0 {
				t.Errorf("got %v and GOAWAY %v, want the connection to continue", c.err, c.goAways)
			}
		})
	}
}

// connect sends an extended CONNECT on stream 1.
func connect(c *h2Client, path, protocol string) {
	c.head(1, false, ":method", "CONNECT", ":protocol", protocol, ":scheme", "https", ":path", path, ":authority", "a.test",
		"sec-websocket-version", "13", "sec-websocket-key", "the client's own")
}
