package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func (w *World) h2ConnSteps() []step {
	return []step{
		{`a client speaks HTTP/2 with {string}`, func(url string) error { return w.openH2("", url, true) }, "A connection that opens its windows again for all that comes. The sentences below speak of the last one, and of its last stream."},
		{`the client {string} speaks HTTP/2 with {string}`, func(client, url string) error { return w.openH2(client, url, true) }, ""},
		{`the client {string}, which opens no window, speaks HTTP/2 with {string}`, w.h2Withholding, "SETTINGS_INITIAL_WINDOW_SIZE is 0, and no WINDOW_UPDATE follows."},
		{`the client {string}, which opens no window beyond {int} bytes, speaks HTTP/2 with {string}`, w.h2Sparing, ""},
		{`the client {string}, which reads nothing, speaks HTTP/2 with {string}`, func(client, url string) error { return w.openH2(client, url, false) }, "Until a sentence waits for something that comes."},
		{`it opens a stream with the fields {string}`, w.h2Open, "Exactly these, as `name=value`, separated by `; `, with the escapes of raw connections. The stream has no body."},
		{`it opens a stream with the fields {string} and the body {string}`, w.h2OpenBody, "A DATA frame for each text between `|`, the last of which ends the stream."},
		{`it opens {int} stream(s) for {string}`, w.h2OpenMany, "Each is a GET of that target."},
		{`it begins a stream for {string}`, w.h2Begin, "A POST of that target whose body has not begun."},
		{`it sends {string} on its last stream`, w.h2Data, "As DATA that does not end the stream."},
		{`it sends {int} bytes on its last stream`, w.h2DataSize, "As DATA that does not end the stream, whatever the windows are."},
		{`it ends its last stream`, w.h2End, ""},
		{`it ends its last stream with the trailer fields {string}`, w.h2Trailers, "As `name=value`, separated by `; `."},
		{`it resets its last stream`, w.h2Cancel, "With CANCEL."},
		{`it resets all its streams`, w.h2CancelAll, "With CANCEL, those that are not over."},
		{`it opens the window of {word} by {int}`, w.h2Window, "`connection` or `stream` (the last one): a WINDOW_UPDATE."},
		{`it sets {word} to {int}`, w.h2Setting, "A setting by its name: `INITIAL_WINDOW_SIZE`."},
		{`its last stream is answered {int}`, w.h2Answered, "Waits for the whole answer, which the sentences under Answers look at then."},
		{`its last stream is refused`, w.h2Refused, "By an answer of 400 and up, by a reset, or by the end of the connection. Waits for it."},
		{`its last stream is malformed`, w.h2Malformed, "It is reset with PROTOCOL_ERROR, or answered 400; RFC 9113, section 8.1.1, leaves the choice. Waits for it."},
		{`its last stream has received {string}`, w.h2Received, "Waits until that is part of the body, while the answer may go on."},
		{`its last stream is reset with {string}`, w.h2StreamReset, "The error code's name; alternatives separated by `|`. Waits for it."},
		{`{int} of its streams are answered {int}`, w.h2CountAnswered, "Whole answers; waits until there are that many."},
		{`{int} of its streams have received something`, w.h2CountBegun, "A byte of a body; waits until there are that many."},
		{`{int} of its streams are reset with {string}`, w.h2CountReset, "Alternatives separated by `|`. Waits until there are that many."},
		{`a further stream of it is answered {int}`, w.h2Further, "A GET of /, on the same connection."},
		{`it is told the setting {word} with {int}`, w.h2Told, "`MAX_CONCURRENT_STREAMS`. Waits for it."},
		{`it is told GOAWAY with {string}`, w.h2Farewell, "The error code's name; alternatives separated by `|`. Waits for it. The last stream that it names is at least the last that was opened."},
		{`its GOAWAY frames are {string}`, w.h2Farewells, "All of them in their order, each as the code and the last stream, separated by `; `: `NO_ERROR 3`; `all` for the highest number that there is, by which no stream is refused. Waits for them."},
		{`it is closed`, w.h2Closed, "Waits for the proxy to close it."},
		{`it is ended with {string}`, w.h2Ended, "GOAWAY with that code, alternatives separated by `|`, and then closed; `none` for closed without GOAWAY. Waits for it."},
		{`it is ended with {string} within {int} ms`, w.h2EndedWithin, "Since it was opened."},
		{`it is still served`, w.h2Alive, "It answers a PING."},
	}
}

// spoken returns the connection that the sentences speak of, which reads from now on.
func (w *World) spoken() (*h2Conn, error) {
	if w.h2Conn == nil {
		return nil, errors.New("no client speaks HTTP/2 yet")
	}
	return w.h2Conn, nil
}

