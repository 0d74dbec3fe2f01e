//go:build linux

// Package origin is the upstream of the benchmark: an HTTP/1.1 server that costs as little as possible. Its answers are
// rendered in advance, it is one thread on one epoll instance, and of a request it reads only the method, the target
// and the Content-Length. A connection that begins with the preface of HTTP/2 speaks that.
package origin

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/bench/internal/epoll"
)

// The targets that the origin knows; it answers 404 to all others.
const (
	// Small answers with SmallBytes.
	Small = "/1k"
	// Large answers with LargeBytes.
	Large = "/1m"
	// Sink reads the whole body and answers with SinkBytes.
	Sink = "/sink"
	// Echo answers with the head of the request as received, so that the fields added by a proxy can be checked.
	Echo = "/echo"
	// Socket becomes a WebSocket, which sends back each Message.
	Socket = "/socket"
	// Events sends an Event each second, for as long as the client stays.
	Events = "/events"
)

// The lengths of the answers' bodies, in bytes.
const (
	SmallBytes = 1 << 10
	LargeBytes = 1 << 20
	SinkBytes  = 16
)

// maxHead bounds a request head, in bytes.
const maxHead = 16 << 10

// missingBody is the body of the answer to other targets.
const missingBody = "no such target\n"

// answers holds the rendered answers, each with head and body in one piece, and for HTTP/2 the header blocks and the body.
type answers struct {
	// sized are those to Sized targets; masked and unmasked are the frames of a WebSocket message, event is a chunk.
	sized                         [][]byte
	masked, unmasked, event       []byte
	small, large, sink, missing   []byte
	h2Small, h2Missing, smallBody []byte
}

func newAnswers() answers {
	small := bytes.Repeat([]byte("0123456789abcdef"), SmallBytes/16)
	return answers{
		sized: newSized(), masked: Message(true), unmasked: Message(false), event: eventChunk(),
		small: render("200 OK", small), smallBody: small,
		h2Small: headerBlock("200", SmallBytes), h2Missing: headerBlock("404", len(missingBody)),
		large:   render("200 OK", bytes.Repeat([]byte("0123456789abcdef"), LargeBytes/16)),
		sink:    render("200 OK", bytes.Repeat([]byte("s"), SinkBytes)),
		missing: render("404 Not Found", []byte(missingBody)),
	}
}

// render renders an answer with the fields that common application servers send.
func render(status string, body []byte) []byte {
	head := "HTTP/1.1 " + status + "\r\nServer: origin\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n" +
		"Content-Type: application/octet-stream\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nLast-Modified: Sun, 01 Nov 2026 10:00:00 GMT\r\nCache-Control: no-store\r\n\r\n"
	return append([]byte(head), body...)
}

// server is the loop's state, for one goroutine.
type server struct {
	poller   *epoll.Poller
	listener int
	answers  answers
	conns    map[int32]*conn
	buf      []byte
	// subscriptions are the connections that get events, in the order in which their next ones are due.
	subscriptions []subscription
}

// Serve serves listener until ctx ends, which it notices within 100 ms, and then closes all its connections. It takes
// ownership of the listener.
func Serve(ctx context.Context, listener *net.TCPListener) error {
	file, err := listener.File()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := listener.Close(); err != nil {
		return err
	}
	poller, err := epoll.New(256)
	if err != nil {
		return err
	}
	s := &server{poller: poller, listener: int(file.Fd()), answers: newAnswers(), conns: map[int32]*conn{},
		buf: make([]byte, 256<<10)}
	defer s.close()
	if err := unix.SetNonblock(s.listener, true); err != nil {
		return err
	}
	if err := poller.Add(s.listener, epoll.Readable); err != nil {
		return err
	}
	for ctx.Err() == nil {
		events, err := poller.Wait(s.publish(time.Now(), 100*time.Millisecond))
		if err != nil {
			return err
		}
		if len(events) == 0 {
			runtime.Gosched() // Wait blocks its thread without telling the scheduler
		}
		for _, event := range events {
			if int(event.Fd) == s.listener {
				s.accept()
			} else if c := s.conns[event.Fd]; c != nil && !s.ready(c, event.Events) {
				s.end(c)
			}
		}
	}
	return nil
}

