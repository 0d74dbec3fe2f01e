package proxy

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	codec "reverse-proxy/proxy/http2"
)

// TestWhateverBecomesOfDATAItsWindowComesBack sends far more than the window of a connection, in frames that for
// various reasons do not reach an upstream. Each time the proxy must reopen the window. Otherwise the client would
// stall, or be ended for DATA over the window.
func TestWhateverBecomesOfDATAItsWindowComesBack(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	block := strings.Repeat("x", 16<<10)
	const waits = "100-continue" // such a body is not passed on for a while: it stays in the proxy
	for _, test := range []struct {
		name string
		send func(c *h2Client, id uint32)
		// reset is the code of the proxy's reset, or "" if the client resets the stream.
		reset string
	}{
		{"held for a stream that its client resets", func(c *h2Client, id uint32) {
			c.request(id, "POST", "/", false, "expect", waits)
			c.data(id, block, false)
			c.sync() // now the data is in the proxy
			c.sent(c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
		}, ""},
		{"for a stream that was answered and reset before", func(c *h2Client, id uint32) {
			c.request(id, "POST", "/early", false)
			c.answer(id)
			c.until("the reset", func() bool { return c.stream(id).reset != "" })
			c.data(id, block, false)
		}, "NO_ERROR"},
		{"after the end of the stream", func(c *h2Client, id uint32) {
			c.request(id, "GET", "/silent", true)
			c.data(id, block, false)
		}, "STREAM_CLOSED"},
		{"over the declared length", func(c *h2Client, id uint32) {
			c.request(id, "POST", "/silent", false, "content-length", "1")
			c.data(id, block, false)
		}, "PROTOCOL_ERROR"},
		{"over the window of the stream", func(c *h2Client, id uint32) {
			c.request(id, "POST", "/", false, "expect", waits)
			for range h2StreamWindow/len(block) + 1 {
				c.data(id, block, false)
			}
		}, "FLOW_CONTROL_ERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newH2Client(t, d)
			for i := range uint32(30) { // of at least half a MiB
				id := 2*i + 1
				test.send(c, id)
				c.sync()
				if got := c.stream(id).reset; got != test.reset {
					t.Fatalf("stream %d: got the reset %q, want %q", id, got, test.reset)
				}
			}
			if got := c.stream(0).credit; got < 30*uint32(len(block))-h2ConnWindow/2 {
				t.Errorf("got a credit of %d for the connection, want all but half of its window", got)
			}
		})
	}
}

func TestPaddingComesBackToBothWindows(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	const size = 1 + 255 + 1 // the pad length, the padding, and a byte
	for i := range uint32(3) {
		id := 2*i + 1
		c.request(id, "POST", "/", false)
		for sent := 0; sent < h2StreamWindow*3/4; sent += size {
			c.sent(c.framer.WriteDataPadded(id, false, []byte{'x'}, make([]byte, 255)))
		}
		c.until("credit for the stream", func() bool { return c.stream(id).credit >= h2StreamWindow/4 })
		c.data(id, "", true)
		c.answer(id)
	}
	c.until("credit for the connection", func() bool { return c.stream(0).credit-(h2ConnWindow-1<<16) >= h2ConnWindow/2 })
}

// TestAGrownWindowIsGivenBackWithItsConnection makes a window grow by an upload that is slower than its upstream.
func TestAGrownWindowIsGivenBackWithItsConnection(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	config := *d.dynamic.Load()
	config.BodyLimit = 1 << 30
	d.dynamic.Store(&config)
	grown := &d.shared.conns.grownWindows
	c := newH2Client(t, d)
	c.request(1, "POST", "/", false)
	for i := 0; grown.Load() == 0; i++ {
		if i > 1000 {
			t.Fatal("the window does not grow")
		}
		c.data(1, strings.Repeat("x", 4<<10), false)
		c.sync()
		waitFor(t, "the upstream to take it", func() bool { return heldBytes(d) == 0 })
	}
	_ = c.conn.Close()
	waitFor(t, "the end of the growth", func() bool { return grown.Load() == 0 })
}

// heldBytes returns how many bytes of request bodies the proxy holds.
func heldBytes(d *testDaemon) (n int64) {
	eachH2Conn(d, func(h *h2Conn) { n += h.windows.held })
	return n
}

// TestABodyWaitsForTheWindowOfTheConnection has a client that opens only the windows of its streams.
func TestABodyWaitsForTheWindowOfTheConnection(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "body_idle_timeout_secs = 1\n")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	c.request(1, "GET", "/large", true)
	if s := c.answer(1); s.reset != "CANCEL" || s.body.Len() != 1<<16-1 {
		t.Errorf("got %d bytes and the reset %q, want the window of the connection and CANCEL", s.body.Len(), s.reset)
	}
}

// TestASmallerInitialWindowHoldsForStreamsThatAreOpen shrinks the windows of a stream in the middle of its answer.
func TestASmallerInitialWindowHoldsForStreamsThatAreOpen(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000})
	c.sent(c.framer.WriteWindowUpdate(0, 1<<20))
	c.request(1, "GET", "/large", true)
	c.until("the first window", func() bool { return c.stream(1).body.Len() == 1000 })
	c.sent(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 400})) // 600 are owed now
	c.sent(c.framer.WriteWindowUpdate(1, 500))
	c.sync()
	if got := c.stream(1).body.Len(); got != 1000 {
		t.Errorf("got %d bytes while the window is below 0, want no more than the first 1000", got)
	}
	c.sent(c.framer.WriteWindowUpdate(1, 300))
	c.until("what is above 0", func() bool { return c.stream(1).body.Len() >= 1200 })
	c.sync()
	if got := c.stream(1).body.Len(); got != 1200 {
		t.Errorf("got %d bytes, want 1200", got)
	}
}

func TestPrioritiesOfStreamsToComeAreBounded(t *testing.T) {
	h := &h2Conn{}
	update := func(from, to uint32) {
		for id := from; id < to; id += 2 {
			if err := h.prioritise(id, codec.ParsePriority(fmt.Sprint("u=", id%8))); err != nil {
				t.Fatal(err)
			}
		}
	}
	update(1, 2001)
	if got := len(h.priorities); got != h2PriorityUpdates {
		t.Errorf("got %d priorities, want %d", got, h2PriorityUpdates)
	}
	h.newest = 2001 // the streams have begun, in other ways, or were passed over
	update(3001, 3003)
	if _, ok := h.priorities[3001]; !ok || len(h.priorities) != 1 {
		t.Errorf("got %d priorities, 3001 among them %v; want those of streams that were passed over to make room", len(h.priorities), ok)
	}
}
