package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/http2"

	"reverse-proxy/proxy/deadline"
)

func TestAResponseStopsAtTheWindowsAndGoesOn(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
	c.request(1, "GET", "/trailers", true) // 2 bytes and trailers
	c.request(3, "GET", "/x", true)
	if s := c.answer(1); s.body.String() != "hi" || len(s.heads) != 2 {
		t.Errorf("got %q and %q, want the body and the trailers", s.body.String(), s.heads)
	}
	s := c.stream(3)
	c.until("what the window lets go", func() bool { return s.body.Len() == 10 })
	c.sync()
	if s.body.Len() != 10 || s.ended {
		t.Fatalf("got %d bytes, want no more than the window", s.body.Len())
	}
	c.sent(c.framer.WriteWindowUpdate(3, 5))
	c.until("five more", func() bool { return s.body.Len() == 15 })
	c.sent(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 20})) // 10 more for open streams
	c.until("ten more", func() bool { return s.body.Len() == 25 })
	c.sent(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})) // the window is negative now
	c.sent(c.framer.WriteWindowUpdate(3, 20))
	c.sync()
	if s.body.Len() != 25 {
		t.Errorf("got %d bytes, want none while the window is not positive", s.body.Len())
	}
	c.sent(c.framer.WriteWindowUpdate(3, 1000))
	if c.answer(3); !strings.HasPrefix(s.body.String(), "GET /x HTTP/1.1\r\n") || s.reset != "" {
		t.Errorf("got %q and the reset %q, want the whole body", s.body.String(), s.reset)
	}
	c.sent(c.framer.WriteWindowUpdate(3, 1<<31-1)) // the stream has ended: the update does not count
	c.request(5, "GET", "/silent", true)
	c.sent(c.framer.WriteWindowUpdate(5, 1<<31-1))
	c.sent(c.framer.WriteWindowUpdate(5, 1<<31-1))
	if s := c.answer(5); s.reset != "FLOW_CONTROL_ERROR" {
		t.Errorf("got the reset %q for a window that overflows, want FLOW_CONTROL_ERROR", s.reset)
	}
}

func TestALargeResponseStopsAtTheWindowOfTheConnection(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	c.request(1, "GET", "/large", true)
	s := c.stream(1)
	c.until("what the window lets go", func() bool { return s.body.Len() == 65535 })
	c.request(3, "HEAD", "/", true) // needs no window
	if other := c.answer(3); len(other.heads) != 1 {
		t.Errorf("got %q, want the head", other.heads)
	}
	for s.body.Len() < 3000000 {
		before := s.body.Len()
		c.sent(c.framer.WriteWindowUpdate(0, 100000))
		c.until("more", func() bool { return s.body.Len() == min(3000000, before+100000) })
	}
	if c.answer(1); s.reset != "" || s.body.Len() != 3000000 {
		t.Errorf("got %d bytes and the reset %q, want all", s.body.Len(), s.reset)
	}
}

func TestAWindowThatIsNeverOpenedEndsTheStream(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "body_idle_timeout_secs = 1\n")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	c.request(1, "GET", "/", true)
	if s := c.answer(1); s.reset != "CANCEL" || len(s.heads) != 1 || s.body.Len() != 0 {
		t.Errorf("got %q, %d bytes and the reset %q, want the head and CANCEL", s.heads, s.body.Len(), s.reset)
	}
	waitFor(t, "the end of the exchange", func() bool { return d.pipeline.inFlight.Load() == 0 })
}

func TestABodyThatIsNotReadHoldsUpNoOther(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	// The bodies exceed the window of the connection in all, in pieces that the proxy has answered before it has seen them.
	for id := uint32(1); id < 41; id += 2 {
		c.request(id, "POST", "/early", false)
		c.data(id, strings.Repeat("x", 16000), false)
		if s := c.answer(id); len(s.heads) != 1 || !strings.Contains(s.heads[0], ":status: 401") {
			t.Fatalf("stream %d: got %q, want 401", id, s.heads)
		}
		c.sync()
	}
	if c.stream(0).credit < 131072 {
		t.Errorf("got a credit of %d for the connection, want at least half of its window again", c.stream(0).credit)
	}
}

