package proxy

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// TestStreamsThatAreResetOneAtATimeCost resets each stream at once, and repeatedly waits until all exchanges have ended:
// neither the bound on streams nor the refusals beyond it notice this.
func TestStreamsThatAreResetOneAtATimeCost(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	for id := uint32(1); id < 20_000; id += 2 {
		c.request(id, "GET", "/silent", true)
		c.sent(c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
		if id%40 != 1 {
			continue
		}
		c.sent(c.framer.WritePing(false, [8]byte{1})) // rare enough not to be a flood itself
		for acks := c.acks; c.acks == acks; {
			if !c.read() {
				waitFor(t, "the reason", func() bool { return strings.Contains(d.log.String(), " HTTP2_ABUSE ") })
				if !strings.Contains(d.log.String(), `error="streams reset in bulk"`) {
					t.Errorf("got the connection ended for another reason:\n%s", d.log)
				}
				return
			}
		}
		waitFor(t, "the end of the exchanges", func() bool { return d.pipeline.inFlight.Load() == 0 })
	}
	t.Error("got 10,000 resets served, want the connection ended")
}

// TestAStreamThatIsResetMakesNoRoomAtOnce sends so many streams in one record that the last is over the bound, although
// some have been reset by then: their exchanges have not ended.
func TestAStreamThatIsResetMakesNoRoomAtOnce(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	c.sync()
	var record bytes.Buffer
	direct := c.framer
	c.framer = http2.NewFramer(&record, nil)
	for i := range uint32(maxConcurrentStreams) {
		c.request(2*i+1, "GET", "/silent", true)
		if i < 50 {
			c.sent(c.framer.WriteRSTStream(2*i+1, http2.ErrCodeCancel))
		}
	}
	const last = 2*maxConcurrentStreams + 1
	c.request(last, "GET", "/", true)
	c.framer = direct
	if _, err := c.conn.Write(record.Bytes()); err != nil {
		t.Fatal(err)
	}
	if s := c.answer(last); s.reset != "REFUSED_STREAM" {
		t.Errorf("got %q and the reset %q, want REFUSED_STREAM", s.heads, s.reset)
	}
	waitFor(t, "the refused request to be counted", func() bool {
		return strings.Contains(answerOf(scrapeOf(d.Daemon)), `reverse_proxy_requests_total{site="",listener="",method="other",status="4xx"} 1`)
	})
	waitFor(t, "the end of what was reset", func() bool { return d.pipeline.inFlight.Load() == maxConcurrentStreams-50 })
	// The request is for an unknown host, because all upstream connections are in use.
	c.head(last+2, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "b.test")
	if s := c.answer(last + 2); len(s.heads) != 1 {
		t.Errorf("got the reset %q when exchanges have ended, want an answer", s.reset)
	}
}

// TestRequestsInBitsWithoutAByteCost sends each request as HEADERS and a few empty CONTINUATION frames. One request has too
// few of them to end the connection, but those of many requests are a flood.
func TestRequestsInBitsWithoutAByteCost(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	for id := uint32(1); id < 20_000; id += 2 {
		block := c.encode(":method", "GET", ":scheme", "https", ":path", "/none", ":authority", "a.test")
		c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true}))
		for i := range 4 {
			c.sent(c.framer.WriteContinuation(id, i == 3, nil))
		}
		for s := c.stream(id); !s.ended && s.reset == ""; {
			if !c.read() {
				waitFor(t, "the reason", func() bool { return strings.Contains(d.log.String(), " HTTP2_ABUSE ") })
				if !strings.Contains(d.log.String(), `error="a flood of empty frames"`) {
					t.Errorf("got the connection ended for another reason:\n%s", d.log)
				}
				return
			}
		}
	}
	t.Error("got 10,000 such requests served, want the connection ended")
}

// TestFramesThatAreSentEarnControlFrames has a client that uses PING to measure how fast a long answer comes.
func TestFramesThatAreSentEarnControlFrames(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	c.sent(c.framer.WriteWindowUpdate(0, 1<<30))
	for i := range uint32(6) {
		c.request(2*i+1, "GET", "/large", true)
		c.answer(2*i + 1)
		for range 400 { // each answer has some 180 frames, and earns more than 500
			c.sent(c.framer.WritePing(false, [8]byte{}))
		}
		c.sync()
	}
}

// TestEveryMalformedStreamTakesAToken has a client that sends only malformed requests. In the end it is refused,
// because the limiter counts them over every protocol.
func TestEveryMalformedStreamTakesAToken(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	config := *d.dynamic.Load()
	config.RateLimit.RequestsPerSecond, config.RateLimit.Burst = 0.0001, 10
	d.dynamic.Store(&config)
	c := newH2Client(t, d)
	for i := range uint32(10) {
		c.request(2*i+1, "GET", "/", true, "connection", "close")
		if s := c.answer(2*i + 1); s.reset != "PROTOCOL_ERROR" {
			t.Fatalf("stream %d: got the reset %q, want PROTOCOL_ERROR", 2*i+1, s.reset)
		}
	}
	c.request(21, "GET", "/", true)
	if s := c.answer(21); len(s.heads) != 1 || !strings.Contains(s.heads[0], ":status: 429") {
		t.Errorf("got %q after 10 malformed streams with a burst of 10, want 429", s.heads)
	}
}

func TestABudgetComesBackUpToItsBurst(t *testing.T) {
	const second = int64(1e9)
	a := allowance{burst: 10, perSecond: 5}
	b := budget{left: a.burst}
	count := func(now int64) (n int) {
		for b.take(a, now) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		at   int64
		want int
	}{{0, 10}, {second, 4}, {3 * second, 9}, {1000 * second, 10}} {
		// Failed takes are owed: one less comes back.
		if got := count(step.at); got != step.want {
			t.Errorf("after %d s: got %d, want %d", step.at/second, got, step.want)
		}
	}
}

// TestEarlyAnswersDoNotLoosenTheBoundOnStreams ends many streams by an answer before their body. Their client considers
// them closed while they are being cleaned up. Each makes room once, and not repeatedly.
func TestEarlyAnswersDoNotLoosenTheBoundOnStreams(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	id := uint32(1)
	for range maxConcurrentStreams + 10 {
		c.request(id, "POST", "/early", false)
		c.answer(id)
		id += 2
	}
	waitFor(t, "the end of all exchanges", func() bool { return d.pipeline.inFlight.Load() == 0 })
	for range maxConcurrentStreams {
		c.request(id, "GET", "/silent", true)
		id += 2
	}
	c.request(id, "GET", "/", true)
	if s := c.answer(id); s.reset != "REFUSED_STREAM" {
		t.Errorf("got %q and the reset %q for one stream more than the bound, want REFUSED_STREAM", s.heads, s.reset)
	}
}

func TestAbuseIsCountedEachTimeAndLoggedOnce(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	for range 3 {
		c := newH2Client(t, d)
		go func() {
			for c.err == nil {
				c.sent(c.framer.WriteSettings())
			}
		}()
		reader := &h2Client{t: t, framer: c.framer, streams: map[uint32]*h2Result{}, quiet: true}
		reader.ended()
	}
	waitFor(t, "the third breach", func() bool { return d.shared.metrics.process.breaches.Load() == 3 })
	waitFor(t, "the line", func() bool { return strings.Contains(d.log.String(), " HTTP2_ABUSE ") })
	if got := strings.Count(d.log.String(), " HTTP2_ABUSE "); got != 1 {
		t.Errorf("got %d lines about the same client and cause within a moment, want one", got)
	}
}
