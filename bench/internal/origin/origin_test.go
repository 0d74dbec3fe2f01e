//go:build linux

package origin

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// serve runs an origin for the test and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the origin ended with %v, want no error", err)
		}
	})
	return listener.Addr().String()
}

func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// read reads one answer with the parser of the standard library.
func read(t *testing.T, r *bufio.Reader) (int, []byte) {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestAnswers(t *testing.T) {
	addr := serve(t)
	for name, c := range map[string]struct {
		request string
		status  int
		bytes   int
	}{
		"the small answer is sent":            {"GET /1k HTTP/1.1\r\nHost: a\r\n\r\n", 200, SmallBytes},
		"the large answer is sent":            {"GET /1m HTTP/1.1\r\nHost: a\r\n\r\n", 200, LargeBytes},
		"a body is read to its end":           {"POST /sink HTTP/1.1\r\nHost: a\r\ncontent-length: 70000\r\n\r\n" + strings.Repeat("x", 70000), 200, SinkBytes},
		"a body may be empty":                 {"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200, SinkBytes},
		"an answer has a given length":        {"GET /kib/37 HTTP/1.1\r\nHost: a\r\n\r\n", 200, 37 << 10},
		"a length that is too large is a 404": {"GET /kib/101 HTTP/1.1\r\nHost: a\r\n\r\n", 404, 15},
		"a length of 0 is a 404":              {"GET /kib/0 HTTP/1.1\r\nHost: a\r\n\r\n", 404, 15},
		"a target that is not there is a 404": {"GET /2k HTTP/1.1\r\nHost: a\r\n\r\n", 404, 15},
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := dial(t, addr)
			for range 3 { // the connection is kept open
				if _, err := io.WriteString(conn, c.request); err != nil {
					t.Fatal(err)
				}
				if status, body := read(t, r); status != c.status || len(body) != c.bytes {
					t.Errorf("got %d with %d bytes, want %d with %d", status, len(body), c.status, c.bytes)
				}
			}
		})
	}
}

func TestEchoAnswersWithTheHead(t *testing.T) {
	conn, r := dial(t, serve(t))
	const head = "GET /echo HTTP/1.1\r\nHost: a\r\nX-Real-IP: 127.0.0.1\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	if _, body := read(t, r); string(body) != head {
		t.Errorf("got %q, want %q", body, head)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	conn, r := dial(t, serve(t))
	requests := "GET /1m HTTP/1.1\r\n\r\nPOST /sink HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /1k HTTP/1.1\r\n\r\n"
	if _, err := io.WriteString(conn, requests); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{LargeBytes, SinkBytes, SmallBytes} {
		if status, body := read(t, r); status != 200 || len(body) != want {
			t.Errorf("got %d with %d bytes, want 200 with %d", status, len(body), want)
		}
	}
}

// TestRequestInPiecesIsAnswered passes the bytes directly to the parser, so that no two pieces are joined.
func TestRequestInPiecesIsAnswered(t *testing.T) {
	request := []byte("POST /sink HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcdePOST /sink HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
	s := &server{answers: newAnswers()}
	for size := 1; size <= len(request); size++ {
		c := &conn{out: []byte("pending")} // the answer is kept after it, as when the socket is full
		for piece := range slices.Chunk(request, size) {
			if !s.consume(c, bytes.Clone(piece)) {
				t.Fatalf("pieces of %d: the connection was given up", size)
			}
		}
		if got := bytes.Count(c.out, []byte("HTTP/1.1 200 OK")); got != 2 {
			t.Errorf("pieces of %d: got %d answers, want 2", size, got)
		}
	}
}

func TestRequestThatItDoesNotKnowEndsTheConnection(t *testing.T) {
	addr := serve(t)
	for name, request := range map[string]string{
		"a chunked body ends it":            "POST /sink HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"an invalid length ends it":         "POST /sink HTTP/1.1\r\nContent-Length: x\r\n\r\n",
		"a length below zero ends it":       "POST /sink HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"a head without an end ends it":     "GET /1k HTTP/1.1\r\nX: " + strings.Repeat("x", maxHead),
		"a body over HTTP/2 ends it":        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x01\x01\x04\x00\x00\x00\x01\x83",
		"a WebSocket without a key ends it": "GET /socket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
		"a closed connection ends it":       "",
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := dial(t, addr)
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			if request == "" {
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := r.ReadByte(); err == nil {
				t.Errorf("got the byte %q, want the end", got)
			} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Error("the connection stays open, want it closed")
			}
		})
	}
}
