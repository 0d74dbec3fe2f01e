package h2client

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"reverse-proxy/proxy/http2"
)

// noStreams begins a server on a new connection that allows no streams and refuses all requests. It returns the client's end.
func noStreams(t *testing.T) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = theirs.Close()
		serving.Wait()
	})
	serving.Go(func() {
		preface := make([]byte, len(http2.Preface))
		if _, err := io.ReadFull(theirs, preface); err != nil {
			return
		}
		framer := xhttp2.NewFramer(theirs, theirs)
		var writing sync.WaitGroup
		defer writing.Wait()
		writing.Go(func() { _ = framer.WriteSettings(limitOf(0)) }) // the client may have closed the connection
		for {
			f, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if f.Header().Type == xhttp2.FrameHeaders {
				writing.Wait()
				_ = framer.WriteRSTStream(f.Header().StreamID, xhttp2.ErrCodeRefusedStream)
			}
		}
	})
	return ours
}

// TestRequestsSleepWhileTheServerAllowsNoStreams has a hundred requests that are sent again whenever the server has not acted on
// them. Without a pause they would dial as fast as the machine can.
func TestRequestsSleepWhileTheServerAllowsNoStreams(t *testing.T) {
	leaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s := &Set{}
	var dials atomic.Int64
	dial := func(context.Context) (net.Conn, any, error) {
		if dials.Add(1) > 1000 {
			return nil, nil, errors.New("too many connections")
		}
		return noStreams(t), nil, nil
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			for {
				stream, err := s.Open(ctx, Body{}, dial)
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v, want the end of the time", err)
					}
					return
				}
				if err = stream.Begin(head{"GET", "/"}, true, false); err == nil {
					_, err = stream.ReadHead()
				}
				stream.Close()
				var failed *Error
				if !errors.As(err, &failed) || !failed.Unprocessed {
					t.Errorf("got %v, want a request that may be sent again", err)
				}
			}
		})
	}
	all.Wait()
	if got := dials.Load(); got > 10 {
		t.Errorf("got %d connections in a second, want at most 10", got)
	}
	s.Look(time.Now().Add(time.Hour), time.Minute, 100, func(any) bool { return true })
	waitFor(t, "the connections to end", func() bool {
		s.Look(time.Now(), time.Minute, 100, func(any) bool { return true })
		return s.Conns() == 0
	})
}

// onlyOn returns a set with one connection, and a dial that ends only with its context.
func onlyOn(c *Conn) (*Set, Dial) {
	s := &Set{conns: []entry{{Conn: c}}}
	c.mu.Lock()
	c.waiting = &s.waiting
	c.mu.Unlock()
	return s, func(ctx context.Context) (net.Conn, any, error) {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
}

// TestARaisedLimitIsUsedAtOnce raises the limit long before the end of the pause.
func TestARaisedLimitIsUsedAtOnce(t *testing.T) {
	leaks(t)
	c, server := connect(t, limitOf(0))
	s, dial := onlyOn(c)
	s.latest, s.at, s.next = c, time.Now(), time.Hour
	const requests = 100
	streams := make(chan *Stream, requests)
	for range requests {
		go func() {
			stream, err := s.Open(t.Context(), Body{}, dial)
			if err != nil {
				t.Error(err)
			}
			streams <- stream
		}()
	}
	waitFor(t, "all requests to wait", func() bool { return s.waiting.number.Load() == requests })
	_ = server.WriteSettings(limitOf(requests))
	for range requests {
		if stream := <-streams; stream != nil {
			defer stream.Close()
		}
	}
}

// A request for which the server allows no stream in time fails as others do whose time is over, and the error has the cause.
func TestARequestWithoutAStreamInTimeNamesTheCause(t *testing.T) {
	leaks(t)
	c, _ := connect(t, limitOf(0))
	s, dial := onlyOn(c)
	s.latest, s.at, s.next = c, time.Now(), time.Hour
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := s.Open(ctx, Body{}, dial)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "SETTINGS_MAX_CONCURRENT_STREAMS is 0") {
			t.Errorf("got %v, want the end of the time and the cause", err)
		}
	}
}

