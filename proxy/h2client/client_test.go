package h2client

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	xhttp2 "golang.org/x/net/http2"

	"reverse-proxy/proxy/http2"
)

func leaks(t *testing.T) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

func TestAResponseComesWithItsPartsInOrder(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	stream := begin(t, c, "/a")
	s.await(xhttp2.FrameHeaders)
	s.respond(1, false, ":status", "103", "link", "</x>")
	s.respond(1, false, ":status", "200", "content-type", "text/plain")
	_ = s.WriteData(1, false, []byte("hel"))
	_ = s.WriteDataPadded(1, false, []byte("lo"), make([]byte, 100))
	s.respond(1, true, "grpc-status", "0")
	for _, want := range []int{103, 200} {
		head, err := stream.ReadHead()
		if err != nil || head.Status != want {
			t.Fatalf("got the head %v, %v; want the status %d", head, err, want)
		}
	}
	if text, err := body(stream); text != "hello" || err != nil {
		t.Errorf("got the body %q, %v", text, err)
	}
	if got := stream.Trailers().Get("grpc-status"); got != "0" {
		t.Errorf("got the trailers %v", stream.Trailers())
	}
	stream.Close()
	if since, idle := c.Idle(); !idle || time.Since(since) > time.Minute {
		t.Errorf("got idle %v since %v, want a connection that has just become idle", idle, since)
	}
}

func TestABodyWaitsForBothWindows(t *testing.T) {
	leaks(t)
	c, s := connect(t, xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 3})
	s.await(xhttp2.FrameSettings)
	waitFor(t, "the acknowledgement", func() bool { return s.await(xhttp2.FrameSettings).text == "ack" })
	stream := streamOf(c)
	defer stream.Close()
	if err := stream.Begin(head{"POST", "/"}, false, false); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := stream.Write([]byte("abcdefgh"), true)
		written <- err
	}()
	if got := s.await(xhttp2.FrameData).text; got != "abc end=false" {
		t.Errorf("got %q, want what fits into the window", got)
	}
	_ = s.WriteWindowUpdate(1, 2)
	if got := s.await(xhttp2.FrameData).text; got != "de end=false" {
		t.Errorf("got %q, want what fits into the window", got)
	}
	_ = s.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 100})
	if got := s.await(xhttp2.FrameData).text; got != "fgh end=true" {
		t.Errorf("got %q, want the rest", got)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// An unread response must not hold up another one (S-12.8).
func TestAnUnreadResponseDoesNotHoldUpOthers(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	<-c.greeting
	slow := begin(t, c, "/slow")
	fast := begin(t, c, "/fast")
	s.await(xhttp2.FrameHeaders)
	s.await(xhttp2.FrameHeaders)
	s.respond(1, false, ":status", "200")
	s.respond(3, false, ":status", "200")
	part := []byte(strings.Repeat("x", 16<<10-1))
	_ = s.WriteData(1, false, part)
	done := make(chan error, 1)
	go func() {
		text, err := body(fast)
		if err == nil && len(text) != 200*len(part) {
			err = errors.New("the body is cut")
		}
		done <- err
	}()
	window := streamWindow
	for sent := 0; sent < 200; sent++ {
		for window < len(part) {
			if f := s.await(xhttp2.FrameWindowUpdate); f.stream == 3 {
				window += atoi(f.text)
			} else if f.stream == 1 {
				t.Fatal("the window of the unread stream was raised")
			}
		}
		window -= len(part)
		_ = s.WriteData(3, sent == 199, part)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	fast.Close()
	slow.Close()
	if f := s.await(xhttp2.FrameRSTStream); f.stream != 1 || f.text != "CANCEL" {
		t.Errorf("got RST_STREAM %v, want one for the unread stream", f)
	}
}

func atoi(text string) (n int) {
	for _, digit := range text {
		n = 10*n + int(digit-'0')
	}
	return n
}

func TestGoAwayFailsOnlyUnprocessedRequests(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	<-c.greeting
	first, second := begin(t, c, "/1"), begin(t, c, "/2")
	s.await(xhttp2.FrameHeaders)
	s.await(xhttp2.FrameHeaders)
	_ = s.WriteGoAway(1, xhttp2.ErrCodeNo, nil)
	var failed *Error
	if _, err := second.ReadHead(); !errors.As(err, &failed) || !failed.Unprocessed {
		t.Errorf("got %v, want an error of a request that may be sent again", err)
	}
	if c.Usable() || streamOf(c) != nil {
		t.Error("the connection takes new streams")
	}
	s.respond(1, false, ":status", "200")
	_ = s.WriteData(1, true, []byte("whole"))
	if _, err := first.ReadHead(); err != nil {
		t.Fatal(err)
	}
	if text, err := body(first); text != "whole" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	first.Close()
	second.Close()
	select {
	case <-c.Ended():
	case <-time.After(20 * time.Second):
		t.Error("the drained connection stays open")
	}
}

func TestResetsSayWhetherTheRequestMayBeRepeated(t *testing.T) {
	leaks(t)
	for code := xhttp2.ErrCode(0); code <= xhttp2.ErrCodeHTTP11Required; code++ {
		c, s := connect(t)
		stream := begin(t, c, "/")
		s.await(xhttp2.FrameHeaders)
		_ = s.WriteRSTStream(1, code)
		var failed *Error
		_, err := stream.ReadHead()
		if !errors.As(err, &failed) || failed.Unprocessed != (code == xhttp2.ErrCodeRefusedStream) || !strings.Contains(failed.Reason, http2.Code(code).String()) {
			t.Errorf("%v: got %v", code, err)
		}
		stream.Close()
		if c.Err() != nil {
			t.Errorf("%v: the connection has ended: %v", code, c.Err())
		}
	}
}

func TestTheServersLimitOfStreamsIsRespected(t *testing.T) {
	leaks(t)
	c, s := connect(t, xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: 2})
	waitFor(t, "the acknowledgement", func() bool { return s.await(xhttp2.FrameSettings).text == "ack" })
	<-c.greeting
	first, second := begin(t, c, "/1"), begin(t, c, "/2")
	if streamOf(c) != nil {
		t.Fatal("got a third stream")
	}
	_ = s.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: 1})
	waitFor(t, "the acknowledgement", func() bool { return s.await(xhttp2.FrameSettings).text == "ack" })
	first.Close()
	if streamOf(c) != nil {
		t.Error("got a stream while as many are open as the lowered limit allows")
	}
	second.Close()
	if stream := streamOf(c); stream == nil {
		t.Error("got no stream, want one")
	} else {
		stream.Close()
	}
}