func TestACancelledStreamCancelsItsUpstream(t *testing.T) {
	var begun, ended atomic.Int32
	d := startDaemon(t, rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		begun.Add(1)
		_, _ = io.Copy(io.Discard, conn)
		ended.Add(1)
	}), "")
	c := newH2Client(t, d)
	c.request(1, "GET", "/", true)
	c.request(3, "GET", "/", true)
	waitFor(t, "both requests", func() bool { return begun.Load() == 2 })
	c.sent(c.framer.WriteRSTStream(1, http2.ErrCodeCancel))
	waitFor(t, "the end of the first", func() bool { return ended.Load() == 1 && d.pipeline.inFlight.Load() == 1 })
	_ = c.conn.Close()
	waitFor(t, "the end of the second", func() bool { return ended.Load() == 2 && d.pipeline.inFlight.Load() == 0 })
}

func TestAWindowGrowsWhileItHoldsTheUploadUp(t *testing.T) {
	tests := []struct {
		name string
		// held is how much is still stored after each take of 50 bytes.
		held []int64
		want []bool
	}{
		{"The upstream takes everything at once", []int64{0, 0, 0, 0}, []bool{false, false, false, true}},
		{"The whole window arrives in a burst", []int64{50, 0, 50, 0}, []bool{false, false, false, true}},
		{"The upstream never empties the buffer", []int64{50, 50, 50, 50, 50, 50, 50, 50}, make([]bool, 8)},
		{"The upstream keeps up only at first", []int64{0, 50, 50, 50}, make([]bool, 4)},
		{"The upstream catches up after a stall", []int64{100, 100, 50, 50, 50, 0, 50, 0}, []bool{7: true}},
		{"The upstream takes two windows at once", []int64{0, 0, 0, 0, 0, 0, 0, 0}, []bool{3: true, 7: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := h2Window{size: 100, open: 100}
			var got []bool
			for _, held := range test.held {
				got = append(got, w.mayGrow(50, held))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestAWindowThatGrowsIsOpenedByThat(t *testing.T) {
	w := h2Window{size: 100, open: 100}
	if !w.receive(40) || w.give(40) != 0 {
		t.Fatal("got the window exceeded, or opened again before half of it was used up")
	}
	w.grow(100)
	if w.give(1) != 141 || w.open != 201 || w.size != 200 {
		t.Errorf("got %+v, want the window opened by what was taken and by what it has grown", w)
	}
	if w.receive(1000) {
		t.Error("got 1000 bytes taken with less of a window, want them refused")
	}
}

func TestTheGrowthOfAllWindowsIsBounded(t *testing.T) {
	registry := newConnRegistry(1, 1, deadline.NewSweeper())
	grown := 0
	for range 100 {
		h := &h2Conn{server: &siteServer{registry: registry}}
		h.windows.init()
		for size := int64(2 * h2StreamWindow); size <= h2MaxStreamWindow && h.roomFor(size); size *= 2 {
			grown++
		}
		if h.windows.size > h2MaxConnWindow {
			t.Fatalf("got a window of %d, want at most %d", h.windows.size, h2MaxConnWindow)
		}
	}
	if all := registry.grownWindows.Load(); all > h2GrownWindows || all < h2GrownWindows/2 || grown == 0 {
		t.Errorf("got %d bytes of growth in all, want it close to and at most %d", all, h2GrownWindows)
	}
}

func TestLargeBodiesPassBothWays(t *testing.T) {
	d := startDaemon(t, rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		var length int64
		for line := range strings.Lines(head) {
			_, _ = fmt.Sscanf(line, "content-length: %d", &length)
			_, _ = fmt.Sscanf(line, "Content-Length: %d", &length)
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", length)
		_, _ = io.CopyN(conn, r, length)
	}), "")
	// The test raises the limit of the body, which is below the size of the windows.
	dynamic := *d.pipeline.dynamic.Load()
	dynamic.BodyLimit = 1 << 30
	d.pipeline.dynamic.Store(&dynamic)
	client := d.client(t, true)
	const size = 20 << 20
	response, err := client.Post("https://a.test/", "text/plain", &io.LimitedReader{R: letters{}, N: size})
	if err == nil {
		defer response.Body.Close()
	}
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("got %v %v, want 200", response, err)
	}
}

// letters is an endless body.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestUrgentStreamsGoFirstAndEqualsInTurn(t *testing.T) {
	tests := []struct {
		name string
		send func(c *h2Client)
		want []string // the streams of the frames, one letter per run; each is as good
	}{
		{"equal streams share the connection", func(c *h2Client) {
			c.request(1, "GET", "/large", true)
			c.request(3, "GET", "/large", true)
		}, []string{"1313", "3131"}}, // either may have had the last turn before the window was full
		{"the urgent one goes first", func(c *h2Client) {
			c.request(1, "GET", "/large", true, "priority", "u=5")
			c.request(3, "GET", "/large", true, "priority", "u=1")
		}, []string{"31"}},
		{"responses that are not incremental go one after the other", func(c *h2Client) {
			c.request(1, "GET", "/large", true, "priority", "u=3")
			c.request(3, "GET", "/large", true, "priority", "u=3")
		}, []string{"13"}},
		{"PRIORITY_UPDATE overrides the field", func(c *h2Client) {
			c.sent(c.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x03u=0")))
			c.request(1, "GET", "/large", true, "priority", "u=2")
			c.request(3, "GET", "/large", true, "priority", "u=7")
		}, []string{"31"}},
		{"PRIORITY_UPDATE of a stream that has begun", func(c *h2Client) {
			c.request(1, "GET", "/large", true, "priority", "u=2")
			c.request(3, "GET", "/large", true, "priority", "u=7")
			c.sent(c.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x03u=0")))
		}, []string{"31"}},
	}
	d := startDaemon(t, echoUpstream(t), "")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
			test.send(c)
			// The stream that came first has used up the window of the connection; both wait for their turn now.
			c.until("both heads", func() bool { return len(c.stream(1).heads) == 1 && len(c.stream(3).heads) == 1 })
			c.until("what the window lets go", func() bool { return c.stream(1).body.Len()+c.stream(3).body.Len() == 65535 })
			waitFor(t, "both to have more", func() bool { return scheduledStreams(d) == 2 })
			c.order = nil
			c.sent(c.framer.WriteWindowUpdate(0, 1<<30))
			c.answer(1)
			c.answer(3)
			var got strings.Builder
			for i, id := range c.order {
				if i == 0 || c.order[i-1] != id {
					fmt.Fprint(&got, id)
				}
			}
			if got := got.String(); !slices.ContainsFunc(test.want, func(want string) bool { return strings.HasPrefix(got, want) }) {
				t.Errorf("got the order %.40s, want it to begin with one of %s", got, test.want)
			}
			_ = c.conn.Close()
			waitFor(t, "the end of the connection", func() bool { return d.shared.conns.count() == 0 })
		})
	}
}

// scheduledStreams counts the streams that wait for their turn.
func scheduledStreams(d *testDaemon) (n int) {
	eachH2Conn(d, func(h *h2Conn) {
		for _, open := range h.streams {
			if open.stream.scheduled {
				n++
			}
		}
	})
	return n
}

func TestShutdownSaysGOAWAYTwiceAndLetsStreamsEnd(t *testing.T) {
	release := make(chan struct{})
	var begun atomic.Int32
	d := startDaemon(t, rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		if !strings.HasPrefix(head, "GET /idle ") {
			begun.Add(1)
			<-release
		}
		answerOK(head, r, conn)
	}), "")
	busy, idle := newH2Client(t, d), newH2Client(t, d)
	idle.request(1, "GET", "/idle", true)
	idle.answer(1)
	busy.request(1, "GET", "/", true)
	waitFor(t, "the request", func() bool { return begun.Load() == 1 })
	d.signals <- syscall.SIGTERM
	busy.until("the first GOAWAY", func() bool { return len(busy.goAways) == 1 })
	busy.request(3, "GET", "/", true) // it was already on its way, so it is still served
	waitFor(t, "the second request", func() bool { return begun.Load() == 2 })
	busy.until("the second GOAWAY", func() bool { return len(busy.goAways) == 2 })
	idle.ended()
	if got := fmt.Sprint(idle.goAways); got != "[2147483647 NO_ERROR 1 NO_ERROR]" {
		t.Errorf("idle: got GOAWAY %s, want one without and one with the last stream", got)
	}
	busy.request(5, "GET", "/", true) // it is ignored
	close(release)
	for _, id := range []uint32{1, 3} {
		if s := busy.answer(id); s.body.String() != "ok" {
			t.Errorf("stream %d: got %q, want ok", id, s.body.String())
		}
	}
	busy.ended()
	if got := fmt.Sprint(busy.goAways); got != "[2147483647 NO_ERROR 3 NO_ERROR]" || len(busy.stream(5).heads) != 0 {
		t.Errorf("busy: got GOAWAY %s and %q for a late stream, want 3 as the last and nothing", got, busy.stream(5).heads)
	}
	d.stopWithin(t, patience)
}

