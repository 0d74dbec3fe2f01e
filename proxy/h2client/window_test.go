package h2client

import (
	"io"
	"strconv"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

// windowUpdate waits for a WINDOW_UPDATE of the stream and returns its increment.
func (s *server) windowUpdate(stream uint32) int {
	s.t.Helper()
	for {
		if f := s.await(xhttp2.FrameWindowUpdate); f.stream == stream {
			return atoi(f.text)
		}
	}
}

// TestFewResponsesHaveTheLongWindow has a server begin more long responses than may have the larger window, which nobody
// reads. When one ends, the next response gets its window.
func TestFewResponsesHaveTheLongWindow(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	<-c.greeting
	var open []*Stream
	respond := func(long bool) *Stream {
		t.Helper()
		stream := begin(t, c, "/long")
		id := s.await(xhttp2.FrameHeaders).stream
		s.respond(id, false, ":status", "200", "content-length", strconv.Itoa(1<<20))
		if _, err := stream.ReadHead(); err != nil {
			t.Fatal(err)
		}
		if stream.isLong() != long {
			t.Errorf("stream %d: got the larger window is %v, want %v", id, !long, long)
		}
		if long {
			if n := s.windowUpdate(id); n != longWindow-streamWindow {
				t.Errorf("stream %d: got an update by %d, want %d", id, n, longWindow-streamWindow)
			}
		}
		return stream
	}
	for i := range maxLong + 3 {
		open = append(open, respond(i < maxLong))
	}
	open[0].Close()
	open[0] = respond(true) // with the window of the response that has ended
	for _, stream := range open {
		stream.Close()
	}
	if c.long != 0 {
		t.Errorf("got %d larger windows without a response, want none", c.long)
	}
}

func (s *Stream) isLong() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.long
}

// beginResponse returns a stream whose response has begun, and its server.
func beginResponse(t *testing.T) (*Stream, *server) {
	t.Helper()
	leaks(t)
	c, s := connect(t)
	<-c.greeting
	stream := begin(t, c, "/")
	s.await(xhttp2.FrameHeaders)
	s.respond(1, false, ":status", "200")
	return stream, s
}

// TestAResponseOfUnknownLengthGetsTheLongWindowWhenItIsRead sends half a window, which is read, and then what the larger
// window holds.
func TestAResponseOfUnknownLengthGetsTheLongWindowWhenItIsRead(t *testing.T) {
	stream, s := beginResponse(t)
	half := strings.Repeat("x", streamWindow/2)
	_ = s.WriteData(1, false, []byte(half))
	if data, err := stream.Next(); string(data) != half || err != nil {
		t.Fatalf("got %d bytes, %v; want half a window", len(data), err)
	}
	if stream.isLong() {
		t.Fatal("got the larger window, want the smaller one until the bytes are consumed")
	}
	stream.SetAside()
	if wide, back := s.windowUpdate(1), s.windowUpdate(1); wide != longWindow-streamWindow || back != len(half) {
		t.Errorf("got updates by %d and %d, want %d and %d", wide, back, longWindow-streamWindow, len(half))
	}
	go func() {
		for left := longWindow; left > 0; left -= min(left, streamWindow) {
			_ = s.WriteData(1, left <= streamWindow, []byte(strings.Repeat("y", min(left, streamWindow)))) // body reports a failure
		}
	}()
	got := 0
	for {
		data, err := stream.Next()
		got += len(data)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got != longWindow {
		t.Errorf("got %d bytes, want the larger window full", got)
	}
	stream.Close()
}

// TestAResponseMayFillItsWindow sends as much as the window allows, and one byte more.
func TestAResponseMayFillItsWindow(t *testing.T) {
	stream, s := beginResponse(t)
	_ = s.WriteData(1, false, []byte(strings.Repeat("x", streamWindow)))
	_ = s.WriteData(1, false, []byte("x"))
	if f := s.await(xhttp2.FrameRSTStream); f.text != "FLOW_CONTROL_ERROR" {
		t.Errorf("got RST_STREAM %q, want FLOW_CONTROL_ERROR", f.text)
	}
	stream.Close()
}
