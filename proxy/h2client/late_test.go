package h2client

import (
	"context"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"reverse-proxy/proxy/http2"
)

// TestManyCancelledRequestsDoNotEndOthers cancels more requests at once than some servers accept on one connection.
// Those servers send GOAWAY with ENHANCE_YOUR_CALM, which ends the requests of all clients (S-12.6).
func TestManyCancelledRequestsDoNotEndOthers(t *testing.T) {
	c, s := connect(t)
	waitFor(t, "SETTINGS", func() bool { return c.isGreeted() })
	other := begin(t, c, "/other")
	cancelled := make([]*Stream, resetsAtOnce+lateEachSecond+4)
	for i := range cancelled {
		cancelled[i] = begin(t, c, "/cancelled")
	}
	for _, stream := range cancelled {
		stream.Close()
	}
	for range resetsAtOnce {
		s.await(xhttp2.FrameRSTStream)
	}
	if stream := streamOf(c); stream != nil {
		t.Error("got a stream on a connection that has had many resets, want none")
	}

	// A second later some more resets are sent.
	c.Look(time.Now())
	for range lateEachSecond {
		s.await(xhttp2.FrameRSTStream)
	}

	// The server ends the last one itself, so no reset is needed.
	last := uint32(2*len(cancelled) + 1)
	s.respond(last, true, ":status", "200")
	s.respond(1, false, ":status", "200")
	s.raw(xhttp2.FrameData, xhttp2.FlagDataEndStream, 1, "text")
	if text, err := body(other); text != "text" || err != nil {
		t.Errorf("the other request: got %q, %v; want its whole answer", text, err)
	}
	c.Look(time.Now())
	other.Close()
	for f := range s.frames { // the connection ends with its last request
		if f.kind == xhttp2.FrameRSTStream && f.stream == last {
			t.Error("got a reset of a stream that the server had ended")
		}
	}
}

// TestOccasionallyCancelledRequestsKeepTheirConnection cancels as many requests a second as a connection allows.
func TestOccasionallyCancelledRequestsKeepTheirConnection(t *testing.T) {
	c, s := connect(t)
	waitFor(t, "SETTINGS", func() bool { return c.isGreeted() })
	for range 20 {
		for range resetsEachSecond {
			begin(t, c, "/").Close()
			s.await(xhttp2.FrameRSTStream)
		}
		c.Look(time.Now())
	}
	if !c.Usable() {
		t.Error("the connection takes no more requests, want it kept")
	}
}

// TestFramesUnderWayToACancelledRequestAreNotAFlood sends what the window of a cancelled stream allows, in small
// frames.
func TestFramesUnderWayToACancelledRequestAreNotAFlood(t *testing.T) {
	for name, cancelled := range map[string]int{"reset": 1, "reset later": resetsAtOnce + 1} {
		t.Run(name, func(t *testing.T) {
			c, s := connect(t)
			waitFor(t, "SETTINGS", func() bool { return c.isGreeted() })
			other := begin(t, c, "/other")
			streams := make([]*Stream, cancelled)
			for i := range streams {
				streams[i] = begin(t, c, "/cancelled")
			}
			last := streams[cancelled-1].id
			for _, stream := range streams {
				stream.Close()
			}
			s.respond(last, false, ":status", "200")
			const part = streamWindow / (2 * junkFrames) // twice as many frames as would be a flood
			for range streamWindow / part {
				s.raw(xhttp2.FrameData, 0, last, strings.Repeat("x", part))
			}
			s.respond(1, true, ":status", "204")
			if _, err := other.ReadHead(); err != nil {
				t.Errorf("the other request: got %v, want its answer", err)
			}
			repeat(2*junkFrames, func() { s.raw(xhttp2.FrameData, 0, last, strings.Repeat("x", 2000)) })
			waitFor(t, "the end of a connection whose server ignores the window", func() bool { return c.Err() != nil })
			other.Close()
		})
	}
}

// trailers are the trailer fields of a request, by name.
type trailers map[string]string

func (f trailers) AppendTrailers(e *http2.HeadEncoder, dst []byte) []byte {
	dst = e.Begin(dst)
	for name, value := range f {
		dst = e.AppendField(dst, name, value)
	}
	return dst
}

