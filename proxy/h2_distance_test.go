package proxy

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// farRoundTrip is the round-trip time in these tests.
const farRoundTrip = 100 * time.Millisecond

// farPipe carries bytes one way. It takes any number of bytes and delivers them half a round trip later: only its users'
// waiting makes them slower.
type farPipe struct {
	mu     sync.Mutex
	filled sync.Cond
	queue  []farBytes
	ended  bool
}

type farBytes struct {
	data []byte
	due  time.Time
}

func newFarPipe() *farPipe {
	p := &farPipe{}
	p.filled.L = &p.mu
	return p
}

func (p *farPipe) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return 0, net.ErrClosed
	}
	p.queue = append(p.queue, farBytes{append([]byte(nil), data...), time.Now().Add(farRoundTrip / 2)})
	p.filled.Signal()
	return len(data), nil
}

func (p *farPipe) Read(room []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 {
		if p.ended {
			return 0, io.EOF
		}
		p.filled.Wait()
	}
	first := &p.queue[0]
	p.mu.Unlock()
	time.Sleep(time.Until(first.due)) // only this one reader takes the first entry
	p.mu.Lock()
	first = &p.queue[0]
	n := copy(room, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		p.queue = p.queue[1:]
	}
	return n, nil
}

func (p *farPipe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.filled.Broadcast()
}

// farConn is one end of a connection over two pipes. The embedded net.Conn has the remaining methods.
type farConn struct {
	net.Conn
	in, out *farPipe
}

func (c *farConn) Read(room []byte) (int, error)  { return c.in.Read(room) }
func (c *farConn) Write(data []byte) (int, error) { return c.out.Write(data) }

// farClient is a remote client on a connection without TLS.
type farClient struct {
	t      *testing.T
	framer *http2.Framer
	start  time.Time
}

// newFarClient connects a client to a server with two stages: the limit of the body, and one that reads the body of a
// request and answers with answerBytes bytes.
func newFarClient(t *testing.T, answerBytes int, window uint32) *farClient {
	t.Helper()
	server := h2FuzzServer(t)
	p := server.pipeline
	dynamic := *p.dynamic.Load()
	dynamic.BodyLimit = 1 << 30
	p.dynamic.Store(&dynamic)
	p.stages = []stage{{name: "body limit", run: p.limitBody}, {name: "bodies", run: func(x *exchange) *answer {
		x.body.timedBy(x.timer, p.bodyIdle)
		room := make([]byte, 64<<10)
		for x.body.present() {
			if _, err := x.body.read(room, true); err != nil && err != io.EOF {
				return answerStatus(statusBadRequest)
			}
		}
		x.status = statusOK
		x.beginAnswer()
		err := x.client.Head(statusOK, "", nil, int64(answerBytes), x.bodyUnread())
		for left := answerBytes; left > 0 && err == nil; left -= len(room) {
			_, err = x.client.Write(room[:min(left, len(room))])
		}
		if err != nil || x.client.End(nil) != nil {
			x.abort = true
		}
		return nil
	}}}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClientConn(server, accepted.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	server.registry.sweeper.Add(&c.timer)
	up, down := newFarPipe(), newFarPipe()
	h := newH2Conn(c)
	h.conn = &farConn{Conn: accepted, in: up, out: down}
	c.http2.Store(h)
	h.greet()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.finish(h.read())
		down.end()
	}()
	t.Cleanup(func() {
		up.end()
		<-ended
		server.registry.sweeper.Remove(&c.timer)
		_ = socket.Close()
		_ = accepted.Close()
	})

	client := &farClient{t: t, start: time.Now()}
	client.framer = http2.NewFramer(&farConn{out: up}, bufio.NewReaderSize(&farConn{in: down}, 64<<10))
	client.framer.SetReuseFrames()
	client.must(up.Write([]byte(http2.ClientPreface)))
	client.done(client.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}))
	client.done(client.framer.WriteWindowUpdate(0, window-65535))
	return client
}

func (c *farClient) must(_ int, err error) { c.done(err) }

func (c *farClient) done(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// request begins stream 1.
func (c *farClient) request(method string, end bool) {
	var block farBlock
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":path", "/"}, {":authority", "a.test"}} {
		c.done(encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	c.done(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: end}))
}

type farBlock []byte

func (b *farBlock) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// roundTrips returns how many round trips have passed since the connection began.
func (c *farClient) roundTrips() float64 { return float64(time.Since(c.start)) / float64(farRoundTrip) }

