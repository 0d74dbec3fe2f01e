package soak

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// attack is what a client does on its own connection, until that ends or the time is over.
type attack struct {
	name string
	// protocol is agreed on by ALPN; "" means the redirect port, without TLS.
	protocol string
	run      func(a *attacker)
}

// attackTime is the longest duration of one attack.
const attackTime = 10 * time.Second

// attacker is the connection of an attack.
type attacker struct {
	net.Conn
	framer *http2.Framer
	block  bytes.Buffer
	hpack  *hpack.Encoder
	host   string
	err    error
}

// attacks returns the floods of features/http2_attacks.feature, and clients that are slow or silent.
func attacks() []attack {
	flood := func(send func(a *attacker, i int)) func(a *attacker) {
		return func(a *attacker) {
			for i := 0; a.err == nil; i++ {
				send(a, i)
			}
		}
	}
	return []attack{
		{"streams reset in bulk", "h2", flood(func(a *attacker, i int) {
			a.request(uint32(2*i+1), "GET", true)
			a.sent(a.framer.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel))
		})},
		{"streams without end", "h2", flood(func(a *attacker, i int) { a.request(uint32(2*i+1), "POST", false) })},
		{"HEADERS on a stream that was refused", "h2", func(a *attacker) {
			a.request(1, "GET", false, "connection", "close")
			flood(func(a *attacker, _ int) { a.request(1, "GET", true) })(a)
		}},
		{"endless CONTINUATION", "h2", func(a *attacker) {
			a.sent(a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: a.encode(":method", "GET")}))
			flood(func(a *attacker, i int) { a.sent(a.framer.WriteContinuation(1, false, a.encode("x", fmt.Sprint(i)))) })(a)
		}},
		{"header bombs", "h2", func(a *attacker) {
			a.request(1, "GET", true, "x", strings.Repeat("v", 400))
			bomb := append(a.encode(":method", "GET", ":scheme", "https", ":path", "/", ":authority", a.host), bytes.Repeat([]byte{0x80 | 62}, 120)...)
			flood(func(a *attacker, i int) {
				a.sent(a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 3), BlockFragment: bomb, EndHeaders: true, EndStream: true}))
			})(a)
		}},
		{"PING", "h2", flood(func(a *attacker, _ int) { a.sent(a.framer.WritePing(false, [8]byte{})) })},
		{"SETTINGS", "h2", flood(func(a *attacker, _ int) { a.sent(a.framer.WriteSettings()) })},
		{"WINDOW_UPDATE", "h2", flood(func(a *attacker, _ int) { a.sent(a.framer.WriteWindowUpdate(0, 1)) })},
		{"DATA without a byte", "h2", func(a *attacker) {
			a.request(1, "POST", false)
			flood(func(a *attacker, _ int) { a.sent(a.framer.WriteData(1, false, nil)) })(a)
		}},
		{"answers whose window is never opened", "h2", func(a *attacker) {
			a.sent(a.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
			for i := range uint32(200) {
				a.request(2*i+1, "GET", true)
			}
			a.untilTheEnd()
		}},
		{"a head that does not end", "http/1.1", func(a *attacker) { a.trickle("GET / HTTP/1.1\r\nX: ") }},
		{"a body that does not end", "http/1.1", func(a *attacker) {
			a.trickle("POST / HTTP/1.1\r\nHost: " + a.host + "\r\nContent-Length: 1000000\r\n\r\n")
		}},
		{"garbage", "http/1.1", func(a *attacker) { a.write(strings.Repeat("\x00\xff\r\n", 5000)) }},
		{"silence", "http/1.1", func(a *attacker) { a.untilTheEnd() }},
		{"a request in small bites, whose answer nobody reads", "http/1.1", func(a *attacker) {
			for a.err == nil {
				a.write("GET / HTTP/1.1\r\nHost: " + a.host + "\r\n\r\n")
			}
		}},
		{"a body for the redirect port", "", func(a *attacker) {
			a.trickle("POST / HTTP/1.1\r\nHost: " + a.host + "\r\nContent-Length: 1000000\r\n\r\n")
		}},
		{"silence at the redirect port", "", func(a *attacker) { a.untilTheEnd() }},
	}
}

// perform opens a connection from the address and runs the attack on it.
func (at *attack) perform(ctx context.Context, d *Daemon, from net.IP, host string) {
	dialer := &net.Dialer{Timeout: attackTime, LocalAddr: &net.TCPAddr{IP: from}}
	port := d.Port
	if at.protocol == "" {
		port = d.HTTP
	}
	conn, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return // with so many attackers there may be no room
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(attackTime))
	a := &attacker{Conn: conn, host: host}
	if at.protocol != "" {
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: host, NextProtos: []string{at.protocol}})
		if secure.HandshakeContext(ctx) != nil {
			return
		}
		a.Conn = secure
	}
	if at.protocol == "h2" {
		a.framer, a.hpack = http2.NewFramer(a.Conn, a.Conn), hpack.NewEncoder(&a.block)
		a.framer.AllowIllegalWrites = true
		a.write(http2.ClientPreface)
		a.sent(a.framer.WriteSettings())
	}
	at.run(a)
}

func (a *attacker) sent(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *attacker) write(text string) {
	_, err := io.WriteString(a, text)
	a.sent(err)
}

// encode makes a header block from alternating names and values.
func (a *attacker) encode(list ...string) []byte {
	a.block.Reset()
	for i := 0; i+1 < len(list); i += 2 {
		_ = a.hpack.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]}) // writing to a bytes.Buffer does not fail
	}
	return bytes.Clone(a.block.Bytes())
}

func (a *attacker) request(id uint32, method string, end bool, more ...string) {
	block := a.encode(append([]string{":method", method, ":scheme", "https", ":path", "/large", ":authority", a.host}, more...)...)
	a.sent(a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: end}))
}

// trickle sends one byte at a time.
func (a *attacker) trickle(begin string) {
	for a.write(begin); a.err == nil; a.write("x") {
		time.Sleep(50 * time.Millisecond) // the speed of such a client
	}
}

// untilTheEnd reads until the proxy closes the connection.
func (a *attacker) untilTheEnd() { _, a.err = io.Copy(io.Discard, a) }
