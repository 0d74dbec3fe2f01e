package steps

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// rawConn is a client's connection that sends exact bytes and records everything it receives.
type rawConn struct {
	net.Conn
	in output
	// consumed is the number of bytes of in that belong to answers already checked.
	consumed int
	// method is that of the last request sent, which determines whether its answer has a body.
	method string
	// gate is closed when the client should start to read; until then the data stays in the kernel.
	gate               chan struct{}
	gateMade, gateShut sync.Once
	// ended is closed when the other side has closed the connection, in any way; err and endedAt say how and when.
	ended   chan struct{}
	err     error
	opened  time.Time
	endedAt time.Time
	// firstByte is when the first byte arrived, as nanoseconds since 1970; 0 if none has.
	firstByte atomic.Int64
}

// arrivals records what a connection receives.
type arrivals struct{ *rawConn }

// Write records bytes received on the connection.
func (a arrivals) Write(p []byte) (int, error) {
	a.firstByte.CompareAndSwap(0, time.Now().UnixNano())
	return a.in.Write(p)
}

// errNoCloseNotify is a TLS connection's end without close_notify. crypto/tls treats it as a clean end.
var errNoCloseNotify = errors.New("the TLS connection ended without close_notify")

// watchedConn notices when a read reaches the end of the connection, for which TLS never reads after close_notify.
type watchedConn struct {
	net.Conn
	ended bool // belongs to the goroutine that reads
}

// Read implements net.Conn.
func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.ended = c.ended || err == io.EOF
	return n, err
}

// openRaw opens a connection to the URL's address: TLS for https, plain TCP for http and tcp.
func (w *World) openRaw(name, url, client string) (*rawConn, error) {
	c, err := w.dialRaw(name, url, client, "http/1.1")
	if err != nil {
		return nil, err
	}
	c.read()
	return c, nil
}

// dialRaw is openRaw with a TLS protocol, for a client that does not read yet.
func (w *World) dialRaw(name, url, client, protocol string) (*rawConn, error) {
	scheme, host, ok := strings.Cut(url, "://")
	if !ok {
		return nil, fmt.Errorf("%q is not a URL", url)
	}
	address := host
	if scheme != "tcp" {
		var err error
		if address, err = w.dialAddress(scheme, host, 0); err != nil {
			return nil, err
		}
	}
	opened := time.Now() // the daemon's clocks begin later, so by this one it never closes too early
	conn, err := w.dial(w.ctx, client, address)
	if err != nil {
		return nil, err
	}
	if scheme == "https" {
		config := w.clientTLS(hostOnly(host), false)
		config.NextProtos = []string{protocol}
		if net.ParseIP(config.ServerName) != nil {
			config = w.clientTLS("none", false)
		}
		secure := tls.Client(&watchedConn{Conn: conn}, config)
		if err := secure.HandshakeContext(w.ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	c := &rawConn{Conn: conn, ended: make(chan struct{}), opened: opened}
	go c.receive()
	if old, ok := w.conns[name]; ok {
		old.close()
	}
	w.conns[name], w.conn = c, c
	return c, nil
}

// read makes the client read from now on.
func (c *rawConn) read() { c.gateShut.Do(func() { close(c.reading()) }) }

// reading returns the channel that read closes.
func (c *rawConn) reading() chan struct{} {
	c.gateMade.Do(func() { c.gate = make(chan struct{}) })
	return c.gate
}

func (c *rawConn) receive() {
	<-c.reading()
	_, err := io.Copy(arrivals{c}, c.Conn)
	if secure, ok := c.Conn.(*tls.Conn); ok && err == nil {
		if under, ok := secure.NetConn().(*watchedConn); ok && under.ended {
			err = errNoCloseNotify
		}
	}
	c.err, c.endedAt = err, time.Now()
	close(c.ended)
}

// sendBytes writes the bytes; the answers show what the other side does with them.
func (c *rawConn) sendBytes(data string) error {
	if method, _, ok := strings.Cut(data, " "); ok {
		c.method = method
	}
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c.Conn, data)
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return fmt.Errorf("the other side has not taken the bytes within %v", patience)
	}
	return nil // the step does not fail if the connection is closed by now
}

// nextAnswer parses the next answer from the bytes received so far. An error means that it is incomplete or invalid.
func (c *rawConn) nextAnswer() (*exchange, error) {
	text := c.in.text()
	fresh := text[c.consumed:]
	source := strings.NewReader(fresh)
	reader := bufio.NewReader(source)
	resp, err := http.ReadResponse(reader, &http.Request{Method: c.method})
	if err != nil {
		return nil, fmt.Errorf("no answer in %q: %w", clip(fresh), err)
	}
	x := newExchange()
	x.status, x.proto, x.header = resp.StatusCode, resp.Proto, wireHeader(fresh)
	close(x.head)
	close(x.done)
	x.readBody(resp.Body)
	untilClose := resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && resp.Body != http.NoBody
	select {
	case <-c.ended:
	default:
		if x.err != nil || untilClose && resp.StatusCode >= 200 {
			return nil, fmt.Errorf("the answer is not whole yet: %q", clip(fresh))
		}
	}
	x.trailer = resp.Trailer
	c.consumed = len(text) - source.Len() - reader.Buffered()
	return x, nil
}

// wireHeader parses the fields of the head at the beginning of the text. net/http removes the fields that it handles
// itself, Connection and Transfer-Encoding.
func wireHeader(text string) http.Header {
	reader := textproto.NewReader(bufio.NewReader(strings.NewReader(text)))
	if _, err := reader.ReadLine(); err != nil {
		return http.Header{}
	}
	header, _ := reader.ReadMIMEHeader() // net/http has parsed it already
	return http.Header(header)
}

// rest returns the bytes after the answers already checked.
func (c *rawConn) rest() string { return c.in.text()[c.consumed:] }

// open reports whether the other side has not yet closed the connection.
func (c *rawConn) open() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

func (c *rawConn) close() {
	_ = c.Close()
	c.read()
	<-c.ended
}

// rawBytes turns a document string into bytes: each line ends in CRLF, unless it ends in a backslash, which joins it
// with the next; \r, \n, \t, \0, \\ and \xNN are escapes for those bytes.
func rawBytes(text string) (string, error) {
	var out strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line, joined := strings.CutSuffix(line, `\`)
		bytes, err := unescape(line)
		if err != nil {
			return "", err
		}
		out.WriteString(bytes)
		if !joined {
			out.WriteString("\r\n")
		}
	}
	return out.String(), nil
}

// unescape replaces the escapes of rawBytes in one line.
func unescape(text string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", errors.New("a backslash is the last character")
		}
		if simple := strings.IndexByte(`rnt0\`, text[i]); simple >= 0 {
			out.WriteByte("\r\n\t\x00\\"[simple])
			continue
		}
		if text[i] != 'x' || i+2 >= len(text) {
			return "", fmt.Errorf(`\%c is no escape`, text[i])
		}
		code, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf(`\x%s is not a byte`, text[i+1:i+3])
		}
		out.WriteByte(byte(code))
		i += 2
	}
	return out.String(), nil
}
