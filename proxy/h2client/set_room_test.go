package h2client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/http2"
)

// readingServer reads the bodies of requests, except those for /unread, and has windows of 65,535 bytes. It returns its address.
func readingServer(t *testing.T) string {
	t.Helper()
	return h2cServer(t, &http.Server{
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerConnection: http2.InitialWindow, MaxReceiveBufferPerStream: http2.InitialWindow},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/unread" {
				<-r.Context().Done()
				return
			}
			n, _ := io.Copy(io.Discard, r.Body) // its length shows a failure
			_, _ = fmt.Fprint(w, n)
		}),
	})
}

// send sends a request with a body on a connection of the set, and returns the body of its response.
func send(t *testing.T, s *Set, dial Dial, from Body, path string, bytes int) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := s.Open(ctx, from, dial)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Interrupt)
	defer stop()
	if err := stream.Begin(head{"POST", path}, false, false); err != nil {
		return "", err
	}
	if _, err := stream.Write(make([]byte, bytes), true); err != nil {
		return "", err
	}
	if _, err := stream.ReadHead(); err != nil {
		return "", err
	}
	return body(stream)
}

// Bodies of others must be sent although one owner's are not read, and one that has begun must not be stopped by a later one.
func TestABodyThatIsNotReadHoldsUpNoOtherOwner(t *testing.T) {
	leaks(t)
	s, dial := setTo(t, readingServer(t))
	slow, err := s.Open(t.Context(), Body{"slow", -1}, dial)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if err := slow.Begin(head{"POST", "/read"}, false, false); err != nil {
		t.Fatal(err)
	}
	var unread []*Stream
	for range 3 { // each takes a whole window
		stream, err := s.Open(t.Context(), Body{"unread", -1}, dial)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if err := stream.Begin(head{"POST", "/unread"}, false, false); err != nil {
			t.Fatal(err)
		}
		if rest, err := stream.TryWrite(make([]byte, 100000), false); len(rest) != 100000-http2.InitialWindow || err != nil {
			t.Fatalf("got %d bytes that have no room, %v; want those over the window", len(rest), err)
		}
		unread = append(unread, stream)
	}
	for owner, length := range map[string]int64{"short": 5, "long": 300000, "unknown": -1} {
		bytes := max(length, 200000)
		if owner == "short" {
			bytes = length
		}
		if got, err := send(t, s, dial, Body{owner, length}, "/read", int(bytes)); got != fmt.Sprint(bytes) || err != nil {
			t.Errorf("the body of %q: got %q, %v; want it to be read", owner, got, err)
		}
	}
	if stream := s.TryOpen(Body{}); stream == nil || stream.conn != slow.conn {
		t.Error("a request without a body got no stream on the first connection")
	} else {
		stream.Close()
	}
	if got := s.Conns(); got != 5 {
		t.Errorf("got %d connections, want 5: for the slow body, three windows and the rest", got)
	}
	stop := time.AfterFunc(20*time.Second, slow.Interrupt)
	defer stop.Stop()
	if _, err := slow.Write(make([]byte, 200000), true); err != nil {
		t.Errorf("the slow body: %v", err)
	} else if _, err := slow.ReadHead(); err != nil {
		t.Errorf("the slow body: %v", err)
	} else if got, err := body(slow); got != "200000" || err != nil {
		t.Errorf("the slow body: got %q, %v", got, err)
	}
	for _, stream := range unread {
		stream.Interrupt()
	}
}

// TestNobodyWaitsForTheDialOfAnotherOwner has one owner whose connections never come about.
func TestNobodyWaitsForTheDialOfAnotherOwner(t *testing.T) {
	leaks(t)
	s, dial := setTo(t, readingServer(t))
	first, err := s.Open(t.Context(), Body{"first", -1}, dial)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	dialing := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := s.Open(ctx, Body{"slow", -1}, func(ctx context.Context) (net.Conn, any, error) {
			close(dialing)
			<-ctx.Done()
			return nil, nil, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
	<-dialing
	if got, err := send(t, s, dial, Body{"other", 5}, "/read", 5); got != "5" || err != nil {
		t.Errorf("got %q, %v; want the answer", got, err)
	}
	cancel()
	waiting.Wait()
}

// TestAConnectionWithoutRoomIsClosed has a server that does not give back the window of a stream that was cancelled.
func TestAConnectionWithoutRoomIsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		bytes int
		after time.Duration
		ends  bool
	}{
		"a connection that has had no room for a while is closed": {http2.InitialWindow - roomToBegin + 1, roomlessTime + time.Second, true},
		"a connection that has just lost its room stays open":     {http2.InitialWindow - roomToBegin + 1, 0, false},
		"a connection with room stays open":                       {http2.InitialWindow - roomToBegin, roomlessTime + time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			c, _ := connect(t)
			<-c.greeting
			set := &Set{conns: []entry{{Conn: c}}}
			stream := beginBody(t, c, Body{"a", -1})
			if rest, err := stream.TryWrite(make([]byte, test.bytes), false); len(rest) > 0 || err != nil {
				t.Fatalf("%d bytes are left, %v", len(rest), err)
			}
			set.Look(time.Now().Add(test.after), time.Hour, 1, func(any) bool { return true })
			if c.Err() != nil {
				t.Fatal("the connection has ended with a stream on it")
			}
			stream.Close()
			set.Look(time.Now().Add(test.after), time.Hour, 1, func(any) bool { return true })
			if ended := c.Err() != nil; ended != test.ends {
				t.Errorf("got an end %v, want %v", ended, test.ends)
			}
		})
	}
}

// Connections that only a moment with many bodies has needed must not stay open beside what was counted for them.
func TestIdleConnectionsAboveTheNumberAreClosed(t *testing.T) {
	leaks(t)
	var closed atomic.Int64
	s, dial := setTo(t, readingServer(t))
	var streams []*Stream
	for n := range 4 {
		stream, err := s.Open(t.Context(), Body{n, -1}, func(ctx context.Context) (net.Conn, any, error) {
			conn, tag, err := dial(ctx)
			return closeCounter{conn, &closed}, tag, err
		})
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream)
	}
	streams[0].Close()
	streams[3].Close()
	look := func(most int) {
		s.Look(time.Now(), time.Hour, most, func(any) bool { return true })
	}
	look(4)
	if got := s.Conns(); got != 4 {
		t.Errorf("got %d connections for as many requests, want 4", got)
	}
	look(3)
	if got := s.Conns(); got != 3 {
		t.Errorf("got %d connections, want 3", got)
	}
	look(1)
	if got := s.Conns(); got != 2 {
		t.Errorf("got %d connections, want the 2 with streams", got)
	}
	for _, stream := range streams[1:3] {
		stream.Close()
	}
	waitFor(t, "the connections to be closed", func() bool { return closed.Load() == 2 })
}
