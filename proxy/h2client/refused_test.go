package h2client

import (
	"errors"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"
)

// limitOf is a setting for the number of concurrent streams.
func limitOf(streams uint32) xhttp2.Setting {
	return xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: streams}
}

// acknowledged waits until the client has read all SETTINGS that it was sent.
func (s *server) acknowledged() {
	s.t.Helper()
	waitFor(s.t, "the acknowledgement", func() bool { return s.await(xhttp2.FrameSettings).text == "ack" })
}

// A server that refuses a request although it has nothing else to do fails like one that refuses connections. A server at its limit
// of streams does not.
func TestWhichRefusalsBlameTheServer(t *testing.T) {
	refuse := func(s *server, stream uint32) { _ = s.WriteRSTStream(stream, xhttp2.ErrCodeRefusedStream) }
	for _, test := range []struct {
		name string
		// before happens on the connection before the request, which is the next one after those of before.
		before func(t *testing.T, c *Conn, s *server)
		// refuse refuses the request on the stream.
		refuse func(s *server, stream uint32)
		want   bool
	}{
		{"REFUSED_STREAM for the only request blames it", nil, refuse, true},
		{"REFUSED_STREAM after an answer blames it", answersOne, refuse, true},
		{"REFUSED_STREAM after another one blames it", func(t *testing.T, c *Conn, s *server) {
			stream := begin(t, c, "/before")
			refuse(s, s.await(xhttp2.FrameHeaders).stream)
			_, _ = stream.ReadHead()
			stream.Close()
		}, refuse, true},
		{"REFUSED_STREAM while an earlier request is open does not", opensOne, refuse, false},
		{"REFUSED_STREAM after a cancelled request that the server may still count does not", func(t *testing.T, c *Conn, s *server) {
			stream := begin(t, c, "/before")
			s.await(xhttp2.FrameHeaders)
			stream.Close()
		}, refuse, false},
		{"a reset with another code does not", nil, func(s *server, stream uint32) { _ = s.WriteRSTStream(stream, xhttp2.ErrCodeInternal) }, false},
		{"GOAWAY on a connection that has not answered blames it", nil, func(s *server, stream uint32) {
			_ = s.WriteGoAway(stream-1, xhttp2.ErrCodeNo, nil)
		}, true},
		{"GOAWAY on one that has does not", answersOne, func(s *server, stream uint32) { _ = s.WriteGoAway(stream-1, xhttp2.ErrCodeNo, nil) }, false},
		{"GOAWAY while an earlier request is being answered does not", opensOne, func(s *server, stream uint32) {
			_ = s.WriteGoAway(stream-1, xhttp2.ErrCodeNo, nil)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			var failed *Error
			err := refusal(t, test.before, test.refuse)
			if !errors.As(err, &failed) || failed.Blames != test.want {
				t.Errorf("got %v, want one that blames the server: %v", err, test.want)
			}
		})
	}
}

// refusal returns the error of a request that the server refuses on a new connection, after what has happened there before, if
// anything.
func refusal(t *testing.T, before func(t *testing.T, c *Conn, s *server), refuse func(s *server, stream uint32)) error {
	t.Helper()
	c, s := connect(t)
	s.acknowledged()
	if before != nil {
		before(t, c, s)
	}
	stream := begin(t, c, "/")
	defer stream.Close()
	refuse(s, s.await(xhttp2.FrameHeaders).stream)
	_, err := stream.ReadHead()
	return err
}

// answersOne makes one request, which is answered.
func answersOne(t *testing.T, c *Conn, s *server) {
	t.Helper()
	stream := begin(t, c, "/before")
	s.respond(s.await(xhttp2.FrameHeaders).stream, true, ":status", "200")
	if err := whole(stream); err != nil {
		t.Fatal(err)
	}
	stream.Close()
}

// opensOne makes one request, which stays open.
func opensOne(t *testing.T, c *Conn, s *server) {
	t.Helper()
	stream := begin(t, c, "/before")
	t.Cleanup(stream.Close)
	s.await(xhttp2.FrameHeaders)
}

