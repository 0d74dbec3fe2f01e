package h2client

import (
	"errors"
	"testing"

	xhttp2 "golang.org/x/net/http2"
)

// TestWhichErrorsSayThatOthersMakeProgress has a request that the server does not process, after and beside others.
func TestWhichErrorsSayThatOthersMakeProgress(t *testing.T) {
	goAway := func(s *server, stream uint32) { _ = s.WriteGoAway(stream-1, xhttp2.ErrCodeNo, nil) }
	refuse := func(s *server, stream uint32) { _ = s.WriteRSTStream(stream, xhttp2.ErrCodeRefusedStream) }
	informsOne := func(t *testing.T, c *Conn, s *server) {
		stream := begin(t, c, "/before")
		s.respond(s.await(xhttp2.FrameHeaders).stream, false, ":status", "103")
		if _, err := stream.ReadHead(); err != nil {
			t.Fatal(err)
		}
		stream.Close()
	}
	for _, test := range []struct {
		name   string
		before func(t *testing.T, c *Conn, s *server)
		refuse func(s *server, stream uint32)
		want   bool
	}{
		{"GOAWAY after an answer does", answersOne, goAway, true},
		{"GOAWAY while an earlier request is being answered does", opensOne, goAway, true},
		{"GOAWAY on a new connection does not", nil, goAway, false},
		{"GOAWAY after an interim response does not", informsOne, goAway, false},
		{"GOAWAY that also concerns the earlier request does not", opensOne, func(s *server, _ uint32) { _ = s.WriteGoAway(0, xhttp2.ErrCodeNo, nil) }, false},
		{"REFUSED_STREAM after an answer does not", answersOne, refuse, false},
		{"REFUSED_STREAM beside an earlier request does not", opensOne, refuse, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			wantProgress(t, refusal(t, test.before, test.refuse), test.want)
		})
	}
}

// wantProgress checks the error of a request that may be sent again.
func wantProgress(t *testing.T, err error, want bool) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) || !failed.Unprocessed || failed.Progress != want {
		t.Errorf("got %v, want an error of a request that may be sent again, with progress %v", err, want)
	}
}

// TestARequestThatIsTooLateForAConnectionKnowsWhetherOthersMadeProgress has a stream that was opened before its connection ends, but
// has not begun.
func TestARequestThatIsTooLateForAConnectionKnowsWhetherOthersMadeProgress(t *testing.T) {
	ends := map[string]func(c *Conn, s *server){
		"with GOAWAY": func(c *Conn, s *server) {
			_ = s.WriteGoAway(1, xhttp2.ErrCodeNo, nil)
			waitFor(s.t, "GOAWAY", func() bool { return !c.Usable() })
		},
		"without a word": func(c *Conn, s *server) {
			_ = s.Close()
			<-c.Ended()
		},
		"with a limit of no streams": func(_ *Conn, s *server) {
			_ = s.WriteSettings(limitOf(0))
			s.acknowledged()
		},
	}
	for name, end := range ends {
		for _, answered := range []bool{true, false} {
			before := ", before an answer"
			if answered {
				before = ", after an answer"
			}
			t.Run(name+before, func(t *testing.T) {
				leaks(t)
				c, s := connect(t)
				s.acknowledged()
				if answered {
					answersOne(t, c, s)
				}
				stream := streamOf(c)
				defer stream.Close()
				end(c, s)
				wantProgress(t, stream.Begin(head{"GET", "/"}, true, false), answered)
			})
		}
	}
}
