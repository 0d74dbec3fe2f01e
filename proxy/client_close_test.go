package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// unreadClient is a client that reads nothing after its handshake and has a small receive buffer. It can send records that
// crypto/tls does not let a client send.
type unreadClient struct {
	*tls.Conn
	raw     *net.TCPConn
	secrets bytes.Buffer
	// records is the number of TLS records sent since the handshake.
	records recordCounter
}

// recordCounter counts the writes of TLS, each of which is one record if no more than 16 KiB are written at a time.
type recordCounter struct {
	net.Conn
	mu sync.Mutex
	n  uint64
}

func (c *recordCounter) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// dialUnread opens a connection as an unreadClient.
func dialUnread(t *testing.T, p *dataPath, protocol string) *unreadClient {
	t.Helper()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	c := &unreadClient{raw: conn.(*net.TCPConn)}
	t.Cleanup(func() { _ = conn.Close() })
	if err := c.raw.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	c.records.Conn = conn
	c.Conn = tls.Client(&c.records, &tls.Config{
		InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13, KeyLogWriter: &c.secrets,
	})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.records.n = 0
	return c
}

// updateKeys sends KeyUpdate(update_requested) (RFC 8446, section 4.6.3), which the peer must answer. The peer cannot
// decrypt what TLS sends after it.
func (c *unreadClient) updateKeys(t *testing.T) {
	t.Helper()
	var secret []byte
	for line := range strings.Lines(c.secrets.String()) {
		if parts := strings.Fields(line); parts[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, _ = hex.DecodeString(parts[2])
		}
	}
	expand := func(label string, n int) []byte {
		info := append([]byte{byte(n >> 8), byte(n), byte(len("tls13 " + label))}, "tls13 "+label...)
		key, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	var aead cipher.AEAD
	switch suite := c.ConnectionState().CipherSuite; suite {
	case tls.TLS_AES_128_GCM_SHA256:
		block, _ := aes.NewCipher(expand("key", 16))
		aead, _ = cipher.NewGCM(block)
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		aead, _ = chacha20poly1305.New(expand("key", 32))
	default:
		t.Fatalf("got the suite %s, want one that the test knows", tls.CipherSuiteName(suite))
	}
	nonce := expand("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, c.records.n) {
		nonce[4+i] ^= b
	}
	message := []byte{24, 0, 0, 1, 1, 22} // KeyUpdate with update_requested, and the type of a handshake record
	head := []byte{23, 3, 3, 0, byte(len(message) + aead.Overhead())}
	_, _ = c.raw.Write(append(head, aead.Seal(nil, nonce, message, head)...)) // the connection may have been ended
}

// serverSockets returns the states of the kernel's sockets for the server's side of a connection, in the kernel's
// hexadecimal notation.
func serverSockets(t *testing.T, c *unreadClient) (states []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Skip(err)
	}
	hex := func(a net.Addr) string {
		at := a.(*net.TCPAddr)
		return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(at.IP.To4()), at.Port)
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); f[1] == hex(c.raw.RemoteAddr()) && f[2] == hex(c.raw.LocalAddr()) {
			states = append(states, f[3]+" "+f[4])
		}
	}
	return states
}

// h2Frames returns the frames of a client that has opened its windows as far as possible.
func h2Frames(write func(c *h2Client)) []byte {
	var out bytes.Buffer
	c := &h2Client{framer: http2.NewFramer(&out, nil)}
	c.framer.AllowIllegalWrites = true
	c.hpack = hpack.NewEncoder(&c.block)
	write(c)
	return out.Bytes()
}