func (s *server) close() {
	for _, c := range s.conns {
		_ = unix.Close(c.fd)
	}
	_ = s.poller.Close()
}

// end closes a connection.
func (s *server) end(c *conn) {
	delete(s.conns, int32(c.fd))
	_ = unix.Close(c.fd)
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := s.poller.Add(fd, epoll.Readable); err != nil {
			_ = unix.Close(fd)
			continue
		}
		s.conns[int32(fd)] = &conn{fd: fd}
	}
}

// ready serves a connection that has events, and reports whether it stays open.
func (s *server) ready(c *conn, events uint32) bool {
	if events&epoll.Writable != 0 && len(c.out) > 0 {
		if !c.flush() {
			return false
		}
		if len(c.out) == 0 && s.poller.Modify(c.fd, epoll.Readable) != nil {
			return false
		}
	}
	if events&(epoll.Readable|unix.EPOLLERR|unix.EPOLLHUP) == 0 || len(c.out) > 0 {
		return true
	}
	n, err := epoll.Read(c.fd, s.buf)
	switch {
	case err == unix.EAGAIN:
		return true
	case err != nil || n == 0:
		return false
	}
	return s.consume(c, s.buf[:n])
}

// consume handles bytes of a connection: requests, also pipelined ones.
func (s *server) consume(c *conn, p []byte) bool {
	if c.h2 != nil {
		return s.consumeH2(c, p)
	}
	if c.socket {
		return s.consumeMessages(c, p)
	}
	for len(p) > 0 {
		if c.answer != nil {
			n := min(int64(len(p)), c.body)
			c.body -= n
			p = p[n:]
		} else {
			if len(c.head) > 0 {
				p = append(c.head, p...)
				c.head = nil
			}
			end := bytes.Index(p, []byte("\r\n\r\n"))
			if end < 0 {
				c.head = append([]byte(nil), p...)
				return len(p) <= maxHead
			}
			if bytes.HasPrefix(p, prefaceHead) {
				c.h2 = newH2()
				return s.consumeH2(c, p[end+4:])
			}
			var ok bool
			if c.answer, c.body, ok = s.route(c, p[:end+4]); !ok {
				return false
			}
			p = p[end+4:]
			switch {
			case c.socket:
				return s.send(c, c.answer) && s.consumeMessages(c, p)
			case c.events:
				return s.subscribe(c)
			}
		}
		if c.body == 0 {
			answer := c.answer
			c.answer = nil
			if !s.send(c, answer) {
				return false
			}
		}
	}
	return true
}

// route returns the answer to a request and the length of its body, and sets what the connection becomes. ok is false for a
// chunked body, which it does not support.
func (s *server) route(c *conn, head []byte) (answer []byte, body int64, ok bool) {
	body, ok = bodyLength(head)
	_, target, _ := bytes.Cut(head, []byte(" "))
	target, _, _ = bytes.Cut(target, []byte(" "))
	switch string(target) {
	case Small:
		answer = s.answers.small
	case Large:
		answer = s.answers.large
	case Sink:
		answer = s.answers.sink
	case Echo:
		answer = render("200 OK", head)
	case Socket:
		answer, c.socket = upgrade(head)
		ok = ok && c.socket
	case Events:
		c.events = true
	default:
		if answer = s.answers.find(target); answer == nil {
			answer = s.answers.missing
		}
	}
	return answer, body, ok
}

// bodyLength returns the length of a request's body. A GET, as most requests here are, has none. It
// returns false for a chunked body or an invalid length.
func bodyLength(head []byte) (int64, bool) {
	if bytes.HasPrefix(head, []byte("GET ")) {
		return 0, true
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return n, err == nil && n >= 0
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			return 0, false
		}
	}
	return 0, true
}

// Listen opens a listener on a free port of the loopback address.
func Listen(ctx context.Context) (*net.TCPListener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("a %T is no TCP listener", listener)
	}
	return tcp, nil
}
