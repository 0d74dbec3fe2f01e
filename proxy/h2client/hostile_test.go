package h2client

import (
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"reverse-proxy/proxy/http2"
)

// raw sends a frame with an arbitrary header.
func (s *server) raw(kind xhttp2.FrameType, flags xhttp2.Flags, stream uint32, payload string) {
	_ = s.WriteRawFrame(kind, flags, stream, []byte(payload)) // the client may have closed the connection
}

// A fault of one response must fail only that response. A fault of the connection must fail all, with its reason.
func TestAFaultOfTheServerFailsOnlyWhatItConcerns(t *testing.T) {
	head := func(s *server) { s.respond(1, false, ":status", "200") }
	for name, test := range map[string]struct {
		do func(s *server)
		// want is part of the reason. ends reports whether the connection ends.
		want string
		ends bool
	}{
		"a response without a status is refused": {func(s *server) { s.respond(1, true, "a", "b") }, "no :status", false},
		"a status of four digits is refused":     {func(s *server) { s.respond(1, true, ":status", "2000") }, "malformed :status", false},
		"a status of 600 is refused":             {func(s *server) { s.respond(1, true, ":status", "600") }, "malformed :status", false},
		"a status of 101 is refused":             {func(s *server) { s.respond(1, false, ":status", "101") }, "status 101", false},
		"two statuses are refused":               {func(s *server) { s.respond(1, true, ":status", "200", ":status", "200") }, "twice", false},
		"a status after a field is refused":      {func(s *server) { s.respond(1, true, "a", "b", ":status", "200") }, "after a regular one", false},
		"a path is refused":                      {func(s *server) { s.respond(1, true, ":status", "200", ":path", "/") }, "unknown pseudo-header field", false},
		"an upper-case name is refused":          {func(s *server) { s.respond(1, true, ":status", "200", "X-A", "b") }, "upper-case", false},
		"a line end in a value is refused":       {func(s *server) { s.respond(1, true, ":status", "200", "a", "b\r\nc: d") }, "control character", false},
		"a connection field is refused":          {func(s *server) { s.respond(1, true, ":status", "200", "connection", "close") }, "connection-specific", false},
		"a transfer coding is refused":           {func(s *server) { s.respond(1, true, ":status", "200", "transfer-encoding", "chunked") }, "connection-specific", false},
		"two lengths are refused":                {func(s *server) { s.respond(1, true, ":status", "200", "content-length", "1", "content-length", "1") }, "several content-length", false},
		"257 fields are refused": {func(s *server) {
			s.respond(1, true, append([]string{":status", "200"}, strings.Split(strings.Repeat("a,b,", 257), ",")[:514]...)...)
		}, "more than 256 field lines", false},
		"an interim response that ends is refused": {func(s *server) { s.respond(1, true, ":status", "103") }, "ends with an interim one", false},
		"17 interim responses are refused": {func(s *server) {
			repeat(17, func() { s.respond(1, false, ":status", "103") })
			s.await(xhttp2.FrameRSTStream)
		}, "too many interim", false},
		"data before the head is refused": {func(s *server) { s.raw(xhttp2.FrameData, 0, 1, "x") }, "DATA before the head", false},
		"more data than the length is refused": {func(s *server) {
			s.respond(1, false, ":status", "200", "content-length", "1")
			s.raw(xhttp2.FrameData, 0, 1, "xx")
		}, "more data than the response may have", false},
		"less data than the length is refused": {func(s *server) {
			s.respond(1, false, ":status", "200", "content-length", "3")
			s.raw(xhttp2.FrameData, 1, 1, "xx")
		}, "shorter than its content-length", false},
		"a body of a 204 is refused":           {func(s *server) { s.respond(1, false, ":status", "204"); s.raw(xhttp2.FrameData, 1, 1, "x") }, "more data than the response may have", false},
		"trailers that do not end are refused": {func(s *server) { head(s); s.respond(1, false, "a", "b") }, "trailers that do not end", false},
		"a status in the trailers is refused":  {func(s *server) { head(s); s.respond(1, true, ":status", "200") }, "in the trailers", false},
		"a window that overflows is refused":   {func(s *server) { _ = s.WriteWindowUpdate(1, http2.MaxWindow) }, "window is over", false},
		"a window update of 0 is refused":      {func(s *server) { s.raw(xhttp2.FrameWindowUpdate, 0, 1, "\x00\x00\x00\x00") }, "WINDOW_UPDATE of 0", false},
		"more data than the stream's window is refused": {func(s *server) {
			head(s)
			repeat(5, func() { s.raw(xhttp2.FrameData, 0, 1, strings.Repeat("x", 16<<10)) })
		}, "more data than the stream's window", false},

		"a frame that is too long is refused":               {func(s *server) { s.raw(xhttp2.FrameData, 0, 1, strings.Repeat("x", 16<<10+1)) }, "longer than SETTINGS_MAX_FRAME_SIZE", true},
		"a frame on a stream that was not begun is refused": {func(s *server) { s.raw(xhttp2.FrameData, 0, 7, "x") }, "not begun", true},
		"a stream that the server begins is refused":        {func(s *server) { s.respond(2, true, ":status", "200") }, "not begun", true},
		"data on stream 0 is refused":                       {func(s *server) { s.raw(xhttp2.FrameData, 0, 0, "x") }, "DATA on stream 0", true},
		"a reset of an idle stream is refused":              {func(s *server) { s.raw(xhttp2.FrameRSTStream, 0, 9, "\x00\x00\x00\x00") }, "not begun", true},
		"a promise is refused":                              {func(s *server) { s.raw(xhttp2.FramePushPromise, 4, 1, "\x00\x00\x00\x02") }, "PUSH_PROMISE", true},
		"a block that is interrupted is refused":            {func(s *server) { s.raw(xhttp2.FrameHeaders, 0, 1, "\x88"); s.raw(xhttp2.FramePing, 0, 0, "12345678") }, "interrupted", true},
		"a continuation of no block is refused":             {func(s *server) { s.raw(xhttp2.FrameContinuation, 4, 1, "\x88") }, "CONTINUATION without HEADERS", true},
		"an endless continuation is refused": {func(s *server) {
			s.raw(xhttp2.FrameHeaders, 0, 1, "\x88")
			repeat(100, func() { s.raw(xhttp2.FrameContinuation, 0, 1, "") })
		}, "endless CONTINUATION", true},
		"a block that cannot be decoded is refused": {func(s *server) { s.raw(xhttp2.FrameHeaders, 5, 1, "\xff\xff\xff\xff\xff") }, "header block", true},
		"a block that is too large is refused": {func(s *server) {
			s.raw(xhttp2.FrameHeaders, 0, 1, "\x88")
			repeat(12, func() { s.raw(xhttp2.FrameContinuation, 0, 1, bigField) })
		}, "header block", true},
		"settings on a stream are refused":                     {func(s *server) { s.raw(xhttp2.FrameSettings, 0, 1, "") }, "SETTINGS on a stream", true},
		"settings of an odd length are refused":                {func(s *server) { s.raw(xhttp2.FrameSettings, 0, 0, "x") }, "multiple of 6", true},
		"a window of more than 2^31-1 is refused":              {func(s *server) { s.raw(xhttp2.FrameSettings, 0, 0, "\x00\x04\xff\xff\xff\xff") }, "INITIAL_WINDOW_SIZE", true},
		"push that is enabled is refused":                      {func(s *server) { s.raw(xhttp2.FrameSettings, 0, 0, "\x00\x02\x00\x00\x00\x01") }, "enables push", true},
		"a window of the connection that overflows is refused": {func(s *server) { _ = s.WriteWindowUpdate(0, http2.MaxWindow) }, "connection's window is over", true},
		"a short ping is refused":                              {func(s *server) { s.raw(xhttp2.FramePing, 0, 0, "x") }, "PING is not 8 bytes", true},
		"a short GOAWAY is refused":                            {func(s *server) { s.raw(xhttp2.FrameGoAway, 0, 0, "x") }, "GOAWAY is shorter", true},
		"a flood of empty data is refused":                     {func(s *server) { head(s); flood(s, func() { s.raw(xhttp2.FrameData, 0, 1, "") }) }, "carry nothing", true},
		"a flood of pings is refused":                          {func(s *server) { flood(s, func() { s.raw(xhttp2.FramePing, 0, 0, "12345678") }) }, "flood of frames", true},
		"a flood of settings is refused":                       {func(s *server) { flood(s, func() { s.raw(xhttp2.FrameSettings, 0, 0, "") }) }, "flood of frames", true},
		"a flood of window updates is refused":                 {func(s *server) { flood(s, func() { _ = s.WriteWindowUpdate(1, 1) }) }, "carry nothing", true},
		"a flood of unknown frames is refused":                 {func(s *server) { flood(s, func() { s.raw(0x42, 0, 0, "x") }) }, "carry nothing", true},
		"a flood of GOAWAY is refused":                         {func(s *server) { flood(s, func() { _ = s.WriteGoAway(1, 0, nil) }) }, "carry nothing", true},
		"the end of the connection ends its requests":          {func(s *server) { _ = s.Close() }, "has closed the connection", true},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			c, s := connect(t)
			<-c.greeting
			stream, other := begin(t, c, "/"), begin(t, c, "/other")
			s.await(xhttp2.FrameHeaders)
			s.await(xhttp2.FrameHeaders)
			test.do(s)
			err := whole(stream)
			if err == nil {
				t.Fatal("got a whole response, want an error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			stream.Close()
			if test.ends {
				if _, err := other.ReadHead(); err == nil {
					t.Error("another stream of the connection continues")
				}
			} else {
				s.respond(3, true, ":status", "204")
				if head, err := other.ReadHead(); err != nil || head.Status != 204 {
					t.Errorf("another stream: got %v, %v", head, err)
				}
			}
			other.Close()
		})
	}
}

