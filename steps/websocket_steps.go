package steps

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

func (w *World) webSocketSteps() []step {
	return []step{
		{`a client opens a WebSocket to {string}`, w.openWebSocket, "By Upgrade over HTTP/1.1, by an extended CONNECT (RFC 8441) over HTTP/2, each on a connection of its own. The sentences about raw connections apply to it: what they send and receive are its bytes, and over HTTP/2 its half or end is that of the stream."},
		{`a client requests a WebSocket from {string}`, w.askWebSocket, "The same, but it may be refused; the sentences under Answers check the answer."},
	}
}

// webSocketKey is the key of the example in RFC 6455, section 1.2.
const webSocketKey = "dGhlIHNhbXBsZSBub25jZQ=="

func (w *World) openWebSocket(url string) error {
	if err := w.askWebSocket(url); err != nil {
		return err
	}
	want := http.StatusSwitchingProtocols
	if w.protocol == "HTTP/2" {
		want = http.StatusOK // RFC 8441, section 5
	}
	if w.exchange.status != want {
		return fmt.Errorf("got the answer %d, want %d", w.exchange.status, want)
	}
	return nil
}

func (w *World) askWebSocket(url string) error {
	if w.protocol == "HTTP/2" {
		return w.connectWebSocket(url)
	}
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	conn, err := w.openRaw("", scheme+"://"+host, "")
	if err != nil {
		return err
	}
	err = conn.sendBytes("GET /" + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + webSocketKey + "\r\n\r\n")
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		x, err := conn.nextAnswer()
		if err == nil {
			w.exchange = x
		}
		return err
	})
}

// connectWebSocket opens a stream by an extended CONNECT and makes it the current connection of the scenario. An
// unsuccessful answer is returned with its body.
func (w *World) connectWebSocket(url string) error {
	opened := time.Now() // before the daemon's clocks begin, as in dialRaw
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	conn, err := w.h2Connect("", scheme+"://"+host)
	if err != nil {
		return err
	}
	//lint:ignore SA1019 net/http's Transport does not support connections dialled elsewhere, or :protocol (RFC 8441)
	client, err := (&http2.Transport{DisableCompression: true}).NewClientConn(conn)
	if err != nil {
		_ = conn.Close()
		return err
	}
	body, writer := io.Pipe()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodConnect, url, body)
	if err != nil {
		_ = client.Close()
		return err
	}
	req.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}, "User-Agent": nil}
	x := newExchange()
	x.started = opened
	resp, err := client.RoundTrip(req)
	if err != nil {
		_ = client.Close()
		return err
	}
	x.status, x.proto, x.header = resp.StatusCode, resp.Proto, resp.Header
	close(x.head)
	if resp.StatusCode != http.StatusOK {
		x.readBody(resp.Body)
	}
	close(x.done)
	stream := &webSocketStream{Conn: conn, client: client, in: resp.Body, out: writer}
	c := &rawConn{Conn: stream, ended: make(chan struct{}), opened: opened}
	c.read()
	go c.receive()
	if old, ok := w.conns[""]; ok {
		old.close()
	}
	w.conns[""], w.conn, w.exchange = c, c, x
	return nil
}

// webSocketStream is an HTTP/2 stream as a connection. It is the only stream of its connection, which stays open when
// the stream ends.
type webSocketStream struct {
	net.Conn
	//lint:ignore SA1019 net/http's Transport has no :protocol (RFC 8441)
	client *http2.ClientConn
	in     io.ReadCloser
	out    *io.PipeWriter
}

// Read reads from the stream; io.EOF is the end of its direction.
func (s *webSocketStream) Read(p []byte) (int, error) { return s.in.Read(p) }

// Write sends on the stream as its window allows. It gives up after a step's patience.
func (s *webSocketStream) Write(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	written := make(chan result, 1)
	go func() {
		n, err := s.out.Write(p)
		written <- result{n, err}
	}()
	select {
	case r := <-written:
		return r.n, r.err
	case <-time.After(patience):
		_ = s.out.CloseWithError(errors.New("the window stays closed"))
		<-written
		return 0, os.ErrDeadlineExceeded
	}
}

// SetWriteDeadline does nothing: Write has its own deadline, and one on the connection would end the stream.
func (s *webSocketStream) SetWriteDeadline(time.Time) error { return nil }

// CloseWrite ends the direction towards the daemon.
func (s *webSocketStream) CloseWrite() error { return s.out.Close() }

// Close ends the connection.
func (s *webSocketStream) Close() error {
	_ = s.out.CloseWithError(net.ErrClosed)
	return s.client.Close()
}
