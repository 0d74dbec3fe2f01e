package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/http1"
)

// piecesConn is a connection on which the given bytes arrive in pieces, followed by its end.
type piecesConn struct {
	net.Conn
	rest  []byte
	piece int
	end   error
}

func (c *piecesConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, c.end
	}
	n := copy(p[:min(len(p), c.piece)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// readBody reads the response on the connection to its end, and returns its body, its trailers, how many bytes beyond it
// were read, and the error.
func readBody(conn *upstreamConn, method string) (body []byte, trailers Fields, left int, err error) {
	conn.begin()
	if err := conn.readHead(); err != nil {
		return nil, nil, 0, err
	}
	conn.body.begin(conn.upstreamResponse, method)
	field := conn.head.Fields.Get("X-Mark") // has to outlive the body
	for {
		var data []byte
		data, err = conn.body.next()
		body = append(body, data...)
		if err != nil {
			break
		}
	}
	if got := conn.head.Fields.Get("X-Mark"); got != field || field != "" && field != "kept" {
		return nil, nil, 0, fmt.Errorf("the head's field was overwritten with %q", got)
	}
	trailers, left = cloneFields(conn.body.trailers()), conn.body.buffered()
	conn.detach().release()
	return body, trailers, left, err
}

// chunked encodes a text in chunks of the given size.
func chunked(text string, size int) string {
	var out []byte
	for text != "" {
		n := min(size, len(text))
		out = http1.AppendChunkEnd(append(http1.AppendChunkHead(out, n), text[:n]...))
		text = text[n:]
	}
	return string(out)
}

func TestUpstreamBodiesInPiecesOfEverySize(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nX-Mark: kept\r\n"
	long := strings.Repeat("0123456789abcdef", 20_000) // 320 kB: over every buffer
	filling := ok + "X-Fill: " + strings.Repeat("x", upstreamBufferBytes-len(ok)-len("X-Fill: \r\nContent-Length: 5\r\n\r\n")) + "\r\nContent-Length: 5\r\n\r\n"
	broken := errors.New("connection reset")
	for _, test := range []struct {
		name, method, response string
		end                    error
		body                   string
		trailers               Fields
		left                   int
		err                    error // io.EOF when nil
	}{
		{name: "a declared length is read", response: ok + "Content-Length: 5\r\n\r\nhello", body: "hello"},
		{name: "the length 0 is read", response: ok + "Content-Length: 0\r\n\r\n"},
		{name: "bytes after the length are left", response: ok + "Content-Length: 5\r\n\r\nhelloHTTP", body: "hello", left: 4},
		{name: "a length is not reached", response: ok + "Content-Length: 9\r\n\r\nhello", body: "hello", err: io.ErrUnexpectedEOF},
		{name: "a connection breaks before the length", response: ok + "Content-Length: 9\r\n\r\nhello", end: broken, body: "hello", err: broken},
		{name: "chunks are read", response: ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked("hello world", 3) + "0\r\n\r\n", body: "hello world"},
		{name: "chunks have trailers", response: ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked("hello", 9) + "0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n",
			body: "hello", trailers: fieldList("X-Sum", "1", "X-Two", "2")},
		{name: "there is no chunk", response: ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{name: "bytes after the last chunk are left", response: ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHT", body: "x", left: 2},
		{name: "the last chunk is missing", response: ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked("hello", 2), body: "hello", err: io.ErrUnexpectedEOF},
		{name: "a chunk is cut short", response: ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", body: "hello", err: io.ErrUnexpectedEOF},
		{name: "trailers are cut short", response: ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n", body: "x", err: io.ErrUnexpectedEOF},
		{name: "a chunk is invalid", response: ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", body: "hello", err: new(http1.Error)},
		{name: "the end of the connection ends it", response: ok + "\r\nhello", body: "hello"},
		{name: "an end without close_notify is an error", response: ok + "\r\nhello", end: io.ErrUnexpectedEOF, body: "hello", err: io.ErrUnexpectedEOF},
		{name: "an answer to HEAD has no body", method: "HEAD", response: ok + "Content-Length: 5\r\n\r\n"},
		{name: "a body after an answer to HEAD is left", method: "HEAD", response: ok + "Content-Length: 5\r\n\r\nhello", left: 5},
		{name: "204 has no body", response: "HTTP/1.1 204 No Content\r\n\r\n"},
		{name: "304 has no body", response: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
		{name: "a long body has a length", response: ok + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(long)) + long, body: long},
		{name: "a long body has long chunks", response: ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked(long, 100_000) + "0\r\n\r\n", body: long},
		{name: "a long body has many chunks", response: ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked(long, 1000) + "0\r\n\r\n", body: long},
		{name: "a long body ends with the connection", response: ok + "\r\n" + long, body: long},
		{name: "a head fills the buffer", response: filling + "hello", body: "hello"},
		{name: "a head is larger than the buffer", response: ok + "X-Fill: " + strings.Repeat("x", 60_000) + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(long, 70_000) + "0\r\n\r\n", body: long},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 5, 7, 11, 64, 1000, 4096, upstreamBufferBytes - 1, upstreamBufferBytes, longBodyBufferBytes, 1 << 20} {
				if piece < 64 && len(test.response) > 100_000 {
					continue // would only be slower
				}
				source := &piecesConn{rest: []byte(test.response), piece: piece, end: test.end}
				if test.end == nil {
					source.end = io.EOF
				}
				conn := &upstreamConn{Conn: source}
				body, trailers, left, err := readBody(conn, test.method)
				want := test.err
				if want == nil {
					want = io.EOF
				}
				var malformed *http1.Error
				if _, ok := want.(*http1.Error); ok && !errors.As(err, &malformed) || !ok && err != want {
					t.Errorf("in pieces of %d: error %v, want %v", piece, err, want)
				}
				if !bytes.Equal(body, []byte(test.body)) {
					t.Errorf("in pieces of %d: got %d bytes, want %d", piece, len(body), len(test.body))
				}
				if diff := cmp.Diff(test.trailers, trailers); diff != "" {
					t.Errorf("in pieces of %d: trailers (-want +got):\n%s", piece, diff)
				}
				// Bytes read beyond the end have to be counted; unread ones are seen at the socket.
				if unread := left + len(source.rest); err == io.EOF && unread != test.left {
					t.Errorf("in pieces of %d: %d bytes are left, want %d", piece, unread, test.left)
				}
			}
		})
	}
}
