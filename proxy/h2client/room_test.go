package h2client

import (
	"errors"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"reverse-proxy/proxy/http2"
)

// sent is a request with a body on the connection of a table, of which so many bytes were sent.
type sent struct {
	body  Body
	bytes int
	whole bool
	// read is how many of the bytes the server has acknowledged on the stream.
	read int
}

// TestABodyBeginsOnlyWhereNoOtherCanTakeItsRoom has windows of 65,535 bytes, for the connection and for each stream.
func TestABodyBeginsOnlyWhereNoOtherCanTakeItsRoom(t *testing.T) {
	const unknown, full = -1, http2.InitialWindow
	for name, test := range map[string]struct {
		before []sent
		// returned is how much of its window the server has given back.
		returned int
		// yes are lengths of bodies of "b" that begin, and no of those that do not.
		yes, no []int64
	}{
		"no other body has begun":          {yes: []int64{0, 1, full, 1e9, unknown}},
		"a short one has begun":            {before: []sent{{body: Body{"a", 1000}}}, yes: []int64{0, 1, 60000, full - 1000}, no: []int64{full - 999, 1e9, unknown}},
		"a long one has begun":             {before: []sent{{body: Body{"a", 1e9}}}, yes: []int64{0}, no: []int64{1, 1e9, unknown}},
		"an unknown one has begun":         {before: []sent{{body: Body{"a", unknown}}}, yes: []int64{0}, no: []int64{1, 1e9, unknown}},
		"one of the same client has begun": {before: []sent{{body: Body{"b", unknown}}}, yes: []int64{0, 1, 1e9, unknown}},
		"a short one is nearly sent":       {before: []sent{{body: Body{"a", 1000}, bytes: 990}}, yes: []int64{0, 1, full - 1000}, no: []int64{full - 999, unknown}},
		"a whole one takes less than half": {
			before: []sent{{body: Body{"a", 30000}, bytes: 30000, whole: true}}, yes: []int64{0, 1, full - 30000, 1e9, unknown}},
		"a whole one takes more than half": {
			before: []sent{{body: Body{"a", 40000}, bytes: 40000, whole: true}}, yes: []int64{0, 1, full - 40000}, no: []int64{full - 39999, 1e9, unknown}},
		"a whole one takes nearly all": {
			before: []sent{{body: Body{"a", 60000}, bytes: 60000, whole: true}}, yes: []int64{0, 1, full - 60000}, no: []int64{full - 59999, 1e9, unknown}},
		"a whole one of the same client takes nearly all": {
			before: []sent{{body: Body{"b", 60000}, bytes: 60000, whole: true}}, yes: []int64{0, 1, full - 60000}, no: []int64{full - 59999, 1e9, unknown}},
		"one was read, but not given back yet": {
			before: []sent{{body: Body{"b", unknown}, bytes: 32000, read: 32000}}, yes: []int64{0, 1, 1e9, unknown}},
		"one was read and given back": {
			before: []sent{{body: Body{"a", 60000}, bytes: 60000, whole: true}}, returned: 60000, yes: []int64{0, 1, full, 1e9, unknown}},
		"one has taken all": {
			before: []sent{{body: Body{"a", unknown}, bytes: full}}, yes: []int64{0}, no: []int64{1, 1e9, unknown}},
		"one has taken all of a larger window": {
			before: []sent{{body: Body{"a", unknown}, bytes: full}}, returned: 100000, yes: []int64{0, 1, 1e9, unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			c, s := connect(t)
			<-c.greeting
			for _, b := range test.before {
				stream := beginBody(t, c, b.body)
				defer stream.Close()
				if rest, err := stream.TryWrite(make([]byte, b.bytes), b.whole); len(rest) > 0 || err != nil {
					t.Fatalf("%d bytes are left, %v", len(rest), err)
				}
				if b.read > 0 {
					_ = s.WriteWindowUpdate(stream.id, uint32(b.read))
					waitFor(t, "the acknowledgement", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.unread == 0 })
				}
			}
			if test.returned > 0 {
				c.mu.Lock()
				want := c.window + int64(test.returned)
				c.mu.Unlock()
				_ = s.WriteWindowUpdate(0, uint32(test.returned))
				waitFor(t, "the window", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.window == want })
			}
			for want, lengths := range map[bool][]int64{true: test.yes, false: test.no} {
				for _, length := range lengths {
					stream, crowded := c.Open(Body{"b", length})
					if got := stream != nil; got != want || crowded == want {
						t.Errorf("a body of %d bytes: got a stream %v, crowded %v; want a stream %v", length, got, crowded, want)
					}
					if stream != nil {
						stream.Close()
					}
				}
			}
		})
	}
}

