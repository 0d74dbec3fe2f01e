package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
)

func TestWhatNoHonestClientDoesEndsTheConnection(t *testing.T) {
	upstream := echoUpstream(t)
	others := goleak.IgnoreCurrent()
	d := startDaemon(t, upstream, "")
	many := func(n int, send func(c *h2Client, i int)) func(c *h2Client) {
		return func(c *h2Client) {
			for i := 0; i < n && c.err == nil; i++ {
				send(c, i)
			}
		}
	}
	tests := []struct {
		name string
		send func(c *h2Client)
		code string
		// breach is the name of the breach in the log, or "" if it is not logged.
		breach string
	}{
		{"rapid reset", many(10000, func(c *h2Client, i int) {
			c.request(uint32(2*i+1), "GET", "/silent", true)
			c.sent(c.framer.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel))
		}), "ENHANCE_YOUR_CALM", "streams reset in bulk"},
		{"streams over the limit without end", many(10000, func(c *h2Client, i int) { c.request(uint32(2*i+1), "GET", "/silent", true) }),
			"ENHANCE_YOUR_CALM", "a flood of streams over the bound"},
		{"CONTINUATION without end", func(c *h2Client) {
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(":method", "GET")}))
			many(10000, func(c *h2Client, i int) { c.sent(c.framer.WriteContinuation(1, false, c.encode("a", fmt.Sprint(i)))) })(c)
		}, "ENHANCE_YOUR_CALM", "endless CONTINUATION"},
		{"empty CONTINUATION without end", func(c *h2Client) {
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(":method", "GET")}))
			many(10000, func(c *h2Client, _ int) { c.sent(c.framer.WriteContinuation(1, false, nil)) })(c)
		}, "ENHANCE_YOUR_CALM", "endless CONTINUATION"},
		{"an HPACK bomb", func(c *h2Client) {
			c.request(1, "GET", "/", true, "x", strings.Repeat("a", 3900))
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: bytes.Repeat([]byte{0x80 | 62}, 16000), EndHeaders: true}))
		}, "ENHANCE_YOUR_CALM", "a header block inflates"},
		{"empty DATA", func(c *h2Client) {
			c.request(1, "POST", "/", false)
			many(10000, func(c *h2Client, _ int) { c.data(1, "", false) })(c)
		}, "ENHANCE_YOUR_CALM", "a flood of empty frames"},
		{"empty HEADERS", many(10000, func(c *h2Client, i int) {
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), EndHeaders: true}))
		}), "ENHANCE_YOUR_CALM", "a flood of malformed requests"},
		{"PING", many(100000, func(c *h2Client, _ int) { c.sent(c.framer.WritePing(false, [8]byte{})) }),
			"ENHANCE_YOUR_CALM", "a flood of frames without a request"},
		{"SETTINGS", many(100000, func(c *h2Client, _ int) { c.sent(c.framer.WriteSettings()) }), "ENHANCE_YOUR_CALM", "a flood of SETTINGS"},
		{"PRIORITY", many(100000, func(c *h2Client, i int) {
			c.sent(c.framer.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: 0}))
		}), "ENHANCE_YOUR_CALM", "a flood of frames without a request"},
		{"PRIORITY_UPDATE", many(100000, func(c *h2Client, i int) {
			c.sent(c.framer.WriteRawFrame(0x10, 0, 0, fmt.Appendf([]byte{0, 0, byte(i >> 8), byte(i) | 1}, "u=1")))
		}), "ENHANCE_YOUR_CALM", "a flood of frames without a request"},
		{"WINDOW_UPDATE", many(100000, func(c *h2Client, _ int) { c.sent(c.framer.WriteWindowUpdate(0, 1)) }),
			"ENHANCE_YOUR_CALM", "a flood of frames without a request"},
		{"frames of an unknown type", many(100000, func(c *h2Client, _ int) { c.sent(c.framer.WriteRawFrame(0x77, 0, 0, nil)) }),
			"ENHANCE_YOUR_CALM", "a flood of frames without a request"},
		{"DATA on a stream that was reset", func(c *h2Client) {
			c.request(1, "GET", "/", false, "connection", "close")
			many(100000, func(c *h2Client, _ int) { c.data(1, "x", false) })(c)
		}, "ENHANCE_YOUR_CALM", "a flood of DATA on closed streams"},
		{"HEADERS on a stream that was reset", func(c *h2Client) {
			c.request(1, "GET", "/", false, "connection", "close")
			many(100000, func(c *h2Client, _ int) { c.head(1, true, "x-sum", "42") })(c)
		}, "ENHANCE_YOUR_CALM", "a flood of HEADERS on closed streams"},
		{"large DATA on a stream that was reset", func(c *h2Client) {
			c.request(1, "GET", "/", false, "connection", "close")
			block := strings.Repeat("x", 16384)
			many(1000, func(c *h2Client, _ int) { c.data(1, block, false) })(c)
		}, "ENHANCE_YOUR_CALM", "a flood of DATA on closed streams"},
		{"a window of the connection that overflows", func(c *h2Client) { c.sent(c.framer.WriteWindowUpdate(0, 1<<31-1)) },
			"FLOW_CONTROL_ERROR", ""},
		{"DATA on a stream that was not begun", func(c *h2Client) { c.data(1, "x", true) }, "PROTOCOL_ERROR", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			good := newH2Client(t, d)
			c := newH2Client(t, d)
			sent := make(chan struct{})
			go func() { // the answers are read meanwhile
				defer close(sent)
				test.send(c)
			}()
			bad := &h2Client{t: t, framer: c.framer, streams: map[uint32]*h2Result{}, quiet: true}
			good.request(1, "GET", "/", true)
			if s := good.answer(1); len(s.heads) != 1 {
				t.Errorf("got %q for an honest client meanwhile, want an answer", s.heads)
			}
			bad.ended()
			<-sent
			if len(bad.goAways) == 0 || !strings.HasSuffix(bad.goAways[len(bad.goAways)-1], " "+test.code) {
				t.Errorf("got GOAWAY %q (%v), want %s", bad.goAways, bad.err, test.code)
			}
			if test.breach != "" {
				waitFor(t, "the log line", func() bool { return strings.Contains(d.log.String(), "error=\""+test.breach+"\"") })
			}
			if d.pipeline.inFlight.Load() > 300 {
				t.Errorf("got %d requests in flight, want no more than streams", d.pipeline.inFlight.Load())
			}
			waitFor(t, "the end of all exchanges", func() bool { return d.pipeline.inFlight.Load() == 0 })
		})
	}
	d.stopWithin(t, patience)
	goleak.VerifyNone(t, others, goleak.IgnoreAnyFunction("reverse-proxy/proxy.rawUpstream.func2"),
		goleak.IgnoreAnyFunction("reverse-proxy/proxy.rawUpstream.func2.1"))
}