// fieldList reads fields as `name=value`, separated by `; `.
func fieldList(text string) ([][2]string, error) {
	var fields [][2]string
	for part := range strings.SplitSeq(text, "; ") {
		end := strings.IndexByte(part[min(1, len(part)):], '=') + 1
		if end < 1 {
			return nil, fmt.Errorf("%q is no name=value", part)
		}
		name, err := unescape(part[:end])
		if err != nil {
			return nil, err
		}
		value, err := unescape(part[end+1:])
		if err != nil {
			return nil, err
		}
		fields = append(fields, [2]string{name, value})
	}
	return fields, nil
}

// oneOf reports whether a code is among alternatives that are separated by `|`.
func oneOf(code, alternatives string) bool {
	return slices.Contains(strings.Split(alternatives, "|"), code)
}

func (w *World) h2Withholding(client, url string) error {
	return w.openH2(client, url, true, http2.Setting{ID: http2.SettingInitialWindowSize})
}

func (w *World) h2Sparing(client string, size int, url string) error {
	return w.openH2(client, url, true, http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(size)})
}

// onH2 sends frames on the connection.
func (w *World) onH2(frames func(c *h2Conn) error) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	return c.send(func() error { return frames(c) })
}

func (w *World) h2Open(text string) error {
	fields, err := fieldList(text)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error { return c.open(fields, true) })
}

func (w *World) h2OpenBody(text, body string) error {
	fields, err := fieldList(text)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error {
		err := c.open(fields, false)
		parts := strings.Split(body, "|")
		for i, part := range parts {
			err = errors.Join(err, c.out.WriteData(c.last, i == len(parts)-1, []byte(part)))
		}
		return err
	})
}

func (w *World) h2OpenMany(count int, target string) error {
	for range count {
		if err := w.onH2(func(c *h2Conn) error { return c.open(c.get(target), true) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) h2Begin(target string) error {
	return w.onH2(func(c *h2Conn) error {
		fields := c.get(target)
		fields[0][1] = "POST"
		return c.open(fields, false)
	})
}

func (w *World) h2Data(text string) error {
	return w.onH2(func(c *h2Conn) error { return c.out.WriteData(c.last, false, []byte(text)) })
}

func (w *World) h2DataSize(size int) error {
	return w.onH2(func(c *h2Conn) error {
		for ; size > 0; size -= 16 << 10 {
			if err := c.out.WriteData(c.last, false, make([]byte, min(size, 16<<10))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *World) h2End() error {
	return w.onH2(func(c *h2Conn) error { return c.out.WriteData(c.last, true, nil) })
}

func (w *World) h2Trailers(text string) error {
	fields, err := fieldList(text)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error {
		c.block.Reset()
		for _, f := range fields {
			if err := c.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
				return err
			}
		}
		return c.out.WriteHeaders(http2.HeadersFrameParam{
			StreamID: c.last, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: true,
		})
	})
}

func (w *World) h2Cancel() error {
	return w.onH2(func(c *h2Conn) error { return c.out.WriteRSTStream(c.last, http2.ErrCodeCancel) })
}

func (w *World) h2CancelAll() error {
	return w.onH2(func(c *h2Conn) error {
		c.mu.Lock()
		var open []uint32
		for id, s := range c.streams {
			if !s.over {
				open = append(open, id)
				s.end(errors.New("the client has reset the stream"))
			}
		}
		c.mu.Unlock()
		var failed error
		for _, id := range open {
			failed = errors.Join(failed, c.out.WriteRSTStream(id, http2.ErrCodeCancel))
		}
		return failed
	})
}

func (w *World) h2Window(of string, by int) error {
	return w.onH2(func(c *h2Conn) error {
		switch of {
		case "connection":
			return c.out.WriteWindowUpdate(0, uint32(by))
		case "stream":
			return c.out.WriteWindowUpdate(c.last, uint32(by))
		}
		return fmt.Errorf("%q has no window; connection and stream have", of)
	})
}

func (w *World) h2Setting(name string, value int) error {
	id, err := settingID(name)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error { return c.out.WriteSettings(http2.Setting{ID: id, Val: uint32(value)}) })
}

// settingID finds a setting by its name.
func settingID(name string) (http2.SettingID, error) {
	for id := http2.SettingHeaderTableSize; id <= http2.SettingEnableConnectProtocol; id++ {
		if id.String() == name {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%q is no setting", name)
}

// awaitStream waits until the last stream is as it should be.
func (w *World) awaitStream(check func(s h2Stream) error) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		s, err := c.lastStream()
		if err != nil {
			return err
		}
		return check(s)
	})
}

func (w *World) h2Answered(status int) error {
	return w.awaitStream(func(s h2Stream) error {
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		if !s.whole || s.x.status != status {
			return fmt.Errorf("got %d %q (whole: %v, reset: %q), want %d", s.x.status, clip(string(s.x.body)), s.whole, s.reset, status)
		}
		w.exchange = s.x
		return nil
	})
}

func (w *World) h2Refused() error {
	return w.awaitStream(func(s h2Stream) error {
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		if !s.over || s.x.err == nil && s.x.status < 400 {
			return fmt.Errorf("got %d (whole: %v), want a refusal", s.x.status, s.whole)
		}
		return nil
	})
}

func (w *World) h2Malformed() error {
	return w.awaitStream(func(s h2Stream) error {
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		if s.reset == http2.ErrCodeProtocol.String() || s.whole && s.x.status == 400 {
			return nil
		}
		return fmt.Errorf("got %d (whole: %v, reset: %q), want the reset PROTOCOL_ERROR or 400", s.x.status, s.whole, s.reset)
	})
}

func (w *World) h2Received(want string) error {
	return w.awaitStream(func(s h2Stream) error {
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		return contains(string(s.x.body), want)
	})
}

func (w *World) h2StreamReset(codes string) error {
	return w.awaitStream(func(s h2Stream) error {
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		if !oneOf(s.reset, codes) {
			return fmt.Errorf("got the reset %q (answer %d, GOAWAY %s), want %s", s.reset, s.x.status, w.h2Conn.farewell(), codes)
		}
		return nil
	})
}

// awaitStreams waits until that many streams are as they should be.
func (w *World) awaitStreams(want int, what string, is func(s *h2Stream) bool) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		got := 0
		for _, s := range c.streams {
			s.x.mu.Lock()
			if is(s) {
				got++
			}
			s.x.mu.Unlock()
		}
		if got != want {
			return fmt.Errorf("got %d of %d streams %s, want %d", got, len(c.streams), what, want)
		}
		return nil
	})
}