// beginBody begins a request with a body.
func beginBody(t *testing.T, c *Conn, body Body) *Stream {
	t.Helper()
	stream, _ := c.Open(body)
	if stream == nil {
		t.Fatalf("%v: no stream: %v", body, c.Err())
	}
	if err := stream.Begin(head{"POST", "/"}, false, false); err != nil {
		t.Fatal(err)
	}
	return stream
}

// A stream that has ended, in whatever way, must leave no trace in the account.
func TestABodyThatHasEndedTakesNoRoom(t *testing.T) {
	for name, end := range map[string]func(c *Conn, s *server, stream *Stream) error{
		"it was sent whole":       func(_ *Conn, _ *server, stream *Stream) error { _, err := stream.Write([]byte("x"), true); return err },
		"it ended without a byte": func(_ *Conn, _ *server, stream *Stream) error { _, err := stream.Write(nil, true); return err },
		"it ended with trailers":  func(_ *Conn, _ *server, stream *Stream) error { return stream.End(trailers{"x-a": "b"}) },
		"it was given up":         func(*Conn, *server, *Stream) error { return nil },
		"the server has reset it": func(_ *Conn, s *server, stream *Stream) error {
			return s.WriteRSTStream(stream.id, xhttp2.ErrCodeCancel)
		},
		"the server broke a rule": func(_ *Conn, s *server, stream *Stream) error { return s.WriteData(stream.id, true, []byte("x")) },
		"it was read on the stream": func(_ *Conn, s *server, stream *Stream) error {
			_, err := stream.Write(make([]byte, 1000), false)
			return errors.Join(err, s.WriteWindowUpdate(stream.id, 5000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			c, s := connect(t)
			<-c.greeting
			stream := beginBody(t, c, Body{"a", -1})
			if err := end(c, s, stream); err != nil {
				t.Fatal(err)
			}
			stream.Close()
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.unread != 0 || len(c.uploads) != 0 {
				t.Errorf("got %d unread bytes and %d uploads, want none", c.unread, len(c.uploads))
			}
		})
	}
}

// Many servers give back a window only when half of it was read.
func TestABodyThatDoesNotFitNeedsHalfOfTheWindowRead(t *testing.T) {
	for name, before := range map[string][]Body{"alone": nil, "beside another one": {{"a", 1000}}} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			c, _ := connect(t)
			<-c.greeting
			for _, b := range before {
				defer beginBody(t, c, b).Close()
			}
			for unread, want := range map[int64]bool{500_000: true, 500_001: false} {
				c.mu.Lock()
				c.largest, c.window, c.unread = 1_000_000, 1_000_000-unread-100_000, unread
				long, unknown, short := c.hasRoom(Body{"b", 1e9}), c.hasRoom(Body{"b", -1}), c.hasRoom(Body{"b", 200_000})
				c.unread = 0
				c.mu.Unlock()
				if long != want || unknown != want || !short {
					t.Errorf("%d of 1,000,000 bytes unread: a long body begins %v, an unknown one %v, want %v; a short one %v, want true", unread, long, unknown, want, short)
				}
			}
		})
	}
}
