package proxy

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestNoFrameKeepsAConnectionWithoutAStreamOpen sends frames after a request until the connection ends: it is idle from
// then on, whatever else is sent (S-12.1).
func TestNoFrameKeepsAConnectionWithoutAStreamOpen(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "connection_idle_timeout_secs = 1\n")
	malformed := uint32(1) // the last stream of that client
	for name, send := range map[string]func(c *h2Client){
		"PING":                       func(c *h2Client) { c.sent(c.framer.WritePing(false, [8]byte{})) },
		"SETTINGS":                   func(c *h2Client) { c.sent(c.framer.WriteSettings()) },
		"WINDOW_UPDATE":              func(c *h2Client) { c.sent(c.framer.WriteWindowUpdate(0, 1)) },
		"PRIORITY":                   func(c *h2Client) { c.sent(c.framer.WritePriority(1, http2.PriorityParam{})) },
		"PRIORITY_UPDATE":            func(c *h2Client) { c.sent(c.framer.WriteRawFrame(0x10, 0, 0, []byte("\x00\x00\x00\x09u=1"))) },
		"a frame of unknown type":    func(c *h2Client) { c.sent(c.framer.WriteRawFrame(0x77, 0, 0, nil)) },
		"RST_STREAM of what is over": func(c *h2Client) { c.sent(c.framer.WriteRSTStream(1, http2.ErrCodeCancel)) },
		"heads of malformed requests, in two pieces": func(c *h2Client) {
			block := c.encode(":method", "GET", "connection", "close")
			malformed += 2
			c.sent(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: malformed, BlockFragment: block, EndStream: true}))
			c.sent(c.framer.WriteContinuation(malformed, true, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newH2Client(t, d)
			c.request(1, "GET", "/", true)
			c.answer(1)
			ended := make(chan struct{})
			reader := &h2Client{t: t, framer: c.framer, streams: map[uint32]*h2Result{}, quiet: true}
			go func() {
				reader.ended()
				close(ended)
			}()
			deadline := time.After(15 * time.Second)
			for {
				send(c)
				select {
				case <-ended:
					if len(reader.goAways) == 0 || !strings.HasSuffix(reader.goAways[0], " NO_ERROR") {
						t.Errorf("got GOAWAY %q, want one with NO_ERROR", reader.goAways)
					}
					return
				case <-deadline:
					t.Fatal("the connection is still open")
				case <-time.After(100 * time.Millisecond): // such a client's interval
				}
			}
		})
	}
}

// TestAConnectionThatDoesNotBeginIsCut has clients that agree on HTTP/2 and never complete their SETTINGS (S-12.4).
func TestAConnectionThatDoesNotBeginIsCut(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "header_timeout_secs = 1\nconnection_idle_timeout_secs = 3600\n")
	for _, begin := range []string{"", http2.ClientPreface[:10], http2.ClientPreface, http2.ClientPreface + "\x00\x00\x06\x04\x00"} {
		t.Run(begin, func(t *testing.T) {
			t.Parallel()
			conn := d.dial(t, "h2")
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
			if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("got %v, want the connection cut", err)
			}
		})
	}
}

// TestADrainDoesNotWaitForAClientThatAnswersNoPING has a client that never confirms that it has seen the first GOAWAY.
func TestADrainDoesNotWaitForAClientThatAnswersNoPING(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	c.request(1, "GET", "/", true)
	c.answer(1)
	c.quiet = true
	d.signals <- syscall.SIGTERM
	c.ended()
	if len(c.goAways) != 2 {
		t.Errorf("got GOAWAY %q, want two", c.goAways)
	}
}
