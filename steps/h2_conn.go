package steps

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2Conn is a client's HTTP/2 connection that sends the frames it is told to, and records those it receives.
type h2Conn struct {
	*tls.Conn
	host   string
	opened time.Time
	// withholding reports whether it never opens a window again.
	withholding bool

	writing sync.Mutex // guards the fields below
	buffer  *bufio.Writer
	out     *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder

	receiving sync.Once
	// ended is closed when the proxy has closed the connection, in any way.
	ended chan struct{}

	mu       sync.Mutex // guards the fields below
	streams  map[uint32]*h2Stream
	last     uint32 // the last opened stream
	settings map[http2.SettingID]uint32
	goAways  []h2Farewell
	pongs    int
	pings    [][8]byte // the proxy's pings
	resets   int       // all RST_STREAM frames, also for streams that were not opened
	err      error
	endedAt  time.Time
}

// h2Stream is a stream of such a connection.
type h2Stream struct {
	x *exchange
	// whole reports whether the answer is complete; reset is the code of the reset, "" for none.
	whole bool
	reset string
	over  bool
}

// h2Farewell is a GOAWAY.
type h2Farewell struct {
	code string
	last uint32
}

// openH2 opens a connection that has negotiated HTTP/2, and sends its settings. It begins to receive at once, unless it
// is to read nothing.
func (w *World) openH2(client, url string, reading bool, settings ...http2.Setting) error {
	conn, err := w.h2Connect(client, url)
	if err != nil {
		return err
	}
	_, host, _ := strings.Cut(url, "://")
	c := &h2Conn{
		Conn: conn, host: host, opened: time.Now(), withholding: len(settings) > 0, ended: make(chan struct{}),
		buffer:  bufio.NewWriterSize(conn, 32<<10),
		streams: map[uint32]*h2Stream{}, settings: map[http2.SettingID]uint32{},
	}
	c.out = http2.NewFramer(c.buffer, conn)
	c.out.AllowIllegalWrites = true
	c.encoder = hpack.NewEncoder(&c.block)
	w.h2Conn = c
	w.cleanup(func() error {
		_ = c.Close() // in many scenarios the daemon has closed it already
		c.receive()
		<-c.ended
		return nil
	})
	err = c.send(func() error {
		if _, err := c.buffer.WriteString(http2.ClientPreface); err != nil {
			return err
		}
		return c.out.WriteSettings(settings...)
	})
	if reading {
		c.receive() // after the preface, because it acknowledges settings
	}
	return err
}

// send writes frames and flushes them. It is not an error if the connection is closed by now, but it is one if the
// proxy does not read the bytes.
func (c *h2Conn) send(frames func() error) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	err := frames()
	if err == nil {
		err = c.buffer.Flush()
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return fmt.Errorf("the proxy has not taken the frames within %v", patience)
	}
	return nil
}

// receive starts to record incoming frames.
func (c *h2Conn) receive() { c.receiving.Do(func() { go c.receiveAll() }) }

func (c *h2Conn) receiveAll() {
	in := http2.NewFramer(nil, bufio.NewReaderSize(c.Conn, 32<<10))
	in.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var err error
	for err == nil {
		var frame http2.Frame
		if frame, err = in.ReadFrame(); err == nil {
			c.take(frame)
		}
	}
	c.mu.Lock()
	c.err, c.endedAt = err, time.Now()
	for _, s := range c.streams {
		s.end(fmt.Errorf("the connection ended: %w", err))
	}
	c.mu.Unlock()
	close(c.ended)
}

// take records a frame, and answers it as a client must.
func (c *h2Conn) take(frame http2.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[frame.Header().StreamID]
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		if s != nil {
			s.x.mu.Lock()
			s.x.takeFields(frame)
			s.x.mu.Unlock()
			s.ended(frame.StreamEnded())
		}
	case *http2.DataFrame:
		if s != nil {
			s.x.mu.Lock()
			data := frame.Data()
			s.x.body = append(s.x.body, data[:min(len(data), keepBody-len(s.x.body))]...)
			s.x.size += int64(len(data))
			s.x.mu.Unlock()
			s.ended(frame.StreamEnded())
		}
		if n := frame.Header().Length; n > 0 && !c.withholding {
			id, open := frame.StreamID, s != nil && !s.over
			go func() {
				_ = c.send(func() error {
					err := c.out.WriteWindowUpdate(0, n)
					if open {
						err = errors.Join(err, c.out.WriteWindowUpdate(id, n))
					}
					return err
				})
			}()
		}
	case *http2.RSTStreamFrame:
		c.resets++
		if s != nil {
			s.reset = frame.ErrCode.String()
			s.end(fmt.Errorf("the stream was reset with %s", s.reset))
		}
	case *http2.GoAwayFrame:
		c.goAways = append(c.goAways, h2Farewell{frame.ErrCode.String(), frame.LastStreamID})
	case *http2.PingFrame:
		if frame.IsAck() {
			c.pongs++
		} else {
			c.pings = append(c.pings, frame.Data)
		}
	case *http2.SettingsFrame:
		if frame.IsAck() {
			return
		}
		_ = frame.ForeachSetting(func(s http2.Setting) error {
			c.settings[s.ID] = s.Val
			return nil
		})
		go func() { _ = c.send(c.out.WriteSettingsAck) }()
	}
}

// ended handles the end of an answer.
func (s *h2Stream) ended(whole bool) {
	if whole {
		s.whole = true
		s.end(nil)
	}
}

// end ends the exchange of a stream once. A reset may still follow a complete answer.
func (s *h2Stream) end(err error) {
	if s.over {
		return
	}
	s.over = true
	s.x.mu.Lock()
	s.x.err = err
	if s.x.status == 0 {
		s.x.headErr = err
	}
	s.x.mu.Unlock()
	close(s.x.head)
	close(s.x.done)
}

// open writes the HEADERS of a new stream. The caller is inside send.
func (c *h2Conn) open(fields [][2]string, end bool) error {
	c.block.Reset()
	for _, f := range fields {
		if err := c.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	id := c.newStream()
	fragment, rest := c.block.Bytes(), []byte(nil)
	if len(fragment) > 16<<10 {
		fragment, rest = fragment[:16<<10], fragment[16<<10:]
	}
	err := c.out.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: fragment, EndHeaders: rest == nil, EndStream: end,
	})
	for part := range slices.Chunk(rest, 16<<10) {
		rest = rest[len(part):]
		err = errors.Join(err, c.out.WriteContinuation(id, len(rest) == 0, part))
	}
	return err
}

// newStream returns the next stream number.
func (c *h2Conn) newStream() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == 0 {
		c.last = 1
	} else {
		c.last += 2
	}
	c.streams[c.last] = &h2Stream{x: newExchange()}
	return c.last
}

// get returns the fields of a GET of that target.
func (c *h2Conn) get(target string) [][2]string {
	return [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", target}, {":authority", c.host}}
}

// closed reports whether the proxy has closed the connection.
func (c *h2Conn) closed() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// farewell returns the code of the last GOAWAY, "none" if there was none.
func (c *h2Conn) farewell() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.goAways) == 0 {
		return "none"
	}
	return c.goAways[len(c.goAways)-1].code
}