// whole reads a complete response.
func whole(s *Stream) error {
	for {
		head, err := s.ReadHead()
		if err != nil {
			return err
		}
		if head.Status >= 200 {
			_, err = body(s)
			return err
		}
	}
}

var bigField = "\x00\x01a\x7f\x80\x7f" + strings.Repeat("x", 16<<10-127-4)

func repeat(n int, do func()) {
	for range n {
		do()
	}
}

// flood repeats until the client has closed the connection, within a bound.
func flood(s *server, do func()) {
	for range 20 * junkFrames {
		do()
		select {
		case <-s.gone:
			return
		default:
		}
	}
}

func TestAServerThatSpeaksHTTP1IsNamed(t *testing.T) {
	leaks(t)
	c, s := connectSilently(t)
	stream := begin(t, c, "/")
	go func() { _, _ = s.Conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")) }()
	if _, err := stream.ReadHead(); err == nil || !strings.Contains(err.Error(), "answers in HTTP/1.1") {
		t.Errorf("got %v", err)
	}
	stream.Close()
}

func TestAServerThatBeginsWithoutSettingsIsRefused(t *testing.T) {
	leaks(t)
	c, s := connectSilently(t)
	stream := begin(t, c, "/")
	s.raw(xhttp2.FramePing, 0, 0, "12345678")
	if _, err := stream.ReadHead(); err == nil || !strings.Contains(err.Error(), "first frame is not SETTINGS") {
		t.Errorf("got %v", err)
	}
	stream.Close()
}