func TestAnInterruptEndsBothWaits(t *testing.T) {
	leaks(t)
	c, _ := connect(t)
	stream := streamOf(c)
	if err := stream.Begin(head{"POST", "/"}, false, false); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	go func() {
		_, err := stream.ReadHead()
		results <- err
	}()
	go func() {
		_, err := stream.Write(make([]byte, 1<<20), true)
		results <- err
	}()
	waitFor(t, "the window to be used up", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return stream.window == 0
	})
	stream.Interrupt()
	for range 2 {
		if err := <-results; err != ErrInterrupted {
			t.Errorf("got %v, want %v", err, ErrInterrupted)
		}
	}
	stream.Close()
}

// A server that has stopped must not get more and more requests, which would all wait for their timeout.
func TestASilentServerIsAvoidedUntilItSendsAgain(t *testing.T) {
	leaks(t)
	c, s := connect(t)
	stream := begin(t, c, "/")
	s.await(xhttp2.FrameHeaders)
	now := time.Now().Add(silence + time.Second)
	c.Look(now)
	s.await(xhttp2.FramePing)
	c.Look(now.Add(patience + time.Second))
	if streamOf(c) != nil {
		t.Fatal("got a stream to a server that is silent")
	}
	s.respond(1, true, ":status", "200")
	if head, err := stream.ReadHead(); err != nil || head.Status != 200 {
		t.Errorf("got %v, %v; want the late answer", head, err)
	}
	stream.Close()
	if stream = streamOf(c); stream == nil {
		t.Fatal("got no stream, want one")
	}
	stream.Close()
}
