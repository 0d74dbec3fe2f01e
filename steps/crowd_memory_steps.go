package steps

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"
)

func (w *World) crowdMemorySteps() []step {
	return []step{
		{`the client {string}, which opens no window, makes {int} HTTP/2 connections to {string}, with {int} requests each of {string}`, w.openParked,
			"As small as HPACK makes them. Waits until the proxy has read all of them. What: " + parkedNames() + "."},
		{`the client {string}, which opens no window, makes {int} HTTP/2 connections to {string}, with {int} requests each of {string}, all at once`, w.openParkedAtOnce,
			"The same, but no connection sends a request before all of them are open."},
		{`{int} clients, which open no window, make {int} HTTP/2 connections each to {string}, with {int} requests each of {string}, all at once`, w.openParkedOfMany,
			"The same from many addresses."},
		{`the client {string}, which reads nothing, sends {string} over each of {int} connections to {string}`, w.keepUnread,
			"Over TLS, without HTTP/2, from sockets with small buffers. The connections stay open until the end of the scenario."},
	}
}

// parkedRequest is a kind of request that costs a client little.
type parkedRequest struct {
	// method is the byte of the method field, entry what the first request adds to the dynamic table, and repeated how
	// often each request refers to it.
	method   byte
	entry    [2]string
	repeated int
	// body is sent without ending the stream. If trailers is not 0, the end follows in trailers that refer to the entry
	// that many times.
	body     string
	trailers int
	// heads makes all requests but the first ask with HEAD, whose answers need no window.
	heads bool
	// webSocket makes it an extended CONNECT (RFC 8441), which is not ended.
	webSocket bool
}

var parkedRequests = map[string]parkedRequest{
	"a few bytes":                                            {method: 0x82},
	"127 times a field of 400":                               {method: 0x82, entry: [2]string{"x-a", strings.Repeat("v", 400)}, repeated: 127},
	"127 times a cookie of 400":                              {method: 0x82, entry: [2]string{"cookie", strings.Repeat("v", 400)}, repeated: 127},
	"a body of one byte, and more":                           {method: 0x83, body: "x"},
	"127 times a field of 400, a body of one byte, and more": {method: 0x83, entry: [2]string{"x-a", strings.Repeat("v", 400)}, repeated: 127, body: "x"},
	"a WebSocket":                                            {webSocket: true},
	"a few bytes, and then only for heads":                   {method: 0x82, heads: true},
	"a body of one byte, and 127 times a trailer of 400":     {method: 0x83, entry: [2]string{"x-a", strings.Repeat("v", 400)}, repeated: 1, body: "x", trailers: 127},
}

func parkedNames() string {
	return "`" + strings.Join(slices.Sorted(maps.Keys(parkedRequests)), "`, `") + "`"
}

// newestEntry refers to the newest entry of the dynamic table, which has index 62.
const newestEntry = 0x80 | 62

// block returns the header block of the first request, or of a later one, which only refers to the table.
func (r parkedRequest) block(host string, first bool) []byte {
	if r.webSocket {
		return webSocketBlock(host, first)
	}
	block, authority := []byte{r.method, 0x87, 0x84}, byte(newestEntry)
	if r.repeated > 0 {
		authority++
	}
	if !first && r.heads {
		block = hpackString([]byte{0x02}, "HEAD") // not added to the dynamic table
		block = append(block, 0x87, 0x84)
	}
	if !first {
		return append(append(block, authority), bytes.Repeat([]byte{newestEntry}, r.repeated)...)
	}
	block = hpackString(append(block, 0x41), host)
	if r.repeated > 0 {
		block = hpackString(hpackString(append(block, 0x40), r.entry[0]), r.entry[1])
	}
	return append(block, bytes.Repeat([]byte{newestEntry}, max(0, r.repeated-1))...)
}

// webSocketBlock is block for an extended CONNECT, which needs three entries of the table: the method, the protocol and the
// host.
func webSocketBlock(host string, first bool) []byte {
	if !first {
		return []byte{newestEntry + 2, newestEntry + 1, 0x87, 0x84, newestEntry}
	}
	block := hpackString([]byte{0x42}, "CONNECT")
	block = hpackString(hpackString(append(block, 0x40), ":protocol"), "websocket")
	return hpackString(append(block, 0x87, 0x84, 0x41), host)
}