func (f trailers) TrailerBytes() (n int) {
	for name, value := range f {
		n += len(name) + len(value) + 32
	}
	return n
}

// isGreeted reports whether the server's SETTINGS have arrived.
func (c *Conn) isGreeted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.greeted
}

// TestTrailersOverTheBoundOfTheServerAreNotSent sends trailers that a server may answer by ending the connection.
func TestTrailersOverTheBoundOfTheServerAreNotSent(t *testing.T) {
	c, s := connect(t, xhttp2.Setting{ID: xhttp2.SettingMaxHeaderListSize, Val: 1000})
	waitFor(t, "SETTINGS", func() bool { return c.isGreeted() })
	stream := streamOf(c)
	if err := stream.Begin(head{"POST", "/"}, false, false); err != nil {
		t.Fatal(err)
	}
	s.await(xhttp2.FrameHeaders)
	if err := stream.End(trailers{"x-a": strings.Repeat("v", 1000)}); err == nil || !strings.Contains(err.Error(), "SETTINGS_MAX_HEADER_LIST_SIZE") {
		t.Errorf("got %v, want the trailers refused", err)
	}
	stream.Close()
	if f := s.await(xhttp2.FrameRSTStream); f.stream != 1 {
		t.Errorf("got a reset of stream %d, want 1", f.stream)
	}
}

// TestALargeHeadHasItsOwnConnection checks that neither a large head nor its large trailers can end a shared
// connection.
func TestALargeHeadHasItsOwnConnection(t *testing.T) {
	leaks(t)
	set, dial := setTo(t, identityServer(t))
	open := func(open func(context.Context, Dial) (*Stream, error)) *Stream {
		stream, err := open(t.Context(), dial)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Begin(head{"POST", "/"}, false, false); err != nil {
			t.Fatal(err)
		}
		return stream
	}
	shared := open(func(ctx context.Context, dial Dial) (*Stream, error) { return set.Open(ctx, Body{}, dial) })
	alone := open(set.OpenAlone)
	if shared.conn == alone.conn || set.Conns() != 1 {
		t.Errorf("got the same connection: %v; got %d connections for others, want 1", shared.conn == alone.conn, set.Conns())
	}
	large := trailers{"x-a": strings.Repeat("v", LargeHead)}
	if err := alone.End(large); err != nil {
		t.Errorf("large trailers on their own connection: got %v, want none", err)
	}
	if err := shared.End(large); err == nil || !strings.Contains(err.Error(), "8 KiB") {
		t.Errorf("large trailers on a shared connection: got %v, want them refused", err)
	}
	others, own := shared.conn, alone.conn
	shared.Close()
	alone.Close()
	waitFor(t, "the end of the connection of one request", func() bool { return own.Err() != nil })
	if others.Err() != nil {
		t.Errorf("the shared connection has ended: %v", others.Err())
	}
}

// TestAcknowledgingEachByteIsNotAFlood has a client that sends a body byte by byte, and a server that for each byte
// opens both windows and measures the path.
func TestAcknowledgingEachByteIsNotAFlood(t *testing.T) {
	c, s := connect(t)
	waitFor(t, "SETTINGS", func() bool { return c.isGreeted() })
	stream := streamOf(c)
	if err := stream.Begin(head{"POST", "/"}, false, false); err != nil {
		t.Fatal(err)
	}
	for range junkFrames {
		if _, err := stream.Write([]byte("x"), false); err != nil {
			t.Fatal(err)
		}
		_ = s.WriteWindowUpdate(0, 1) // the client may have closed the connection
		_ = s.WriteWindowUpdate(1, 1)
		_ = s.WritePing(false, [8]byte{})
	}
	s.respond(1, true, ":status", "204")
	if _, err := stream.ReadHead(); err != nil {
		t.Errorf("got %v, want the answer", err)
	}
	stream.Close()
}

// TestAConnectionHasFewerResetsThanServersAccept cancels everything that a connection can carry, after as many other
// requests as clients may cancel on it.
func TestAConnectionHasFewerResetsThanServersAccept(t *testing.T) {
	const window, most = 30, 200 // of Netty
	if resets := resetsAtOnce + window*resetsEachSecond + MaxStreams; resets >= most {
		t.Errorf("a connection may have %d resets in %d s, want fewer than %d", resets, window, most)
	}
}
