package h2client

import (
	"errors"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

// blames reports whether the error says that the connection never answered.
func blames(t *testing.T, err error) bool {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want an *Error", err)
	}
	return failed.Blames
}

// A connection that ends before it has answered anything blames the server once, to the first of its streams.
func TestAConnectionThatNeverAnsweredReportsThatOnce(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	s.await(xhttp2.FrameSettings)
	waitFor(t, "the acknowledgement", func() bool { return s.await(xhttp2.FrameSettings).text == "ack" })
	streams := []*Stream{begin(t, c, "/a"), begin(t, c, "/b"), begin(t, c, "/c")}
	_ = s.Close()
	fresh := 0
	for _, stream := range streams {
		if _, err := stream.ReadHead(); blames(t, err) {
			fresh++
		}
		stream.Close()
	}
	if fresh != 1 {
		t.Errorf("got %d streams that blame the server, want 1", fresh)
	}
}

func TestAConnectionThatEndsBeforeItsFirstStreamBeginsReportsThatToTheStream(t *testing.T) {
	leaks(t)
	c, s := connectSilently(t)
	stream := streamOf(c)
	_ = s.Close()
	<-c.Ended()
	if err := stream.Begin(head{"GET", "/"}, true, false); !blames(t, err) {
		t.Errorf("got %v, want an error that blames the server", err)
	}
	stream.Close()
}

// A connection that has answered may end at any time, and a connection that we close is not the server's fault.
func TestAConnectionThatHasAnsweredDoesNotBlameTheServer(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	first := begin(t, c, "/a")
	s.await(xhttp2.FrameHeaders)
	s.respond(1, true, ":status", "200")
	if err := whole(first); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second := begin(t, c, "/b")
	s.await(xhttp2.FrameHeaders)
	_ = s.Close()
	if _, err := second.ReadHead(); blames(t, err) {
		t.Errorf("got %v, want an error that does not blame the server", err)
	}
	second.Close()
	ours, _ := connect(t)
	third := begin(t, ours, "/")
	ours.Close()
	if _, err := third.ReadHead(); blames(t, err) {
		t.Errorf("got %v, want an error that does not blame the server", err)
	}
	third.Close()
}