func TestShutdownWaitsForTheFirstRequestOfANewConnection(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	fresh := newH2Client(t, d)
	fresh.sync()
	d.signals <- syscall.SIGTERM
	waitFor(t, "the drain", func() bool {
		d.shared.conns.mu.Lock()
		defer d.shared.conns.mu.Unlock()
		return d.shared.conns.draining
	})
	fresh.sync()
	if len(fresh.goAways) != 0 {
		t.Errorf("got GOAWAY %v before the first request, want none", fresh.goAways)
	}
	fresh.request(1, "GET", "/", true)
	if s := fresh.answer(1); !strings.Contains(s.body.String(), "map[") {
		t.Errorf("got %q, want the request's echo", s.body.String())
	}
	fresh.ended()
	if got := fmt.Sprint(fresh.goAways); got != "[2147483647 NO_ERROR 1 NO_ERROR]" {
		t.Errorf("got GOAWAY %s, want one without and one with the last stream", got)
	}
	d.stopWithin(t, patience)
}

func TestManyClientsOfOneConnectionAreAllServed(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	client := d.client(t, true)
	if response, err := client.Get("https://a.test/"); err != nil || response.Body.Close() != nil {
		t.Fatal(err)
	}
	done := make(chan error, 200)
	for i := range 200 {
		go func() {
			response, err := client.Post("https://a.test/", "text/plain", strings.NewReader(fmt.Sprint("body ", i)))
			if err == nil {
				var body []byte
				body, err = io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err == nil && !strings.Contains(string(body), fmt.Sprint("body ", i, "map[")) {
					err = fmt.Errorf("got %q, want body %d", body, i)
				}
			}
			done <- err
		}()
	}
	for range 200 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestAConnectionThatIsClosedToMakeRoomIsToldSo(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	registry := d.shared.conns
	for range 20 {
		c := newH2Client(t, d)
		c.request(1, "GET", "/", true) // a connection without a request is idle only after a second (S-12.10)
		c.answer(1)
		waitFor(t, "the connection to be idle, and told", func() bool {
			registry.closeIdle()
			registry.mu.Lock()
			defer registry.mu.Unlock()
			return len(registry.leaving) == 1 || len(registry.conns) == 0 // it may have gone already
		})
		c.ended()
		if got := fmt.Sprint(c.goAways); got != "[1 NO_ERROR]" || c.err != io.EOF {
			t.Fatalf("got GOAWAY %s and %v, want one and a clean end", got, c.err)
		}
		waitFor(t, "the connection to be gone", func() bool { return registry.count() == 0 })
	}
}
