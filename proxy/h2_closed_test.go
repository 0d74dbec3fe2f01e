package proxy

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// TestAFloodOfAnyFrameOnAStreamInAnyStateEndsTheConnection sends one kind of frame forever, on a stream in each of its
// states. The client is told why, and each kind has its own bound.
func TestAFloodOfAnyFrameOnAStreamInAnyStateEndsTheConnection(t *testing.T) {
	const (
		calm     = "ENHANCE_YOUR_CALM"
		protocol = "PROTOCOL_ERROR"
		closed   = "STREAM_CLOSED"

		controls = "a flood of frames without a request"
		resets   = "streams reset in bulk"
		empty    = "a flood of empty frames"
		late     = "a flood of HEADERS on closed streams"
	)
	states := map[string]func(c *h2Client) (id uint32){
		"idle":               func(*h2Client) uint32 { return 2001 },
		"open":               func(c *h2Client) uint32 { c.request(1, "POST", "/silent", false); return 1 },
		"half-closed remote": func(c *h2Client) uint32 { c.request(1, "GET", "/silent", true); return 1 },
		"closed by us": func(c *h2Client) uint32 {
			c.request(1, "GET", "/", true, "connection", "close")
			c.answer(1)
			return 1
		},
		"closed by the client": func(c *h2Client) uint32 {
			c.request(1, "GET", "/silent", true)
			c.sent(c.framer.WriteRSTStream(1, http2.ErrCodeCancel))
			return 1
		},
		"forgotten": func(c *h2Client) uint32 {
			c.request(1, "GET", "/", true, "connection", "close")
			c.answer(1)
			for id := uint32(3); id < 2*h2ClosedStreams+5; id += 2 {
				c.request(id, "GET", "/none", true)
				c.answer(id)
			}
			return 1
		},
	}
	frames := map[string]func(c *h2Client, id uint32) error{
		"DATA":             func(c *h2Client, id uint32) error { return c.framer.WriteData(id, false, nil) },
		"DATA with a byte": func(c *h2Client, id uint32) error { return c.framer.WriteData(id, false, []byte{1}) },
		"RST_STREAM":       func(c *h2Client, id uint32) error { return c.framer.WriteRSTStream(id, http2.ErrCodeCancel) },
		"WINDOW_UPDATE":    func(c *h2Client, id uint32) error { return c.framer.WriteWindowUpdate(id, 1) },
		"PRIORITY": func(c *h2Client, id uint32) error {
			return c.framer.WritePriority(id, http2.PriorityParam{StreamDep: id}) // depends on itself
		},
		"HEADERS": func(c *h2Client, id uint32) error {
			return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.encode("x-late", "1"), EndStream: true,
				EndHeaders: true, Priority: http2.PriorityParam{StreamDep: id, Weight: 1}}) // depends on itself
		},
	}
	want := map[string]map[string][2]string{ // the code, and the reason if an allowance was spent
		"DATA": {
			"idle": {protocol}, "open": {calm, empty}, "half-closed remote": {calm, "a flood of DATA on closed streams"}, // after a reset
			"closed by us": {calm, empty}, "closed by the client": {closed}, "forgotten": {closed},
		},
		"RST_STREAM": {
			"idle": {protocol}, "open": {calm, resets}, "half-closed remote": {calm, resets},
			"closed by us": {calm, resets}, "closed by the client": {calm, resets}, "forgotten": {calm, resets},
		},
		"WINDOW_UPDATE": {
			"idle": {protocol}, "open": {calm, controls}, "half-closed remote": {calm, controls},
			"closed by us": {calm, controls}, "closed by the client": {calm, controls}, "forgotten": {calm, controls},
		},
		"PRIORITY": {
			"idle": {calm, controls}, "open": {calm, controls}, "half-closed remote": {calm, controls},
			"closed by us": {calm, controls}, "closed by the client": {calm, controls}, "forgotten": {calm, controls},
		},
		"DATA with a byte": {
			"closed by us": {calm, "a flood of DATA on closed streams"}, "closed by the client": {closed}, "forgotten": {closed},
		},
		"HEADERS": {
			"idle": {calm, late}, // the first one was reset
			"open": {calm, late}, "half-closed remote": {closed},
			"closed by us": {calm, late}, "closed by the client": {closed}, "forgotten": {protocol},
		},
	}
	for frame, send := range frames {
		for state, w := range want[frame] {
			prepare := states[state]
			t.Run(frame+" "+state, func(t *testing.T) {
				d := startDaemon(t, echoUpstream(t), "")
				c := newH2Client(t, d)
				c.sync()
				id := prepare(c)
				c.quiet = true
				go func() {
					for range 20_000 {
						if send(c, id) != nil {
							return
						}
					}
				}()
				reader := &h2Client{t: t, framer: c.framer, streams: map[uint32]*h2Result{}, quiet: true}
				reader.ended()
				if len(reader.goAways) == 0 || !strings.HasSuffix(reader.goAways[len(reader.goAways)-1], w[0]) {
					t.Fatalf("got GOAWAY %q, want %s", reader.goAways, w[0])
				}
				if s := reader.stream(id); s.reset != "" && (strings.HasPrefix(state, "closed") || state == "forgotten") {
					t.Errorf("got the reset %s of a stream that was closed", s.reset)
				}
				if w[1] != "" {
					waitFor(t, "the reason", func() bool { return strings.Contains(d.log.String(), " HTTP2_ABUSE ") })
					if !strings.Contains(d.log.String(), `error="`+w[1]) {
						t.Errorf("got the connection ended for another reason than %q:\n%s", w[1], d.log)
					}
				}
			})
		}
	}
}
