package soak

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// bigHead is a head that is longer than any proxy accepts. It is made once, because the clients whose requests are timed run in
// the same process.
var bigHead = "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Big: "+strings.Repeat("x", 4<<10)+"\r\n", 64) + "\r\n"

// serveHTTP1 takes one request, and reports whether the connection continues. What is below TLS is raw.
func (m *member) serveHTTP1(raw, conn net.Conn, in *bufio.Reader) bool {
	r, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	fault := m.current()
	if fault == SaysNothing { // from now on, on the connections that there were
		_, _ = io.Copy(io.Discard, raw)
		return false
	}
	id := idOf(r.URL.Path)
	m.sees(id)
	if fault == Closes {
		return false
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return false
	}
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
	switch fault {
	case Hangs:
		_, _ = io.Copy(io.Discard, in)
		return false
	case HalfHead:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le")
		return false
	case ResetsBody:
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 10+len(id), id)
		abort(raw)
		return false
	case Garbage:
		_, err = io.WriteString(conn, garbage)
		return err == nil
	case BigHead:
		_, err = io.WriteString(conn, bigHead)
		return err == nil
	case AnswersUnasked:
		answer += "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"
	}
	_, err = io.WriteString(conn, answer)
	return err == nil
}

// garbage is neither HTTP/1.1 nor a frame.
const garbage = "\xa5\x00garbage\xff\r\n\r\n and more of it"

// idOf returns the identity of a request.
func idOf(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// abort makes the end of a connection a reset, where that exists.
func abort(raw net.Conn) {
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
