package h2client

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/proxy/http2"
)

// goneConn is a connection to a server that has sent some bytes and then closed it: a write fails, and a read returns
// what arrived before. Nothing happens until begin is closed.
type goneConn struct {
	net.Conn
	begin chan struct{}
	// arrived is what is left to read. After it the connection ends, or stays silent until its deadline.
	arrived string
	silent  bool
	// failed returns once the failed write has been recorded.
	failed func()

	expiring sync.Once
	expired  chan struct{}
}

func (g *goneConn) Write([]byte) (int, error) {
	<-g.begin
	return 0, syscall.EPIPE
}

func (g *goneConn) Read(p []byte) (int, error) {
	<-g.begin
	g.failed()
	if n := copy(p, g.arrived); n > 0 {
		g.arrived = g.arrived[n:]
		return n, nil
	}
	if !g.silent {
		return 0, io.EOF
	}
	<-g.expired
	return 0, os.ErrDeadlineExceeded
}

func (g *goneConn) SetReadDeadline(at time.Time) error {
	time.AfterFunc(time.Until(at), func() { g.expiring.Do(func() { close(g.expired) }) })
	return nil
}

func (g *goneConn) SetDeadline(at time.Time) error { return g.SetReadDeadline(at) }

func (g *goneConn) Close() error { return nil }

// TestTheLastFramesOfAServerThatClosesAreRead makes a write fail before anything is read, as happens when a server
// answers and closes while the client writes. The answer must count, and so must a GOAWAY that leaves the request
// unprocessed.
func TestTheLastFramesOfAServerThatClosesAreRead(t *testing.T) {
	settings := string(http2.AppendSettings(nil))
	answer := string(append(http2.AppendHeader(nil, 1, http2.TypeHeaders, http2.FlagEndHeaders|http2.FlagEndStream, 1), 0x88))
	for _, test := range []struct {
		name, arrived string
		silent        bool
		status        int
		unprocessed   bool
		reason        string
	}{
		{name: "the server has answered", arrived: settings + answer, status: 200},
		{name: "the server has sent GOAWAY", arrived: settings + string(http2.AppendGoAway(nil, 0, http2.NoError)), unprocessed: true, reason: "GOAWAY"},
		{name: "the server has refused the stream", arrived: settings + string(http2.AppendRSTStream(nil, 1, http2.RefusedStream)), unprocessed: true, reason: "REFUSED_STREAM"},
		{name: "the server has answered in HTTP/1.1", arrived: "HTTP/1.1 400 Bad Request\r\n\r\n", unprocessed: true, reason: "answers in HTTP/1.1"},
		{name: "the server has sent nothing", unprocessed: true, reason: "was lost: broken pipe"},
		{name: "the server has sent nothing, and the end of the connection is not seen", silent: true, unprocessed: true, reason: "was lost: broken pipe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			gone := &goneConn{begin: make(chan struct{}), arrived: test.arrived, silent: test.silent, expired: make(chan struct{})}
			var c *Conn
			gone.failed = func() {
				for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
					c.mu.Lock()
					noted := c.unwritable != nil || c.err != nil
					c.mu.Unlock()
					if noted {
						return
					}
				}
			}
			c = New(gone)
			t.Cleanup(c.Close)
			s := streamOf(c)
			if err := s.Begin(head{"POST", "/"}, true, false); err != nil {
				t.Fatal(err)
			}
			close(gone.begin)
			got, err := s.ReadHead()
			if test.status != 0 {
				if err != nil || got.Status != test.status {
					t.Errorf("got %+v, %v; want %d", got, err, test.status)
				}
				s.Finish()
				<-c.Ended()
				return
			}
			var failed *Error
			if !errors.As(err, &failed) || failed.Unprocessed != test.unprocessed || !strings.Contains(failed.Error(), test.reason) {
				t.Errorf("got %#v, want the reason %q, with Unprocessed %v", err, test.reason, test.unprocessed)
			}
			s.Finish()
		})
	}
}
