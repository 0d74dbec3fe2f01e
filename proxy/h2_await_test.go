package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// awaitText is long enough that its end is not read ahead.
var awaitText = strings.Repeat("0123456789abcdef", 16<<10)

// crowdedDaemon starts a daemon that waits for so many clients that it reads no response ahead, and has no long buffers left.
func crowdedDaemon(t *testing.T, upstream string) *testDaemon {
	t.Helper()
	var d *testDaemon
	t.Cleanup(func() { // after the daemon has ended
		if got := d.shared.upstreams.lookahead.blocked.Load(); got != maxBlockedAhead {
			t.Errorf("got %d responses that wait for their clients after the end, want none", got-maxBlockedAhead)
		}
	})
	d = startDaemon(t, upstream, "")
	d.shared.upstreams.lookahead.blocked.Add(maxBlockedAhead)
	d.shared.upstreams.lookahead.buffers.Add(maxLongBuffers)
	return d
}

// longUpstream answers each request with awaitText.
func longUpstream(t *testing.T, framing string) string {
	return rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		if framing == "chunked" {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for rest := awaitText; len(rest) > 0; rest = rest[1<<10:] {
				fmt.Fprintf(conn, "400\r\n%s\r\n", rest[:1<<10])
			}
			_, _ = io.WriteString(conn, "0\r\n\r\n")
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(awaitText), awaitText)
	})
}

func TestAResponseIsNotReadAheadWhileManyWait(t *testing.T) {
	for _, test := range []struct {
		name    string
		window  uint32 // of each stream
		streams int
	}{
		{"the client has closed its windows", 0, 3},
		{"the client accepts a byte", 1, 3},
		{"the client accepts less than is read at a time", 5000, 3},
		{"the client accepts much on each stream, and little on the connection", 1 << 30, 1},
	} {
		for _, framing := range []string{"a length", "chunked"} {
			t.Run(test.name+", "+framing, func(t *testing.T) {
				d := crowdedDaemon(t, longUpstream(t, framing))
				c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: test.window})
				for i := range test.streams {
					c.request(uint32(2*i+1), "GET", "/", true)
				}
				var held int
				waitFor(t, "the streams to wait for their client", func() bool {
					var waiting int
					waiting, _, held = waitingStreams(d)
					return waiting == test.streams
				})
				if most := 2 * leastRead; held > test.streams*most { // memory is at most twice as large as what is in it
					t.Errorf("%d streams hold %d bytes, want at most %d each", test.streams, held, most)
				}
			})
		}
	}
}

// TestAResponseArrivesWholeHoweverItsClientOpensItsWindows opens the window of the stream, at first by SETTINGS, or the one of the
// connection, by amounts of all sizes.
func TestAResponseArrivesWholeHoweverItsClientOpensItsWindows(t *testing.T) {
	for _, test := range []struct {
		name   string
		crowd  bool
		stream uint32 // whose window is opened: 1, or 0 for the connection
		amount int
	}{
		{"the stream's by a little, while many responses wait", true, 1, 700},
		{"the stream's by one read at a time, while many responses wait", true, 1, leastRead},
		{"the stream's by much, while many responses wait", true, 1, 40_000},
		{"the stream's by much, while few responses wait", false, 1, 40_000},
		{"the connection's by a little, while many responses wait", true, 0, 700},
		{"the connection's by much, while many responses wait", true, 0, 40_000},
		{"the connection's by much, while few responses wait", false, 0, 40_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := startDaemonPlainly
			if test.crowd {
				start = crowdedDaemon
			}
			d := start(t, longUpstream(t, "a length"))
			accepted, window, other := 0, uint32(0), uint32(0)
			if test.stream == 0 {
				accepted, window, other = 1<<16-1, 1<<30, 1
			}
			c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
			c.request(1, "GET", "/", true)
			s := c.stream(1)
			if other == 0 {
				c.sent(c.framer.WriteWindowUpdate(other, 1<<30))
			}
			c.until("the head", func() bool { return len(s.heads) == 1 })
			for i := 0; !s.ended; i++ {
				c.until("what the client accepts", func() bool { return s.body.Len() >= min(accepted, len(awaitText)) || s.reset != "" })
				if s.reset != "" {
					t.Fatalf("got the reset %q after %d bytes", s.reset, s.body.Len())
				}
				if s.body.Len() == len(awaitText) {
					c.answer(1)
					break
				}
				c.sync() // so that the stream waits
				if i == 0 && test.stream == 1 {
					c.sent(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(test.amount)}))
				} else {
					c.sent(c.framer.WriteWindowUpdate(test.stream, uint32(test.amount)))
				}
				accepted += test.amount
			}
			if s.body.String() != awaitText {
				t.Errorf("got %d bytes, want the %d that were sent", s.body.Len(), len(awaitText))
			}
		})
	}
}

// startDaemonPlainly starts a daemon with the defaults.
func startDaemonPlainly(t *testing.T, upstream string) *testDaemon {
	return startDaemon(t, upstream, "")
}

