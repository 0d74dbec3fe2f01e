package h2client

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/http2"
)

// bytesConn is a connection whose peer sends fixed bytes and accepts everything.
type bytesConn struct {
	net.Conn
	mu     sync.Mutex
	rest   []byte
	closed chan struct{}
	once   sync.Once
}

func (c *bytesConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	c.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	return 0, errors.New("nothing more comes")
}

func (c *bytesConn) Write(p []byte) (int, error) { return len(p), nil }
func (c *bytesConn) SetDeadline(time.Time) error { return nil }
func (c *bytesConn) Close() error                { c.once.Do(func() { close(c.closed) }); return nil }

// FuzzAServerOfRandomFrames lets a server send arbitrary frames to a connection with three requests. Nothing may panic
// or hang, and the memory of each stream must stay within its window.
func FuzzAServerOfRandomFrames(f *testing.F) {
	settings := http2.AppendSettings(nil)
	f.Add(settings)
	f.Add(append(append([]byte{}, settings...), "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88"...))
	f.Add(append(append([]byte{}, settings...), "\x00\x00\x01\x01\x04\x00\x00\x00\x03\x88\x00\x00\x02\x00\x01\x00\x00\x00\x03ok\x00\x00\x04\x03\x00\x00\x00\x00\x05\x00\x00\x00\x07"...))
	f.Add(http2.AppendGoAway(append([]byte{}, settings...), 1, http2.NoError))
	f.Add(http2.AppendWindowUpdate(append([]byte{}, settings...), 5, 1<<31-1))
	f.Add(append(append([]byte{}, settings...), "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88\x00\x00\x00\x09\x04\x00\x00\x00\x01"...))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		gate := make(chan struct{})
		conn := &gatedConn{bytesConn: bytesConn{rest: input, closed: make(chan struct{})}, gate: gate}
		c := New(conn)
		greet := func(greeted bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.greeted = greeted
		}
		greet(true) // for three streams before the first frame
		var all sync.WaitGroup
		for _, path := range []string{"/1", "/2", "/3"} {
			s := streamOf(c)
			if s == nil {
				t.Fatal("no stream")
			}
			if err := s.Begin(head{"POST", path}, false, false); err != nil {
				t.Fatal(err)
			}
			all.Go(func() { _, _ = s.TryWrite(make([]byte, 1<<17), true) })
			all.Go(func() {
				for {
					head, err := s.ReadHead()
					if err != nil {
						return
					}
					if head.Status >= 200 {
						break
					}
				}
				for read := 0; ; {
					data, err := s.Next()
					if read += len(data); read > len(input) {
						t.Errorf("got %d bytes of a body from a server that has sent %d", read, len(input))
					}
					if err != nil {
						return
					}
				}
			})
			defer s.Close()
		}
		greet(false)
		close(gate)
		ended := make(chan struct{})
		go func() { all.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("a stream hangs")
		}
		c.Close()
	})
}

// gatedConn is a bytesConn whose bytes arrive once the gate is open.
type gatedConn struct {
	bytesConn
	gate chan struct{}
}

func (c *gatedConn) Read(p []byte) (int, error) {
	select {
	case <-c.gate:
	case <-c.closed:
	}
	return c.bytesConn.Read(p)
}
