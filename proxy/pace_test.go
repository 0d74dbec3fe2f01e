package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAGoroutineThatNeverWaitsLetsOthersRun runs on one processor. Another goroutine counts how often it gets to run.
func TestAGoroutineThatNeverWaitsLetsOthersRun(t *testing.T) {
	const steps = 400
	for _, tt := range []struct {
		name string
		// prepare returns a function that takes a step without waiting.
		prepare func(t *testing.T) (step func() error)
	}{
		{"it reads", func(t *testing.T) func() error {
			s, far := socketPair(t)
			send(t, far, strings.Repeat("x", steps))
			waitFor(t, "all bytes to arrive", func() bool { return received(s) == steps })
			return func() error { _, err := s.Read(make([]byte, 1)); return err }
		}},
		{"it discards", func(t *testing.T) func() error {
			s, far := socketPair(t)
			send(t, far, strings.Repeat("x", steps))
			waitFor(t, "all bytes to arrive", func() bool { return received(s) == steps })
			c := &clientConn{socket: s}
			return func() error { return c.discard(byteLender{}) }
		}},
		{"it writes", func(t *testing.T) func() error {
			s, far := socketPair(t)
			go io.Copy(io.Discard, far)
			return func() error { _, err := s.Write([]byte("x")); return err }
		}},
		{"it attempts to write", func(t *testing.T) func() error {
			s, far := socketPair(t)
			go io.Copy(io.Discard, far)
			return func() error { _, err := s.TryWrite([]byte("x")); return err }
		}},
		{"it writes over TLS", func(t *testing.T) func() error {
			c := paceTLS(t)
			return func() error { _, err := c.Write([]byte("x")); return err }
		}},
		{"it writes batches over HTTP/2", func(t *testing.T) func() error {
			c := paceTLS(t)
			h := batchesConn(t, &connRegistry{})
			h.client.socket, h.client.secure, h.conn = c.socket, *c, c
			return func() error {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.restIfBusy(new(*[]byte))
				return h.writeBatch([]byte("x"), nil)
			}
		}},
		{"it waits for room for the rest of a response", func(t *testing.T) func() error {
			c := paceTLS(t)
			w := &http1Work{conn: &clientConn{socket: c.socket}}
			return func() error {
				c.socket.writePace.count(false)
				return w.AwaitRoom(&countingHolder{})
			}
		}},
		{"it reads records of TLS that arrived together", func(t *testing.T) func() error {
			return readRecords(t, steps, func(c *clientTLS) io.Reader { return c })
		}},
		{"it reads records of a tunnel that arrived together", func(t *testing.T) func() error {
			return readRecords(t, steps, func(c *clientTLS) io.Reader { return http1Tunnel{c.Conn, c} })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			step := tt.prepare(t)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			var turns atomic.Int64
			var stop atomic.Bool
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for !stop.Load() {
					turns.Add(1)
					runtime.Gosched()
				}
			}()
			for range steps {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			got := turns.Load()
			stop.Store(true)
			<-ended
			if want := int64(steps / paceSteps / 2); got < want {
				t.Errorf("another goroutine ran %d times during %d steps, want at least %d", got, steps, want)
			}
		})
	}
}

// paceTLS returns the connection of a client that reads all.
func paceTLS(t *testing.T) *clientTLS {
	t.Helper()
	c, _, client := tlsPair(t, nil)
	go io.Copy(io.Discard, client)
	c.socket.restsBefore = true
	return c
}

// readRecords returns a function that reads one of n records of one byte each.
func readRecords(t *testing.T, n int, from func(c *clientTLS) io.Reader) func() error {
	t.Helper()
	s, far := socketPair(t)
	server := tls.Server(s, &tls.Config{Certificates: []tls.Certificate{*testCertificate(t, "a.test")}})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	client := clientOf(far, "http/1.1")
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	// A long record first: from then on, one read of the socket takes as much.
	send(t, client, strings.Repeat("x", 16<<10))
	if _, err := io.ReadFull(server, make([]byte, 16<<10)); err != nil {
		t.Fatal(err)
	}
	for range n {
		send(t, client, "x")
	}
	waitFor(t, "all records to arrive", func() bool { return received(s) >= n*23 })
	r := from(&clientTLS{Conn: server, socket: s})
	return func() error { _, err := r.Read(make([]byte, 1)); return err }
}

// received returns how many bytes wait in a socket.
func received(s *socket) int {
	fd, err := descriptorOf(s.streamConn.(*net.TCPConn))
	if err != nil {
		return 0
	}
	n, _ := unix.IoctlGetInt(fd, unix.SIOCINQ)
	return n
}

func TestAWaitBeginsThePaceAnew(t *testing.T) {
	var p pace
	for range paceSteps / 2 { // the last step of all begins the pace anew, too
		p.count(false)
	}
	p.count(true)
	if got := p.steps.Load(); got != 0 {
		t.Errorf("after a wait the pace is at step %d, want 0", got)
	}
}

// byteLender lends room for one byte.
type byteLender struct{}

func (byteLender) lend() []byte { return make([]byte, 1) }
func (byteLender) takeBack()    {}

// TestAGoroutineThatHasLetOthersRunNeedNotRest is about steps that were counted before.
func TestAGoroutineThatHasLetOthersRunNeedNotRest(t *testing.T) {
	// tired returns a socket whose goroutines must rest before their next step.
	tired := func(t *testing.T) *socket {
		s, far := socketPair(t)
		send(t, far, "x")
		waitFor(t, "the byte to arrive", func() bool { return received(s) == 1 })
		for _, p := range []*pace{&s.readPace, &s.writePace} {
			p.lap = time.Now().UnixNano()
			p.steps.Store(paceSteps)
		}
		return s
	}
	for _, tt := range []struct {
		name  string
		after func(t *testing.T, s *socket)
		// reads and writes report which of them must rest now.
		reads, writes bool
	}{
		{"nothing has happened", func(*testing.T, *socket) {}, true, true},
		{"another request begins on an upstream's connection", func(_ *testing.T, s *socket) {
			(&upstreamConn{socket: s, upstreamResponse: &upstreamResponse{}}).begin()
		}, false, false},
		{"the next request of an HTTP/1.1 client had to be awaited", func(t *testing.T, s *socket) {
			s.readPace.restart()
			readNow(t, s, 1)
			readNow(t, s, 0)
			s.restartWrites()
		}, false, false},
		{"the next request of an HTTP/1.1 client was there already", func(t *testing.T, s *socket) {
			s.readPace.restart()
			readNow(t, s, 1)
			s.restartWrites()
		}, false, true},
		{"an earlier request had to be awaited, but not the next one", func(t *testing.T, s *socket) {
			s.readPace.restart()
			readNow(t, s, 1)
			readNow(t, s, 0)
			s.restartWrites()
			s.writePace.steps.Store(paceSteps)
			s.restartWrites()
		}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tired(t)
			tt.after(t, s)
			if reads, writes := s.readPace.mustRest(), s.writePace.mustRest(); reads != tt.reads || writes != tt.writes {
				t.Errorf("must rest: got reads %t and writes %t, want %t and %t", reads, writes, tt.reads, tt.writes)
			}
		})
	}
}

// readNow reads without waiting, and checks how many bytes there are.
func readNow(t *testing.T, s *socket, want int) {
	t.Helper()
	s.tryRead = true
	defer func() { s.tryRead = false }()
	n, err := s.Read(make([]byte, 10))
	if n != want || (err == nil) != (want > 0) {
		t.Fatalf("got %d bytes and the error %v, want %d bytes", n, err, want)
	}
}
