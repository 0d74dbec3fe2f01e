package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Client is a client that sends frame by frame, and collects what it receives by stream.
type h2Client struct {
	t      *testing.T
	framer *http2.Framer
	block  bytes.Buffer
	hpack  *hpack.Encoder
	// streams are the answers so far.
	streams map[uint32]*h2Result
	// pings and acks count received frames; goAways are the last streams and codes of the GOAWAY frames.
	pings, acks int
	goAways     []string
	err         error
	// order is the list of the streams of the DATA frames.
	order []uint32
	conn  net.Conn
	// quiet disables answers, because another goroutine sends.
	quiet bool
	out   batch
}

// batch is a writer that can hold back its output.
type batch struct {
	to io.Writer
	// kept holds the data until flush; it is nil while writes are sent at once.
	kept *bytes.Buffer
}

func (b *batch) Write(p []byte) (int, error) {
	if b.kept != nil {
		return b.kept.Write(p)
	}
	return b.to.Write(p)
}

// record collects the following frames until the returned function is called, which sends them as one TLS record.
func (c *h2Client) record() (send func()) {
	c.out.kept = new(bytes.Buffer)
	return func() {
		record := c.out.kept.Bytes()
		c.out.kept = nil
		_, err := c.conn.Write(record)
		c.sent(err)
	}
}

// h2Result is what was received on a stream.
type h2Result struct {
	heads  []string
	body   bytes.Buffer
	ended  bool
	reset  string
	credit uint32
}

func newH2Client(t *testing.T, d *testDaemon, settings ...http2.Setting) *h2Client {
	t.Helper()
	return newH2ClientOn(t, d.dial(t, "h2"), settings...)
}

// newH2ClientOn is newH2Client for a connection made by the test.
func newH2ClientOn(t *testing.T, conn net.Conn, settings ...http2.Setting) *h2Client {
	t.Helper()
	c := &h2Client{t: t, streams: map[uint32]*h2Result{}, conn: conn, out: batch{to: conn}}
	c.framer = http2.NewFramer(&c.out, conn)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.AllowIllegalWrites = true
	c.hpack = hpack.NewEncoder(&c.block)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	c.sent(c.framer.WriteSettings(settings...))
	return c
}

// sent stores the first send error. The connection may have been ended, which the methods that wait check.
func (c *h2Client) sent(err error) {
	if err != nil && c.err == nil {
		c.err = err
	}
}

// encode returns a header block.
func (c *h2Client) encode(list ...string) []byte {
	c.block.Reset()
	for i := 0; i+1 < len(list); i += 2 {
		_ = c.hpack.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]}) // a bytes.Buffer never fails
	}
	return bytes.Clone(c.block.Bytes())
}

// request sends a head with more fields after the usual ones.
func (c *h2Client) request(id uint32, method, path string, end bool, more ...string) {
	list := append([]string{":method", method, ":scheme", "https", ":path", path, ":authority", "a.test"}, more...)
	c.head(id, end, list...)
}

func (c *h2Client) head(id uint32, end bool, list ...string) {
	c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.encode(list...), EndHeaders: true, EndStream: end}))
}

func (c *h2Client) data(id uint32, data string, end bool) {
	c.sent(c.framer.WriteData(id, end, []byte(data)))
}

// together sends the frames that send writes in one piece, so that the proxy reads them at once.
func (c *h2Client) together(send func()) {
	var frames bytes.Buffer
	alone := c.framer
	c.framer = http2.NewFramer(&frames, nil)
	c.framer.AllowIllegalWrites = true
	send()
	c.framer = alone
	_, err := c.conn.Write(frames.Bytes())
	c.sent(err)
}

func (c *h2Client) stream(id uint32) *h2Result {
	if c.streams[id] == nil {
		c.streams[id] = &h2Result{}
	}
	return c.streams[id]
}

// read reads one frame. It returns false at the end of the connection.
func (c *h2Client) read() bool {
	f, err := c.framer.ReadFrame()
	if err != nil {
		var failed http2.StreamError
		if errors.As(err, &failed) {
			c.t.Errorf("got a frame that no client takes: %v", err)
			return true
		}
		c.err = err
		return false
	}
	s := c.stream(f.Header().StreamID)
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		var head strings.Builder
		for _, field := range f.Fields {
			fmt.Fprintf(&head, "%s: %s\n", field.Name, field.Value)
		}
		s.heads = append(s.heads, head.String())
		s.ended = f.StreamEnded()
	case *http2.DataFrame:
		s.body.Write(f.Data())
		s.ended = f.StreamEnded()
		c.order = append(c.order, f.StreamID)
	case *http2.RSTStreamFrame:
		s.reset = f.ErrCode.String()
	case *http2.GoAwayFrame:
		c.goAways = append(c.goAways, fmt.Sprint(f.LastStreamID, " ", f.ErrCode))
	case *http2.WindowUpdateFrame:
		s.credit += f.Increment
	case *http2.PingFrame:
		if c.pings++; f.IsAck() {
			c.acks++
		} else if !c.quiet {
			c.sent(c.framer.WritePing(true, f.Data))
		}
	case *http2.SettingsFrame:
		if !f.IsAck() && !c.quiet {
			c.sent(c.framer.WriteSettingsAck())
		}
	}
	return true
}

// until reads until the condition holds, or fails the test.
func (c *h2Client) until(what string, holds func() bool) {
	c.t.Helper()
	for !holds() {
		if !c.read() {
			c.t.Fatalf("waiting for %s: the connection ended: %v; GOAWAY %v, streams %v", what, c.err, c.goAways, slices.Sorted(maps.Keys(c.streams)))
		}
	}
}

// answer reads until the stream has ended, and returns its result.
func (c *h2Client) answer(id uint32) *h2Result {
	c.t.Helper()
	s := c.stream(id)
	c.until(fmt.Sprintf("the end of stream %d", id), func() bool { return s.ended || s.reset != "" })
	return s
}

// sync waits until the proxy has handled everything that was sent before, which the answer to a PING proves.
func (c *h2Client) sync() {
	c.t.Helper()
	want := c.acks + 1
	c.sent(c.framer.WritePing(false, [8]byte{1}))
	c.until("the answer to a PING", func() bool { return c.acks >= want })
}

// ended reads to the end of the connection.
func (c *h2Client) ended() {
	for c.read() {
	}
}

// eachH2Conn calls visit for each connection over HTTP/2, with its mu held.
func eachH2Conn(d *testDaemon, visit func(h *h2Conn)) {
	registry := d.shared.conns
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for c := range registry.conns {
		if h := c.(*clientConn).http2.Load(); h != nil {
			h.mu.Lock()
			visit(h)
			h.mu.Unlock()
		}
	}
}

// waitingStreams returns how many streams wait for their clients, how many bytes they have for them, and how much memory
// these bytes take.
func waitingStreams(d *testDaemon) (waiting, pending, held int) {
	eachH2Conn(d, func(h *h2Conn) {
		for _, open := range h.streams {
			if s := open.stream; s.exchange.call.blockedSince.Load() != 0 {
				waiting++
				pending += s.pending()
				held += cap(s.buffer) + len(s.direct)
			}
		}
	})
	return waiting, pending, held
}