// A connection is counted once, however many of its requests GOAWAY and its end concern.
func TestGoAwayOnANewConnectionBlamesTheServerOnce(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	s.acknowledged()
	streams := []*Stream{begin(t, c, "/a"), begin(t, c, "/b"), begin(t, c, "/c")}
	for range streams {
		s.await(xhttp2.FrameHeaders)
	}
	_ = s.WriteGoAway(0, xhttp2.ErrCodeNo, nil)
	_ = s.Close()
	n := 0
	for _, stream := range streams {
		if _, err := stream.ReadHead(); blames(t, err) {
			n++
		}
		stream.Close()
	}
	if n != 1 {
		t.Errorf("got %d streams that blame the server, want 1", n)
	}
}

func TestGoAwayBeforeTheFirstRequestBlamesTheServer(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	stream := streamOf(c)
	defer stream.Close()
	_ = s.WriteGoAway(0, xhttp2.ErrCodeNo, nil)
	waitFor(t, "GOAWAY", func() bool { return !c.Usable() })
	if err := stream.Begin(head{"GET", "/"}, true, false); !blames(t, err) {
		t.Errorf("got %v, want an error that blames the server", err)
	}
}

// A connection that is drained by its owner is not the server's fault.
func TestADrainedConnectionDoesNotBlameTheServer(t *testing.T) {
	leaks(t)
	c, _ := connect(t)
	stream := streamOf(c)
	defer stream.Close()
	c.Drain()
	if err := stream.Begin(head{"GET", "/"}, true, false); blames(t, err) {
		t.Errorf("got %v, want an error that does not blame the server", err)
	}
}

// A server that allows no streams is sent none once that is known: it may answer with a reset that says nothing of whether it has
// acted on the request. Its connection is of no use, and is closed.
func TestAConnectionWithoutStreamsIsNotUsed(t *testing.T) {
	leaks(t)
	c, s := connectSilently(t)
	stream := streamOf(c)
	_ = s.WriteSettings(limitOf(0))
	s.acknowledged()
	err := stream.Begin(head{"GET", "/"}, true, false)
	var failed *Error
	if !errors.As(err, &failed) || !failed.Unprocessed || !failed.Blames {
		t.Errorf("got %v, want an error that blames the server, for a request that may be sent again", err)
	}
	stream.Close()
	set := &Set{conns: []entry{{Conn: c}}}
	if stream := set.TryOpen(Body{}); stream != nil {
		t.Error("got a stream that the server does not allow")
	}
	look := func(after time.Duration) {
		set.Look(time.Now().Add(after), time.Hour, 1, func(any) bool { return true })
	}
	if look(shutTime / 2); c.Err() != nil {
		t.Errorf("got %v before the server could allow a stream", c.Err())
	}
	look(shutTime + time.Second)
	<-c.Ended()
}

// A server that has answered and then allows no more streams is about to end the connection.
func TestAConnectionThatAllowsNoMoreStreamsEndsWithItsLast(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	s.acknowledged()
	stream := begin(t, c, "/")
	_ = s.WriteSettings(limitOf(0))
	s.respond(s.await(xhttp2.FrameHeaders).stream, true, ":status", "200")
	if err := whole(stream); err != nil {
		t.Fatal(err)
	}
	stream.Close()
	<-c.Ended()
}

// A limit that was lowered between Open and Begin is respected too, and is not the server's fault.
func TestALoweredLimitIsRespectedByAStreamThatHasNotBegun(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	s.acknowledged()
	first, second := begin(t, c, "/1"), streamOf(c)
	defer first.Close()
	defer second.Close()
	s.await(xhttp2.FrameHeaders)
	_ = s.WriteSettings(limitOf(1))
	s.acknowledged()
	err := second.Begin(head{"GET", "/2"}, true, false)
	var failed *Error
	if !errors.As(err, &failed) || !failed.Unprocessed || failed.Blames {
		t.Errorf("got %v, want an error that does not blame the server, for a request that may be sent again", err)
	}
}