// Time in these tests stops while a goroutine computes, so a round trip takes as long on a busy machine.

func TestOnlyTheClientsWindowsLimitADownloadOverALongPath(t *testing.T) {
	const size = 64 << 20
	for _, test := range []struct {
		name   string
		window uint32
		// most is how many round trips it may take: half of one for the request and half for the first byte, and one for
		// each further window.
		most float64
	}{
		{"a window of 256 KiB", 256 << 10, 256 + 1},
		{"a window of 16 MiB", 16 << 20, 4 + 1},
		{"a window of 64 MiB", 64 << 20, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFarClient(t, size, test.window)
				c.request("GET", true)
				got, owed := 0, 0
				for ended := false; !ended; {
					frame, err := c.framer.ReadFrame()
					c.done(err)
					data, ok := frame.(*http2.DataFrame)
					if !ok {
						continue
					}
					got += len(data.Data())
					owed += len(data.Data())
					if ended = data.StreamEnded(); !ended && owed >= int(test.window/16) {
						c.done(c.framer.WriteWindowUpdate(0, uint32(owed)))
						c.done(c.framer.WriteWindowUpdate(1, uint32(owed)))
						owed = 0
					}
				}
				if took := c.roundTrips(); got != size || took > test.most {
					t.Errorf("got %d bytes in %.1f round trips, want %d in at most %.0f", got, took, size, test.most)
				}
			})
		})
	}
}

func TestAnUploadOverALongPathGetsWindowsThatSuitIt(t *testing.T) {
	// The windows double five times until they are the largest, each time after at most three round trips. Then each round
	// trip takes a window except for the eighth that is not reopened yet.
	const size = 128 << 20
	const most = 2 + 3*5 + size/(h2MaxStreamWindow/8*7)
	synctest.Test(t, func(t *testing.T) {
		c := newFarClient(t, 0, 1<<20)
		c.request("POST", false)
		var mu sync.Mutex
		opened := sync.NewCond(&mu)
		stream, conn := int64(65535), int64(65535) // until the server's preface arrives
		go func() {
			left := int64(size)
			room := make([]byte, 16<<10)
			for left > 0 {
				mu.Lock()
				for stream <= 0 || conn <= 0 {
					opened.Wait()
				}
				n := min(left, stream, conn, int64(len(room)))
				stream, conn, left = stream-n, conn-n, left-n
				mu.Unlock()
				if c.framer.WriteData(1, left == 0, room[:n]) != nil {
					t.Error("got an error of a pipe that is never full")
					return
				}
			}
		}()
		for ended := false; !ended; {
			frame, err := c.framer.ReadFrame()
			c.done(err)
			mu.Lock()
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
					stream += int64(v) - 65535
				}
			case *http2.WindowUpdateFrame:
				if f.StreamID == 0 {
					conn += int64(f.Increment)
				} else {
					stream += int64(f.Increment)
				}
			case *http2.HeadersFrame:
				ended = true
			case *http2.GoAwayFrame, *http2.RSTStreamFrame:
				t.Errorf("got %v, want the upload taken", f)
				ended = true
			}
			opened.Broadcast()
			mu.Unlock()
		}
		if took := c.roundTrips(); took > most {
			t.Errorf("got %d bytes uploaded in %.1f round trips, want at most %d", size, took, most)
		}
	})
}

func TestWindowUpdatesForWhatWasSentAreNoFlood(t *testing.T) {
	const size = 16 << 20
	tests := []struct {
		name    string
		updates int
		want    string
	}{
		// Go's client does this, for the stream and for the connection.
		{"two for each 4 KiB, after the response", 2 * size / (4 << 10), "PING"},
		{"one for each 256 bytes", size / 256, "GOAWAY"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFarClient(t, size, size)
				c.request("GET", true)
				for got := 0; got < size; {
					frame, err := c.framer.ReadFrame()
					c.done(err)
					if data, ok := frame.(*http2.DataFrame); ok {
						got += len(data.Data())
					}
				}
				for i := range test.updates {
					c.done(c.framer.WriteWindowUpdate(uint32(i%2), 1))
				}
				c.done(c.framer.WritePing(false, [8]byte{}))
				for {
					frame, err := c.framer.ReadFrame()
					c.done(err)
					switch got := frame.Header().Type.String(); {
					case got == test.want:
						return
					case got == "PING" || got == "GOAWAY":
						t.Fatalf("got %v after %d WINDOW_UPDATE frames, want %s", frame, test.updates, test.want)
					}
				}
			})
		})
	}
}