// TestAClientThatReadsNothingIsGoneAfterItsClock runs clients with more data under way than the kernel takes, each with
// a different behaviour. However they make TLS and HTTP/2 wait, the connection must end, and the kernel must keep
// nothing of it (S-12.9).
func TestAClientThatReadsNothingIsGoneAfterItsClock(t *testing.T) {
	begin := h2Frames(func(c *h2Client) {
		c.sent(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}))
		c.sent(c.framer.WriteWindowUpdate(0, 1<<31-1-65535))
		c.request(1, "GET", "/", true)
		c.request(3, "GET", "/", true)
	})
	garbage := append([]byte{0x17, 3, 3, 0, 0x28}, make([]byte, 40)...)
	tests := []struct {
		name, protocol, first string
		then                  func(t *testing.T, c *unreadClient)
	}{
		{"HTTP/2, nothing more is sent", "h2", http2.ClientPreface + string(begin), nil},
		{"HTTP/2, a KeyUpdate is sent", "h2", http2.ClientPreface + string(begin), func(t *testing.T, c *unreadClient) { c.updateKeys(t) }},
		{"HTTP/2, garbage is sent", "h2", http2.ClientPreface + string(begin), func(_ *testing.T, c *unreadClient) { _, _ = c.raw.Write(garbage) }},
		{"HTTP/2, resets and a KeyUpdate are sent", "h2", http2.ClientPreface + string(begin), func(t *testing.T, c *unreadClient) {
			_, _ = c.Write(h2Frames(func(c *h2Client) {
				c.sent(c.framer.WriteRSTStream(1, http2.ErrCodeCancel))
				c.sent(c.framer.WriteRSTStream(3, http2.ErrCodeCancel))
			}))
			c.updateKeys(t)
		}},
		{"HTTP/2, a request is sent again and again", "h2", http2.ClientPreface + string(begin), func(_ *testing.T, c *unreadClient) {
			for id := uint32(5); ; id += 2 {
				if _, err := c.Write(h2Frames(func(c *h2Client) { c.request(id, "GET", "/", true) })); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond) // such a client's interval
			}
		}},
		{"HTTP/2, a stream goes beyond a bound", "h2", http2.ClientPreface + string(begin), func(_ *testing.T, c *unreadClient) {
			_, _ = c.Write(h2Frames(func(c *h2Client) { c.sent(c.framer.WriteWindowUpdate(0, 1<<31-1)) }))
		}},
		{"HTTP/2, the client ends what it sends", "h2", http2.ClientPreface + string(begin), func(_ *testing.T, c *unreadClient) { _ = c.raw.CloseWrite() }},
		{"HTTP/1.1, nothing more is sent", "http/1.1", getA, nil},
		{"HTTP/1.1, garbage is sent", "http/1.1", getA, func(_ *testing.T, c *unreadClient) { _, _ = c.raw.Write(garbage) }},
		{"HTTP/1.1, a body is not read", "http/1.1", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\n", nil},
		{"HTTP/1.1, the kernel takes an answer whole", "http/1.1", "GET /small HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", nil},
		{"HTTP/1.1, the connection is kept", "http/1.1", "GET /small HTTP/1.1\r\nHost: a.test\r\n\r\n", nil},
	}
	large := strings.Repeat("x", 20<<20)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			body := large
			if strings.HasPrefix(head, "GET /small") {
				body = large[:1<<20]
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
			_, _ = io.WriteString(conn, body)
		}
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The handshake has more time, because on a loaded machine one second may not be enough for it.
			p := startPath(t, upstream, func(o *pathOptions) { o.bodyIdle, o.idle, o.header = time.Second, time.Second, 10*time.Second })
			c := dialUnread(t, p, test.protocol)
			if _, err := io.WriteString(c, test.first); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the connection to be full", func() bool {
				n := int64(0)
				for _, state := range serverSockets(t, c) {
					_, _ = fmt.Sscanf(state, "0%d %x:", new(int), &n)
				}
				return n > 100<<10 || p.registry.count() == 0 // on a loaded machine its deadline may have passed already
			})
			if test.then != nil {
				then := make(chan struct{})
				go func() {
					defer close(then)
					test.then(t, c)
				}()
				defer func() { _ = c.raw.Close(); <-then }()
			}
			waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 })
			waitFor(t, "the kernel to forget it", func() bool { return len(serverSockets(t, c)) == 0 })
			waitFor(t, "the end of all requests", func() bool { return p.pipeline.inFlight.Load() == 0 })
		})
	}
}

// TestAnAnswerThatTheKernelHoldsReachesASlowClient has a client read an answer after its connection was closed. It is
// slower than every deadline, but keeps reading a little.
func TestAnAnswerThatTheKernelHoldsReachesASlowClient(t *testing.T) {
	for _, closing := range []string{"Connection: close\r\n", ""} {
		t.Run(closing, func(t *testing.T) {
			t.Parallel()
			const size = 1 << 20
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
				}
			})
			p := startPath(t, upstream, func(o *pathOptions) { o.bodyIdle, o.idle, o.header = time.Second, time.Second, 10*time.Second })
			c := dialUnread(t, p, "http/1.1")
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n"+closing+"\r\n"); err != nil {
				t.Fatal(err)
			}
			got, buffer := 0, make([]byte, size/20)
			for {
				n, err := io.ReadFull(c, buffer)
				got += n
				if err != nil {
					break
				}
				time.Sleep(150 * time.Millisecond) // a slow client
			}
			if got < size {
				t.Errorf("got %d bytes, want all %d", got, size)
			}
			waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 })
		})
	}
}

// TestAHandshakeThatIsLetGoCanWriteNothing holds the order in which a start that fails ends the clients at the gate: crypto/tls
// sends an alert as soon as the wait ends, which would be an answer (S-4.3).
func TestAHandshakeThatIsLetGoCanWriteNothing(t *testing.T) {
	ours, _ := socketPair(t)
	fd, err := descriptorOf(ours.streamConn)
	if err != nil {
		t.Fatal(err)
	}
	c := &clientConn{socket: ours}
	c.idle.Init(nil, c, ours.streamConn.(*net.TCPConn), fd)
	var alert error
	letGo := context.CancelFunc(func() { _, alert = c.socket.Write([]byte("an alert")) })
	c.letGo.Store(&letGo)
	c.interrupt()
	if !isTimeout(alert) {
		t.Errorf("got %v when the wait had ended, want the write to fail", alert)
	}
}
