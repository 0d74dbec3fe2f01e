package h2client

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"reverse-proxy/proxy/http2"
)

// head is the head of a request in the tests.
type head struct{ method, path string }

func (h head) AppendHead(e *http2.HeadEncoder, dst []byte) []byte {
	dst = e.AppendRequest(dst, h.method, "http", "a.test")
	return e.AppendPath(dst, h.path, "")
}

func (h head) Bytes() int { return len(h.method) + len(h.path) + 100 }

// server is a scripted server at the other end of a connection.
type server struct {
	t *testing.T
	net.Conn
	*xhttp2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	frames  chan frame
	// gone is closed when the client has closed the connection.
	gone chan struct{}
}

// frame is a frame from the client, as text.
type frame struct {
	kind   xhttp2.FrameType
	stream uint32
	text   string
}

// connect makes a connection to a scripted server, whose SETTINGS have been read: a frame that is read later would be a
// sign of life in the middle of a test.
func connect(t *testing.T, settings ...xhttp2.Setting) (*Conn, *server) {
	t.Helper()
	c, s := connectSilently(t)
	if err := s.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "SETTINGS", func() bool { return c.isGreeted() || c.Err() != nil })
	return c, s
}

func connectSilently(t *testing.T) (*Conn, *server) {
	t.Helper()
	ours, theirs := net.Pipe()
	c := New(ours)
	s := &server{t: t, Conn: theirs, Framer: xhttp2.NewFramer(theirs, theirs), frames: make(chan frame, 1<<12), gone: make(chan struct{})}
	s.AllowIllegalWrites = true
	s.SetMaxReadFrameSize(1 << 20)
	s.encoder = hpack.NewEncoder(&s.block)
	preface := make([]byte, len(http2.Preface))
	if _, err := io.ReadFull(theirs, preface); err != nil || string(preface) != http2.Preface {
		t.Fatalf("got the preface %q, %v", preface, err)
	}
	var reading sync.WaitGroup
	reading.Go(s.read)
	t.Cleanup(func() {
		c.Close()
		_ = theirs.Close()
		reading.Wait()
	})
	return c, s
}

// read records the client's frames.
func (s *server) read() {
	defer close(s.gone)
	defer close(s.frames)
	for {
		f, err := s.ReadFrame()
		if err != nil {
			return
		}
		got := frame{kind: f.Header().Type, stream: f.Header().StreamID}
		switch f := f.(type) {
		case *xhttp2.DataFrame:
			got.text = fmt.Sprintf("%s end=%v", f.Data(), f.StreamEnded())
		case *xhttp2.RSTStreamFrame:
			got.text = f.ErrCode.String()
		case *xhttp2.WindowUpdateFrame:
			got.text = fmt.Sprint(f.Increment)
		case *xhttp2.SettingsFrame:
			if f.IsAck() {
				got.text = "ack"
			}
		case *xhttp2.PingFrame:
			if f.IsAck() {
				got.text = "ack"
			}
		}
		select {
		case s.frames <- got:
		default: // a test that floods looks at none of them
		}
	}
}

// await returns the next frame of the kind.
func (s *server) await(kind xhttp2.FrameType) frame {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case f, ok := <-s.frames:
			if !ok {
				s.t.Fatalf("the connection has ended before %v", kind)
			}
			if f.kind == kind {
				return f
			}
		case <-deadline:
			s.t.Fatalf("no frame %v", kind)
		}
	}
}

// encode returns a header block with the given pairs of names and values.
func (s *server) encode(pairs ...string) []byte {
	s.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = s.encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}) // a buffer takes everything
	}
	return bytes.Clone(s.block.Bytes())
}

// respond sends the head of a response.
func (s *server) respond(stream uint32, end bool, pairs ...string) {
	s.t.Helper()
	if err := s.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: stream, BlockFragment: s.encode(pairs...), EndStream: end, EndHeaders: true}); err != nil {
		s.t.Error(err)
	}
}

// begin opens a stream and sends a GET on it.
func begin(t *testing.T, c *Conn, path string) *Stream {
	t.Helper()
	stream := streamOf(c)
	if stream == nil {
		t.Fatalf("%s: no stream: %v", path, c.Err())
	}
	if err := stream.Begin(head{"GET", path}, true, false); err != nil {
		t.Fatal(err)
	}
	return stream
}

// body reads a complete response body.
func body(s *Stream) (text string, err error) {
	for {
		data, err := s.Next()
		text += string(data)
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
}

// waitFor polls until the condition holds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// streamOf opens a stream for a request without a body; nil if the connection takes none.
func streamOf(c *Conn) *Stream {
	stream, _ := c.Open(Body{})
	return stream
}