func (w *World) openParked(client string, conns int, url string, requests int, what string) error {
	for range conns {
		if err := w.openParkedAtOnce(client, 1, url, requests, what); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) openParkedAtOnce(client string, conns int, url string, requests int, what string) error {
	return w.openParkedOf([]string{client}, conns, url, requests, what)
}

func (w *World) openParkedOfMany(clients, conns int, url string, requests int, what string) error {
	names := make([]string, clients)
	for i := range names {
		names[i] = fmt.Sprintf("one of many, %d", i+1)
	}
	return w.openParkedOf(names, conns, url, requests, what)
}

// openParkedOf opens so many connections of each client, and then sends the requests on all of them.
func (w *World) openParkedOf(clients []string, conns int, url string, requests int, what string) error {
	kind, ok := parkedRequests[what]
	if !ok {
		return fmt.Errorf("%q is not a kind of request; %s are", what, parkedNames())
	}
	all := make([]*parkedConn, conns*len(clients))
	var err error
	for i := range all {
		if all[i], err = w.parkedConn(clients[i/conns], url); err != nil {
			return err
		}
	}
	for _, c := range all {
		err = errors.Join(err, c.send(requests, kind))
	}
	for _, c := range all {
		err = errors.Join(err, c.awaitRead(w))
	}
	return err
}

// keepUnread opens connections that send a request and read nothing of the answer.
func (w *World) keepUnread(client, text string, count int, url string) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	scheme, host, _ := strings.Cut(url, "://")
	address, err := w.dialAddress(scheme, host, 0)
	if err != nil {
		return err
	}
	config := w.clientTLS(hostOnly(host), false)
	config.NextProtos = []string{"http/1.1"}
	dialer := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(w.clientAddress(client))}, Control: smallSocket}
	for range count {
		conn, err := tls.DialWithDialer(dialer, "tcp", address, config)
		if err != nil {
			return err
		}
		w.cleanup(func() error {
			_ = conn.Close() // the proxy may have closed it
			return nil
		})
		if _, err := io.WriteString(conn, data); err != nil {
			return err
		}
	}
	return nil
}

// smallSocket makes a socket that is about to connect one with small buffers at both ends, as of a client that is far away: with
// the segments of the loopback interface, the kernel would buffer megabytes of each answer.
func smallSocket(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = errors.Join(
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1400),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10))
	})
	return errors.Join(err, failed)
}

// parkedConn is a connection whose client opens no window.
type parkedConn struct {
	net.Conn
	host string
	sent bytes.Buffer
	out  *http2.Framer
}

func (w *World) parkedConn(client, url string) (*parkedConn, error) {
	conn, err := w.h2Connect(client, url)
	if err != nil {
		return nil, err
	}
	c := &parkedConn{Conn: conn}
	_, c.host, _ = strings.Cut(url, "://")
	c.out = http2.NewFramer(&c.sent, conn)
	w.cleanup(func() error {
		_ = conn.Close() // the daemon, or awaitRead, may have closed it
		return nil
	})
	return c, nil
}

// send sends the preface and the requests.
func (c *parkedConn) send(requests int, kind parkedRequest) error {
	c.sent.WriteString(http2.ClientPreface)
	err := c.out.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for i := range uint32(requests) {
		err = errors.Join(err, c.out.WriteHeaders(http2.HeadersFrameParam{
			StreamID: 2*i + 1, BlockFragment: kind.block(c.host, i == 0), EndHeaders: true, EndStream: kind.body == "" && !kind.webSocket,
		}))
		if kind.body != "" {
			err = errors.Join(err, c.out.WriteData(2*i+1, false, []byte(kind.body)))
		}
		if kind.trailers > 0 {
			err = errors.Join(err, c.out.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 2*i + 1, BlockFragment: bytes.Repeat([]byte{newestEntry}, kind.trailers), EndHeaders: true, EndStream: true,
			}))
		}
	}
	err = errors.Join(err, c.out.WritePing(false, [8]byte{'r', 'e', 'a', 'd'}))
	_ = c.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = c.Write(c.sent.Bytes())
	}
	return err
}

// awaitRead waits until the proxy has read all requests. From then on, what arrives is read and discarded.
func (c *parkedConn) awaitRead(w *World) error {
	var err error
	for {
		var frame http2.Frame
		if frame, err = c.out.ReadFrame(); err != nil {
			break
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			break
		}
	}
	_ = c.SetDeadline(time.Time{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	w.cleanup(func() error {
		_ = c.Close() // the daemon may have closed it
		<-ended
		return nil
	})
	if err != nil {
		return fmt.Errorf("the connection ended before its requests were read: %w", err)
	}
	return nil
}