// TestDATAOverTheWindowOfTheConnectionEndsIt sends bodies that nothing reads, because the upstream never completes the
// TLS handshake. Reading them would reopen the window.
func TestDATAOverTheWindowOfTheConnectionEndsIt(t *testing.T) {
	_, roots := upstreamTLS(t)
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, _ net.Conn) { _, _ = io.Copy(io.Discard, r) })
	p := startPath(t, upstream, func(o *pathOptions) { o.roots, o.connect = roots, time.Hour })
	c := newH2ClientOn(t, p.dialFor(t, "h2"))
	for id := uint32(1); id < 9; id += 2 {
		c.request(id, "POST", "/", false)
	}
	const frame = 16 << 10
	for i := range h2ConnWindow/frame + 1 {
		c.data(uint32(1+i%4*2), strings.Repeat("x", frame), false)
	}
	c.ended()
	if len(c.goAways) != 1 || !strings.HasSuffix(c.goAways[0], " FLOW_CONTROL_ERROR") {
		t.Errorf("got GOAWAY %q (%v), want FLOW_CONTROL_ERROR", c.goAways, c.err)
	}
}

func TestAHeadThatDoesNotComeWholeIsCutAndPINGsAreNoActivity(t *testing.T) {
	// The timeout that is not under test is longer than the test takes.
	head := startDaemon(t, echoUpstream(t), "header_timeout_secs = 1\nconnection_idle_timeout_secs = 600\n")
	idle := startDaemon(t, echoUpstream(t), "header_timeout_secs = 600\nconnection_idle_timeout_secs = 2\n")
	tests := []struct {
		name   string
		daemon *testDaemon
		send   func(c *h2Client, conn net.Conn)
		// least is how long the connection must last.
		least time.Duration
	}{
		{"half a head", head, func(c *h2Client, _ net.Conn) {
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(":method", "GET")}))
		}, 500 * time.Millisecond},
		{"half a frame", head, func(_ *h2Client, conn net.Conn) { _, _ = conn.Write([]byte{0, 0, 5, 1, 5, 0, 0, 0, 1, 0x82}) },
			500 * time.Millisecond},
		{"nothing but PINGs", idle, func(c *h2Client, _ net.Conn) {
			for c.err == nil {
				time.Sleep(100 * time.Millisecond) // the interval of a client that wants to keep its connection
				c.sent(c.framer.WritePing(false, [8]byte{}))
			}
		}, 1500 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			c := newH2Client(t, test.daemon)
			c.sync()
			go test.send(c, c.conn)
			reader := &h2Client{t: t, framer: c.framer, streams: map[uint32]*h2Result{}, quiet: true}
			reader.ended()
			if took := time.Since(begun); took < test.least {
				t.Errorf("got the end after %v, want it to last for %v", took, test.least)
			}
			if len(reader.goAways) == 0 || !strings.HasSuffix(reader.goAways[0], "NO_ERROR") {
				t.Errorf("got GOAWAY %q, want one with NO_ERROR", reader.goAways)
			}
		})
	}
}

// TestAMapThatIsZoomedIsServedOn cancels 30 requests three times a second for an hour of the sweeper's clock, and then
// resets streams without a pause.
func TestAMapThatIsZoomedIsServedOn(t *testing.T) {
	resets := h2Allowances[h2Resets].allowance
	b := budget{left: resets.burst}
	now := int64(0)
	for range 3 * 3600 {
		now += int64(time.Second) / 3
		for range 30 {
			if !b.take(resets, now) {
				t.Fatalf("got the end after %v, want none", time.Duration(now))
			}
		}
	}
	taken := 0
	for b.take(resets, now) {
		taken++
	}
	if int64(taken) > resets.burst {
		t.Errorf("got %d resets at once, want at most %d", taken, resets.burst)
	}
}
