package h2client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// setTo returns a set of connections to an address. Each connection's tag is its number.
func setTo(t *testing.T, address string) (*Set, Dial) {
	t.Helper()
	dials := 0
	s, dial := &Set{}, func(ctx context.Context) (net.Conn, any, error) {
		dials++
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		return conn, dials, err
	}
	t.Cleanup(func() {
		s.Close()
		waitFor(t, "the connections to end", func() bool {
			s.Look(time.Now(), time.Minute, 100, func(any) bool { return true })
			return s.Conns() == 0
		})
	})
	return s, dial
}

func TestASetSharesConnectionsAndDialsWhenAllAreFull(t *testing.T) {
	leaks(t)
	s, dial := setTo(t, identityServer(t))
	var all sync.WaitGroup
	opened := make(chan *Stream, MaxStreams+10)
	for range MaxStreams + 10 {
		all.Go(func() {
			stream, err := s.Open(t.Context(), Body{}, dial)
			if err != nil {
				t.Error(err)
				return
			}
			opened <- stream
		})
	}
	all.Wait()
	if got := s.Conns(); got != 2 {
		t.Errorf("got %d connections, want 2 for %d streams", got, MaxStreams+10)
	}
	close(opened)
	for stream := range opened {
		stream.Close()
	}
	if stream := s.TryOpen(Body{}); stream == nil || s.Conns() != 2 {
		t.Errorf("got %v on %d connections, want a stream on one of two", stream, s.Conns())
	} else {
		stream.Close()
	}
}

func TestAConnectionToAnOldAddressIsDrained(t *testing.T) {
	leaks(t)
	s, dial := setTo(t, identityServer(t))
	stream, err := s.Open(t.Context(), Body{}, dial)
	if err != nil {
		t.Fatal(err)
	}
	s.Look(time.Now(), time.Minute, 100, func(tag any) bool { return tag != 1 })
	if err := identifySet(s, dial, "/new"); err != nil {
		t.Error(err)
	}
	stream.Close()
	waitFor(t, "the old connection to end", func() bool {
		s.Look(time.Now(), time.Minute, 100, func(tag any) bool { return tag != 1 })
		return s.Conns() == 1
	})
	s.Look(time.Now().Add(time.Hour), time.Minute, 100, func(any) bool { return true })
	waitFor(t, "the idle connection to end", func() bool {
		s.Look(time.Now(), time.Minute, 100, func(any) bool { return true })
		return s.Conns() == 0
	})
}

// identifySet sends a request on a connection of the set.
func identifySet(s *Set, dial Dial, path string) error {
	stream, err := s.Open(context.Background(), Body{}, dial)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := stream.Begin(head{"GET", path}, true, false); err != nil {
		return err
	}
	_, err = stream.ReadHead()
	return err
}

func TestAFailedDialFailsAllThatWaitForIt(t *testing.T) {
	leaks(t)
	refused, dialing, goOn := errors.New("refused"), make(chan struct{}, 10), make(chan struct{})
	s, dial := &Set{}, func(context.Context) (net.Conn, any, error) {
		dialing <- struct{}{}
		<-goOn
		return nil, nil, refused
	}
	results := make(chan error, 3)
	open := func() {
		_, err := s.Open(context.Background(), Body{}, dial)
		results <- err
	}
	go open()
	<-dialing
	go open()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Open(ctx, Body{}, dial); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(goOn)
	for range 2 {
		if err := <-results; err != refused {
			t.Errorf("got %v, want %v", err, refused)
		}
	}
}