// TestAStreamThatWaitsForAWindowEnds ends streams that wait, without having anything to send.
func TestAStreamThatWaitsForAWindowEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(c *h2Client)
	}{
		{"the client resets it", func(c *h2Client) { c.sent(c.framer.WriteRSTStream(1, http2.ErrCodeCancel)) }},
		{"the client leaves", func(c *h2Client) { _ = c.conn.Close() }},
		{"the client breaks a rule", func(c *h2Client) { c.sent(c.framer.WriteData(2, false, nil)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := crowdedDaemon(t, longUpstream(t, "a length"))
			c := newH2Client(t, d)
			c.request(1, "GET", "/", true)
			s := c.stream(1)
			c.until("the window of the connection to close", func() bool { return s.body.Len() == 1<<16-1 })
			waitFor(t, "the stream to wait", func() bool { n, _, _ := waitingStreams(d); return n == 1 })
			test.end(c)
			waitFor(t, "its end", func() bool { return d.shared.upstreams.lookahead.blocked.Load() == maxBlockedAhead })
		})
	}
}

// TestAClientWhoseSocketIsFullIsNotReadForWhileManyWait has a client that opens its windows and reads nothing, and then reads all.
func TestAClientWhoseSocketIsFullIsNotReadForWhileManyWait(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 2<<20) // more than the buffers of both sockets
	d := crowdedDaemon(t, rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}))
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	c.sent(c.framer.WriteWindowUpdate(0, 1<<30))
	c.request(1, "GET", "/", true)
	c.until("the head", func() bool { return len(c.stream(1).heads) == 1 })
	h := theH2Conn(t, d)
	waitFor(t, "the writer to wait for room, and the connection to hold no data", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		held := 0
		if h.out != nil {
			held = len(*h.out)
		}
		for _, open := range h.streams {
			held += open.stream.pending()
		}
		return h.client.socket.blocked.Load() && held == 0
	})
	if s := c.answer(1); s.body.String() != text {
		t.Errorf("got %d bytes and the reset %q, want the %d that were sent", s.body.Len(), s.reset, len(text))
	}
}

// TestAStreamGoesOnWhenAWriteHasEnded has a stream wait because a write is under way, and ends the write.
func TestAStreamGoesOnWhenAWriteHasEnded(t *testing.T) {
	d := crowdedDaemon(t, longUpstream(t, "a length"))
	c := newH2Client(t, d)
	c.request(1, "GET", "/", true)
	s := c.stream(1)
	c.until("the window of the connection to close", func() bool { return s.body.Len() == 1<<16-1 })
	waitFor(t, "the stream to wait", func() bool { n, _, _ := waitingStreams(d); return n == 1 })
	h := theH2Conn(t, d)
	h.mu.Lock()
	h.sending = true
	h.mu.Unlock()
	c.sent(c.framer.WriteWindowUpdate(0, 1<<30))
	c.sent(c.framer.WriteWindowUpdate(1, 1<<30))
	waitFor(t, "the window to open", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.sendWindow > 1<<20
	})
	c.sync() // the answer to the PING is a write, which ends
	if c.answer(1); s.body.String() != awaitText {
		t.Errorf("got %d bytes and the reset %q, want the %d that were sent", s.body.Len(), s.reset, len(awaitText))
	}
}

func TestWhatAClientAccepts(t *testing.T) {
	for _, test := range []struct {
		name                                                          string
		stream, conn                                                  int64
		crowded, sending, queued, full, blocked, withoutAnyConnection bool
		want                                                          int64
	}{
		{name: "the window of the stream", stream: 5, conn: 7, want: 5},
		{name: "the window of the connection", stream: 7, conn: 5, want: 5},
		{name: "nothing, by a window that SETTINGS have made negative", stream: -3, conn: 5, want: 0},
		{name: "nothing while the socket has no room", stream: 5, conn: 5, full: true, want: 0},
		{name: "nothing while the writer waits for room", stream: 5, conn: 5, blocked: true, want: 0},
		{name: "nothing during a write while many responses wait", stream: 5, conn: 5, sending: true, crowded: true, want: 0},
		{name: "nothing while output waits for the writer and many responses wait", stream: 5, conn: 5, queued: true, crowded: true, want: 0},
		{name: "the window while output waits for the writer and few responses wait", stream: 5, conn: 5, queued: true, want: 5},
		{name: "the window during a write while few responses wait", stream: 5, conn: 5, sending: true, want: 5},
		{name: "the window during a write if the upstream's connection is free", stream: 5, conn: 5, sending: true, crowded: true, withoutAnyConnection: true, want: 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := batchesConn(t, &connRegistry{})
			h.sendWindow, h.sending, h.full = test.conn, test.sending, test.full
			if test.queued {
				h.grow(1)
			}
			h.client.socket.blocked.Store(test.blocked)
			s := &h2Stream{conn: h}
			s.outWindow = test.stream
			if !test.withoutAnyConnection {
				s.exchange.call.conn = &upstreamConn{lookahead: &lookahead{}}
				if test.crowded {
					s.exchange.call.conn.lookahead.blocked.Store(maxBlockedAhead)
				}
			}
			if got := s.accepted(); got != test.want {
				t.Errorf("got %d bytes, want %d", got, test.want)
			}
		})
	}
}

// theH2Conn returns the only connection over HTTP/2.
func theH2Conn(t *testing.T, d *testDaemon) (only *h2Conn) {
	t.Helper()
	eachH2Conn(d, func(h *h2Conn) { only = h })
	if only == nil {
		t.Fatal("there is no connection over HTTP/2")
	}
	return only
}
