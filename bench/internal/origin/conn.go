//go:build linux

package origin

import (
	"golang.org/x/sys/unix"

	"reverse-proxy/bench/internal/epoll"
)

// conn is a connection from a proxy.
type conn struct {
	fd int
	// head holds the beginning of a request head whose end has not arrived yet.
	head []byte
	// answer is the answer to the current request, sent once its body is read; body is how many bytes of that are
	// missing.
	answer []byte
	body   int64
	// out is what the socket has not accepted yet.
	out []byte
	// h2 is the state of HTTP/2; nil for HTTP/1.1.
	h2 *h2
	// socket reports whether it has become a WebSocket; message is how much has come of a message.
	socket  bool
	message int
	// events reports whether it gets events as soon as the request is read.
	events bool
}

// send writes an answer, and keeps any rest for later.
func (s *server) send(c *conn, answer []byte) bool {
	if len(c.out) > 0 {
		c.out = append(append([]byte(nil), c.out...), answer...)
		return true
	}
	c.out = answer
	if !c.flush() {
		return false
	}
	return len(c.out) == 0 || s.poller.Modify(c.fd, epoll.Writable) == nil
}

// flush writes what was kept, as far as the socket accepts it.
func (c *conn) flush() bool {
	for len(c.out) > 0 {
		n, err := epoll.Write(c.fd, c.out)
		if err == unix.EAGAIN {
			return true
		}
		if err != nil {
			return false
		}
		c.out = c.out[n:]
	}
	return true
}
