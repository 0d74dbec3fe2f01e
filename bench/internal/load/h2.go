//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Numbers of RFC 9113.
const (
	frameHeadBytes  = 9
	maxFrameBytes   = 16 << 10
	maxWindow       = 1<<31 - 1
	firstWindow     = 1<<16 - 1
	windowThreshold = 1 << 29
)

// h2 is an HTTP/2 connection with a fixed number of requests in flight. It is its own client implementation, because it
// must cost less than a proxy: all requests that follow from one read are sent in one write.
type h2 struct {
	raw  *rawConn
	tls  *tls.Conn
	want int
	// first is the header block of the first request, which fills the compression table; again is that of all later
	// requests.
	first, again []byte
	decoder      *hpack.Decoder
	status       string
	streams      []h2Stream
	nextID       uint32
	// in holds an incomplete frame, out what the next write sends, block a header block in parts.
	in, out, block []byte
	// received counts the flow-controlled bytes since the last update of the connection's window.
	received int
	windows  h2Windows
	// once reports whether answers are not followed by new requests.
	once bool
}

// h2Stream is a request in flight; id is 0 if there is none. Its answer has to have want bytes.
type h2Stream struct {
	id        uint32
	want, got int
	ok        bool
	h2Upload
}

func newH2(job Job) (*h2, error) {
	raw, conn, err := dialTLS(job.Addr, tlsConfig(job.ServerName, "h2"))
	if err != nil {
		return nil, err
	}
	raw.blocking = false
	c := newH2State(job)
	c.raw, c.tls = raw, conn
	return c, nil
}

// newH2State makes the state of a connection that does not exist yet.
func newH2State(job Job) *h2 {
	c := &h2{want: job.AnswerBytes, streams: make([]h2Stream, job.Streams), nextID: 1}
	c.first, c.again = headerBlocks(job)
	c.windows = h2Windows{conn: firstWindow, initial: firstWindow, body: bytes.Repeat([]byte{'b'}, job.BodyBytes)}
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == ":status" {
			c.status = f.Value
		}
	})
	return c
}

func (c *h2) fd() int     { return c.raw.fd }
func (c *h2) close()      { _ = c.raw.Close() }
func (*h2) settled() bool { return true }

// start sends the preface, settings with a window that never fills, and the first requests.
func (c *h2) start() error {
	c.preface()
	for i := range c.streams {
		c.request(&c.streams[i])
	}
	return c.flush()
}

// preface adds to what is sent next what every connection begins with.
func (c *h2) preface() {
	c.out = append(c.out, http2.ClientPreface...)
	var settings []byte
	for id, value := range map[http2.SettingID]uint32{http2.SettingEnablePush: 0, http2.SettingInitialWindowSize: maxWindow} {
		settings = binary.BigEndian.AppendUint16(settings, uint16(id))
		settings = binary.BigEndian.AppendUint32(settings, value)
	}
	c.frame(http2.FrameSettings, 0, 0, settings)
	c.frame(http2.FrameWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, maxWindow-firstWindow))
}

func (c *h2) frame(kind http2.FrameType, flags http2.Flags, stream uint32, payload []byte) {
	c.out = append(c.out, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), byte(kind), byte(flags))
	c.out = binary.BigEndian.AppendUint32(c.out, stream)
	c.out = append(c.out, payload...)
}

// request begins the next stream in s.
func (c *h2) request(s *h2Stream) {
	block := c.again
	if c.nextID == 1 {
		block = c.first
	}
	c.open(s, block, c.want)
}

// open begins the next stream in s with a header block, for an answer of want bytes.
func (c *h2) open(s *h2Stream, block []byte, want int) {
	*s = h2Stream{id: c.nextID, want: want, h2Upload: h2Upload{left: len(c.windows.body), window: c.windows.initial}}
	c.nextID += 2
	flags := http2.FlagHeadersEndHeaders
	if s.left == 0 {
		flags |= http2.FlagHeadersEndStream
	}
	c.frame(http2.FrameHeaders, flags, s.id, block)
}

func (c *h2) flush() error {
	c.upload()
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.tls.Write(c.out)
	c.out = c.out[:0]
	return err
}

// readable handles all frames that have arrived, and sends what follows from them in one write.
func (c *h2) readable(buf []byte) (int, error) {
	complete, err := readArrived(c.tls, buf, c.arrived)
	if err != nil {
		return complete, err
	}
	return complete, c.flush()
}