// TestADialThatEndsWithItsRequestFailsNoOther has a request wait for the dial of another one whose time for connecting is nearly
// over, because it has waited for something else before, or whose client leaves.
func TestADialThatEndsWithItsRequestFailsNoOther(t *testing.T) {
	for _, test := range []struct {
		name   string
		leaves bool
		// failure returns how the dial fails once the context of its request has ended.
		failure func(ctx context.Context) error
	}{
		{"its time is over", false, context.Context.Err},
		{"its time is over during the handshake", false, func(ctx context.Context) error { return fmt.Errorf("no end: %w", ctx.Err()) }},
		{"its time is over, which the connection reports", false, func(context.Context) error { return os.ErrDeadlineExceeded }},
		{"its client has left", true, context.Context.Err},
		{"its client has left, which looks like a closed connection", true, func(context.Context) error { return net.ErrClosed }},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			s, dial := setTo(t, identityServer(t))
			first, leave := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if test.leaves {
				first, leave = context.WithCancel(t.Context())
			}
			defer leave()
			dialing, failed := make(chan struct{}), make(chan error, 1)
			waits := &watchedContext{Context: t.Context(), asked: make(chan struct{})}
			go func() {
				_, err := s.Open(first, Body{}, func(ctx context.Context) (net.Conn, any, error) {
					close(dialing)
					<-waits.asked
					if test.leaves {
						leave()
					}
					<-ctx.Done()
					return nil, nil, test.failure(ctx)
				})
				failed <- err
			}()
			<-dialing
			stream, err := s.Open(waits, Body{}, dial)
			if err != nil {
				t.Fatalf("the request that waited: %v", err)
			}
			stream.Close()
			if err := <-failed; err == nil {
				t.Error("the request that has ended got a stream")
			}
		})
	}
}

// watchedContext closes asked when its end is waited for.
type watchedContext struct {
	context.Context
	asked chan struct{}
	once  sync.Once
}

// Done implements context.Context.
func (c *watchedContext) Done() <-chan struct{} {
	c.once.Do(func() { close(c.asked) })
	return c.Context.Done()
}

// TestAClosedSetServesEarlierRequests checks a reload that removes an upstream: the requests that began before it are
// not lost, and their connections end with them.
func TestAClosedSetServesEarlierRequests(t *testing.T) {
	leaks(t)
	s, dial := setTo(t, identityServer(t))
	opened, err := s.Open(t.Context(), Body{}, dial)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	var failed *Error
	if err := opened.Begin(head{"GET", "/first"}, true, false); !errors.As(err, &failed) || !failed.Unprocessed {
		t.Errorf("got %v on the drained connection, want an error after which the request may be sent again", err)
	}
	opened.Close()
	var closed atomic.Int64
	counting := func(ctx context.Context) (net.Conn, any, error) {
		conn, tag, err := dial(ctx)
		return closeCounter{conn, &closed}, tag, err
	}
	for range 3 {
		if err := identifySet(s, counting, "/again"); err != nil {
			t.Errorf("got %v, want an answer", err)
		}
	}
	waitFor(t, "the connections to be closed", func() bool { return closed.Load() == 3 })
}

// closeCounter is a connection that counts how often it was closed.
type closeCounter struct {
	net.Conn
	closed *atomic.Int64
}

// Close closes the connection and counts the call.
func (c closeCounter) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}

// Only ends that clients cannot cause at any rate may keep local ports in use.
func TestWhichConnectionsEndInOrder(t *testing.T) {
	stay := func(any) bool { return true }
	for _, test := range []struct {
		name string
		busy bool
		end  func(s *Set)
		want bool
	}{
		{"one that was idle for long does", false, func(s *Set) { s.Look(time.Now(), -time.Hour, 1, stay) }, true},
		{"an idle one of a set that is closed does", false, (*Set).Close, true},
		{"one with a stream does not", true, (*Set).Close, false},
		{"an idle one that is not needed does not", false, func(s *Set) { s.Look(time.Now(), time.Hour, 0, stay) }, false},
		{"an idle one to an old address does not", false, func(s *Set) { s.Look(time.Now(), time.Hour, 1, func(any) bool { return false }) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			c, _ := connect(t)
			prepared := false
			s := &Set{conns: []entry{{Conn: c}}, EndInOrder: func(net.Conn) { prepared = true }}
			var stream *Stream
			if test.busy {
				stream = streamOf(c)
			}
			test.end(s)
			if stream != nil {
				stream.Close()
			}
			<-c.Ended()
			if prepared != test.want {
				t.Errorf("got an end in order: %v, want %v", prepared, test.want)
			}
		})
	}
}