// TestARequestThatWaitsTakesTheFirstStream has a request wait for a dial that takes long.
func TestARequestThatWaitsTakesTheFirstStream(t *testing.T) {
	for name, free := range map[string]func(first *Stream, server *server){
		"a stream that ends": func(first *Stream, _ *server) { first.Close() },
		"a limit that rises": func(_ *Stream, server *server) { _ = server.WriteSettings(limitOf(2)) },
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			c, server := connect(t, limitOf(1))
			s, dial := onlyOn(c)
			first := streamOf(c)
			ctx, cancel := context.WithCancel(t.Context())
			var dialing sync.WaitGroup
			began := make(chan struct{})
			dialing.Go(func() {
				_, err := s.Open(ctx, Body{}, func(ctx context.Context) (net.Conn, any, error) {
					close(began)
					return dial(ctx)
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want the cancellation", err)
				}
			})
			<-began
			got := make(chan *Stream)
			go func() {
				stream, err := s.Open(t.Context(), Body{}, dial)
				if err != nil {
					t.Error(err)
				}
				got <- stream
			}()
			waitFor(t, "the request to wait", func() bool { return s.waiting.number.Load() == 1 })
			free(first, server)
			if stream := <-got; stream != nil {
				stream.Close()
			}
			if c.Streams() > 0 {
				first.Close()
			}
			cancel()
			dialing.Wait()
		})
	}
}

// TestTheEndOfASilentConnectionWakesARequest has a request wait for the SETTINGS of a server that ends the connection instead.
func TestTheEndOfASilentConnectionWakesARequest(t *testing.T) {
	leaks(t)
	c, server := connectSilently(t)
	first := streamOf(c)
	defer first.Close()
	s, _ := onlyOn(c)
	refused, failed := errors.New("refused"), make(chan error)
	go func() {
		_, err := s.Open(t.Context(), Body{}, func(context.Context) (net.Conn, any, error) { return nil, nil, refused })
		failed <- err
	}()
	waitFor(t, "the request to wait", func() bool { return s.waiting.number.Load() == 1 })
	_ = server.Close()
	if err := <-failed; err != refused {
		t.Errorf("got %v, want %v from a new dial", err, refused)
	}
}

// TestNoChangeIsLost has requests take turns on one stream while others give up. A change that wakes a request which needs it no
// longer must wake another one, or the last ones would wait for ever.
func TestNoChangeIsLost(t *testing.T) {
	leaks(t)
	c, _ := connect(t, limitOf(1))
	s, dial := onlyOn(c)
	ctx, cancel := context.WithCancel(t.Context())
	var stuck, turns sync.WaitGroup
	first := streamOf(c)
	began := make(chan struct{})
	stuck.Go(func() {
		_, _ = s.Open(ctx, Body{}, func(ctx context.Context) (net.Conn, any, error) { // fails when the test ends it
			close(began)
			return dial(ctx)
		})
	})
	<-began
	for n := range 40 {
		turns.Go(func() {
			for round := range 50 {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if n%2 == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(round)*time.Microsecond)
				}
				if stream, err := s.Open(ctx, Body{}, dial); err == nil {
					stream.Close()
				} else if n%2 == 1 {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	first.Close()
	turns.Wait()
	cancel()
	stuck.Wait()
	if got := s.waiting.number.Load(); got != 0 {
		t.Errorf("%d requests are left in the queue", got)
	}
}

// A connection of its own always has its one stream, even if the server has already said that it allows none.
func TestTheOnlyStreamOfAConnectionSaysThatNoneIsAllowed(t *testing.T) {
	leaks(t)
	c, _ := connect(t, limitOf(0))
	stream := c.openLast(Body{})
	var failed *Error
	if err := stream.Begin(head{"GET", "/"}, true, false); !errors.As(err, &failed) || !failed.Unprocessed || !failed.Blames {
		t.Errorf("got %v, want an error that blames the server, for a request that may be sent again", err)
	}
	stream.Close()
	<-c.Ended()
}

func TestPausesBetweenConnectionsWithoutStreamsGrow(t *testing.T) {
	leaks(t)
	shut, _ := connect(t, limitOf(0))
	open, _ := connect(t, limitOf(1))
	now := time.Now()
	p := &pauses{}
	for i, step := range []struct {
		conn *Conn
		want time.Duration
	}{
		{shut, firstPause}, {shut, 2 * firstPause}, {shut, 4 * firstPause}, {shut, 8 * firstPause}, {shut, longestPause}, {shut, longestPause},
		{open, 0}, {shut, firstPause},
	} {
		p.dialed(step.conn, now)
		if got := p.pause(now); got != step.want {
			t.Errorf("connection %d: got a pause of %v, want %v", i, got, step.want)
		}
		if got := p.pause(now.Add(step.want)); got != 0 {
			t.Errorf("connection %d: %v are left after the pause", i, got)
		}
	}
	p.forget(now.Add(time.Hour))
	if p.latest != shut {
		t.Error("a connection that has not ended is forgotten")
	}
	shut.Close()
	p.forget(now)
	if p.latest != shut {
		t.Error("a connection is forgotten before its pause is over")
	}
	p.forget(now.Add(time.Hour))
	if p.latest != nil {
		t.Error("a connection that has ended is kept")
	}
}