// readArrived hands all that has arrived to a function, which returns the number of answers that are now complete. readArrived
// returns their sum.
func readArrived(conn *tls.Conn, buf []byte, arrived func(p []byte) (int, error)) (complete int, err error) {
	for {
		n, err := conn.Read(buf)
		if isAgain(err) {
			return complete, nil
		}
		if err != nil {
			return complete, err
		}
		done, err := arrived(buf[:n])
		complete += done
		if err != nil {
			return complete, err
		}
	}
}

// arrived handles bytes that have arrived, and returns the number of answers that are now complete.
func (c *h2) arrived(p []byte) (int, error) {
	if len(c.in) > 0 {
		c.in = append(c.in, p...)
		p = c.in
	}
	rest, complete, err := c.frames(p)
	if err != nil {
		return 0, err
	}
	c.in = append(c.in[:0], rest...)
	return complete, nil
}

// frames handles the whole frames at the beginning of p and returns what follows them.
func (c *h2) frames(p []byte) (rest []byte, complete int, err error) {
	for len(p) >= frameHeadBytes {
		length := int(p[0])<<16 | int(p[1])<<8 | int(p[2])
		if length > maxFrameBytes {
			return nil, 0, fmt.Errorf("got a frame of %d bytes, want at most %d", length, maxFrameBytes)
		}
		if len(p) < frameHeadBytes+length {
			break
		}
		done, err := c.take(http2.FrameType(p[3]), http2.Flags(p[4]), binary.BigEndian.Uint32(p[5:])&maxWindow,
			p[frameHeadBytes:frameHeadBytes+length])
		if err != nil {
			return nil, 0, err
		}
		if done {
			complete++
		}
		p = p[frameHeadBytes+length:]
	}
	return p, complete, nil
}

// take handles one frame and reports whether it completed an answer.
func (c *h2) take(kind http2.FrameType, flags http2.Flags, id uint32, payload []byte) (bool, error) {
	switch kind {
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			c.settings(payload)
			c.frame(http2.FrameSettings, http2.FlagSettingsAck, 0, nil)
		}
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			c.frame(http2.FramePing, http2.FlagPingAck, 0, payload)
		}
	case http2.FrameGoAway, http2.FrameRSTStream, http2.FramePushPromise:
		return false, fmt.Errorf("got a %s frame for stream %d: %x", kind, id, payload)
	case http2.FrameHeaders, http2.FrameContinuation:
		return c.headers(kind, flags, id, payload)
	case http2.FrameData:
		return c.data(flags, id, payload)
	case http2.FrameWindowUpdate:
		return false, c.windowUpdate(id, payload)
	}
	return false, nil
}

// headers checks for status 200 and a body to follow.
func (c *h2) headers(kind http2.FrameType, flags http2.Flags, id uint32, payload []byte) (bool, error) {
	if kind == http2.FrameHeaders {
		if flags&(http2.FlagHeadersPadded|http2.FlagHeadersPriority|http2.FlagHeadersEndStream) != 0 {
			return false, fmt.Errorf("got a HEADERS frame with flags %#x, want one with a body and without extras", flags)
		}
		c.block = c.block[:0]
	}
	c.block = append(c.block, payload...)
	if !flags.Has(http2.FlagHeadersEndHeaders) {
		return false, nil
	}
	s, err := c.stream(id)
	if err != nil {
		return false, err
	}
	c.status = ""
	if _, err := c.decoder.Write(c.block); err != nil {
		return false, err
	}
	if err := c.decoder.Close(); err != nil {
		return false, err
	}
	if c.status != "200" || s.ok {
		return false, fmt.Errorf("got the status %q, want one 200", c.status)
	}
	s.ok = true
	return false, nil
}

// data counts a part of a body, and begins the next request at the body's end.
func (c *h2) data(flags http2.Flags, id uint32, payload []byte) (bool, error) {
	s, err := c.stream(id)
	if err != nil {
		return false, err
	}
	if flags.Has(http2.FlagDataPadded) {
		return false, fmt.Errorf("got a padded DATA frame, want none")
	}
	s.got += len(payload)
	if c.received += len(payload); c.received > windowThreshold {
		c.frame(http2.FrameWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, uint32(c.received)))
		c.received = 0
	}
	if !flags.Has(http2.FlagDataEndStream) {
		return false, nil
	}
	if !s.ok || s.got != s.want {
		return false, fmt.Errorf("got an answer of %d bytes (head: %v), want %d", s.got, s.ok, s.want)
	}
	if c.once {
		*s = h2Stream{}
	} else {
		c.request(s)
	}
	return true, nil
}

func (c *h2) stream(id uint32) (*h2Stream, error) {
	for i := range c.streams {
		if c.streams[i].id == id {
			return &c.streams[i], nil
		}
	}
	return nil, fmt.Errorf("got a frame for stream %d, which is not open", id)
}
