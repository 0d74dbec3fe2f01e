package proxy

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/deadline"
)

// largeHeadResponse returns a response whose head did not fit into a usual buffer, and the places for such heads.
func largeHeadResponse(t *testing.T) (*upstreamResponse, *lookahead) {
	t.Helper()
	ahead := &lookahead{heads: make(chan struct{}, maxLargeHeads)}
	conn := &upstreamConn{lookahead: ahead, Conn: &piecesConn{rest: []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: " + strings.Repeat("a", 2*upstreamBufferBytes) + "\r\n\r\nok"), piece: 10_000, end: io.EOF}}
	conn.begin()
	if err := conn.readHead(); err != nil {
		t.Fatal(err)
	}
	return conn.upstreamResponse, ahead
}

func TestALargeHeadHasAPlaceUntilItWasPassedOn(t *testing.T) {
	for _, end := range []struct {
		name string
		of   func(*upstreamResponse)
	}{
		{"the response is released", func(r *upstreamResponse) { r.conn.detach().release() }},
		{"the client takes nothing", func(r *upstreamResponse) {
			r.body.begin(r, "GET")
			r.forgetHead()
			r.setAside()
			if r.buffer != nil {
				t.Error("the response still has a buffer")
			}
		}},
		{"its owner waits for the client", func(r *upstreamResponse) {
			c := &upstreamCall{conn: r.conn}
			if got := c.unusual(); got < upstreamBufferBytes {
				t.Errorf("got %d bytes of unusual memory", got)
			}
			c.leaveHead()
		}},
		{"its owner waits for the client, and the connection was given back", func(r *upstreamResponse) {
			c := &upstreamCall{response: r}
			if got := c.unusual(); got < upstreamBufferBytes {
				t.Errorf("got %d bytes of unusual memory", got)
			}
			c.leaveHead()
		}},
	} {
		t.Run(end.name, func(t *testing.T) {
			r, ahead := largeHeadResponse(t)
			if len(ahead.heads) != 1 {
				t.Fatalf("%d places are taken, want 1", len(ahead.heads))
			}
			end.of(r)
			if len(ahead.heads) != 0 {
				t.Errorf("%d places are taken, want none", len(ahead.heads))
			}
		})
	}
}

func TestAUsualHeadNeedsNoPlace(t *testing.T) {
	ahead := &lookahead{heads: make(chan struct{}, maxLargeHeads)}
	conn := &upstreamConn{lookahead: ahead, Conn: &piecesConn{rest: []byte(okResponse), piece: 10, end: io.EOF}}
	conn.begin()
	if err := conn.readHead(); err != nil {
		t.Fatal(err)
	}
	if c := (&upstreamCall{conn: conn}); len(ahead.heads) != 0 || c.unusual() != 0 {
		t.Errorf("%d places are taken, and %d bytes are unusual; want none", len(ahead.heads), c.unusual())
	}
}

// TestALargeHeadWaitsForAPlace has all places taken, and gives one back or none.
func TestALargeHeadWaitsForAPlace(t *testing.T) {
	for _, c := range []struct {
		name  string
		freed time.Duration
		want  time.Duration
	}{
		{"one becomes free", largeHeadWait / 2, largeHeadWait / 2},
		{"none becomes free", largeHeadWait + time.Second, largeHeadWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ahead := &lookahead{heads: make(chan struct{}, 1)}
				ahead.heads <- struct{}{}
				begin := time.Now()
				time.AfterFunc(c.freed, func() { <-ahead.heads })
				place := ahead.takeHead()
				if took := time.Since(begin); took != c.want || (place != nil) != (c.freed < largeHeadWait) {
					t.Errorf("waited %v and got a place: %v; want %v", took, place != nil, c.want)
				}
				time.Sleep(2 * time.Second) // to the end of the bubble's timer
			})
		})
	}
}

// TestAnAnswerWithALargeHeadCountsAsParked checks the cost of an answer that still holds its upstream connection: it counts
// only if its head is large.
func TestAnAnswerWithALargeHeadCountsAsParked(t *testing.T) {
	for _, large := range []bool{false, true} {
		registry := newConnRegistry(10, 10, deadline.NewSweeper())
		s := h2Streams.New().(*h2Stream)
		s.conn = &h2Conn{server: &siteServer{registry: registry}}
		s.request = Request{Account: &clientAccount{}}
		conn := &upstreamConn{upstreamResponse: &upstreamResponse{buffer: make([]byte, upstreamBufferBytes)}}
		if large {
			conn.buffer = make([]byte, 3*upstreamBufferBytes)
		}
		s.exchange.call.conn = conn
		s.conn.mu.Lock()
		parked := s.park()
		s.conn.mu.Unlock()
		if held := registry.parked.held; parked != large || large && held < 2*upstreamBufferBytes {
			t.Errorf("large %v: parked is %v, and %d bytes are held", large, parked, held)
		}
	}
}