func (w *World) h2CountAnswered(want, status int) error {
	return w.awaitStreams(want, "answered", func(s *h2Stream) bool { return s.whole && s.x.status == status })
}

func (w *World) h2CountBegun(want int) error {
	return w.awaitStreams(want, "begun", func(s *h2Stream) bool { return s.x.size > 0 })
}

func (w *World) h2CountReset(want int, codes string) error {
	return w.awaitStreams(want, "reset", func(s *h2Stream) bool { return oneOf(s.reset, codes) })
}

func (w *World) h2Further(status int) error {
	if err := w.h2OpenMany(1, "/"); err != nil {
		return err
	}
	return w.h2Answered(status)
}

func (w *World) h2Told(name string, want int) error {
	id, err := settingID(name)
	if err != nil {
		return err
	}
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if got, ok := c.settings[id]; !ok || got != uint32(want) {
			return fmt.Errorf("got %s %d (told: %v), want %d", name, got, ok, want)
		}
		return nil
	})
}

func (w *World) h2Farewell(codes string) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.goAways) == 0 {
			return fmt.Errorf("got no GOAWAY, want %s", codes)
		}
		got := c.goAways[len(c.goAways)-1]
		if !oneOf(got.code, codes) || got.last < c.last {
			return fmt.Errorf("got GOAWAY with %s after the stream %d, want %s after the stream %d", got.code, got.last, codes, c.last)
		}
		return nil
	})
}

func (w *World) h2Farewells(want string) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		var frames []string
		for _, f := range c.goAways {
			last := fmt.Sprint(f.last)
			if f.last == 1<<31-1 {
				last = "all"
			}
			frames = append(frames, f.code+" "+last)
		}
		if got := strings.Join(frames, "; "); got != want {
			return fmt.Errorf("got the GOAWAY frames %q, want %q", got, want)
		}
		return nil
	})
}

func (w *World) h2Closed() error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	select {
	case <-c.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the connection is still open after %v (GOAWAY: %s)", patience, c.farewell())
	}
}

func (w *World) h2Ended(codes string) error {
	if err := w.h2Closed(); err != nil {
		return err
	}
	if got := w.h2Conn.farewell(); !oneOf(got, codes) {
		return fmt.Errorf("got GOAWAY with %s before the end (%w), want %s", got, w.h2Conn.err, codes)
	}
	return nil
}

func (w *World) h2EndedWithin(codes string, ms int) error {
	if err := w.h2Ended(codes); err != nil {
		return err
	}
	if took := w.h2Conn.endedAt.Sub(w.h2Conn.opened); took > time.Duration(ms)*time.Millisecond {
		return fmt.Errorf("the connection was closed after %v, want within %d ms", took, ms)
	}
	return nil
}

func (w *World) h2Alive() error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	c.mu.Lock()
	before := c.pongs
	c.mu.Unlock()
	if err := c.send(func() error { return c.out.WritePing(false, [8]byte{'h', 'e', 'r', 'e'}) }); err != nil {
		return err
	}
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.pongs <= before {
			return fmt.Errorf("got no answer to a PING (GOAWAYs: %v, end: %v), want one", c.goAways, c.err)
		}
		return nil
	})
}
