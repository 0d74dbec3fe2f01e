package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http2"
)

// placesFor returns a lookahead with n places for large heads.
func placesFor(n int) *lookahead { return &lookahead{heads: headPlaces{most: n}} }

// responseWithField returns a response with a field of n bytes.
func responseWithField(n int) []byte {
	return []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: " + strings.Repeat("a", n) + "\r\n\r\nok")
}

// largeHeadResponse returns a response whose head did not fit into a usual buffer, and the places for such heads.
func largeHeadResponse(t *testing.T) (*upstreamResponse, *lookahead) {
	t.Helper()
	ahead := placesFor(maxLargeHeads)
	conn := &upstreamConn{lookahead: ahead, Conn: &piecesConn{rest: responseWithField(2 * upstreamBufferBytes), piece: 10_000, end: io.EOF}}
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
		{"its body is awaited", func(r *upstreamResponse) {
			r.body.begin(r, "GET")
			if data, err := r.body.next(); string(data) != "ok" || err != io.EOF {
				t.Errorf("got the body %q and the error %v", data, err)
			}
			r.forgetHead()
			if r.buffer != nil || r.large != nil {
				t.Errorf("the response still has a buffer of %d bytes", len(r.buffer))
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
			if ahead.heads.taken.Load() != 1 {
				t.Fatalf("%d places are taken, want 1", ahead.heads.taken.Load())
			}
			end.of(r)
			if ahead.heads.taken.Load() != 0 {
				t.Errorf("%d places are taken, want none", ahead.heads.taken.Load())
			}
		})
	}
}

func TestAUsualHeadNeedsNoPlace(t *testing.T) {
	ahead := placesFor(maxLargeHeads)
	conn := &upstreamConn{lookahead: ahead, Conn: &piecesConn{rest: []byte(okResponse), piece: 10, end: io.EOF}}
	conn.begin()
	if err := conn.readHead(); err != nil {
		t.Fatal(err)
	}
	if c := (&upstreamCall{conn: conn}); ahead.heads.taken.Load() != 0 || c.unusual() != 0 {
		t.Errorf("%d places are taken, and %d bytes are unusual; want none", ahead.heads.taken.Load(), c.unusual())
	}
}

// TestFewLargeHeadsWaitForClientsWithoutAPlace has more answers parked than may wait without a place: the others keep theirs
// until their memory is free.
func TestFewLargeHeadsWaitForClientsWithoutAPlace(t *testing.T) {
	const beyond = 2
	ahead := placesFor(maxLargeHeads)
	responses := make([]*upstreamResponse, maxWaitingHeads+beyond)
	for i := range responses {
		responses[i] = &upstreamResponse{conn: &upstreamConn{lookahead: ahead}, buffer: make([]byte, upstreamBufferBytes)}
		if err := responses[i].grow(); err != nil {
			t.Fatal(err)
		}
		call := &upstreamCall{response: responses[i]}
		for range 2 { // it may wait more than once
			call.parkHead()
		}
	}
	if got := ahead.heads.taken.Load(); got != beyond {
		t.Errorf("%d parked answers have kept their places, want %d", got, beyond)
	}
	for _, r := range responses {
		r.release()
	}
	if places, waiting := ahead.heads.taken.Load(), ahead.waitingHeads.Load(); places != 0 || waiting != 0 {
		t.Errorf("%d places are taken and %d heads wait after all were released, want none", places, waiting)
	}
}

// TestAHeadThatMayHaveToWaitBeginsInASmallBuffer reads heads of several sizes while all places of large heads are taken. Those
// that do not fit into the small buffer wait for a place.
func TestAHeadThatMayHaveToWaitBeginsInASmallBuffer(t *testing.T) {
	for _, c := range []struct {
		name               string
		value              int
		waits              bool
		buffer, bufferFree int
	}{
		{"fits into a small buffer", 100, false, smallBufferBytes, upstreamBufferBytes},
		{"fits into a usual buffer", smallBufferBytes, true, upstreamBufferBytes, upstreamBufferBytes},
		{"fits into no usual buffer", upstreamBufferBytes, true, largeHeadBytes, largeHeadBytes},
	} {
		for _, full := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, places taken: %v", c.name, full), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ahead := placesFor(1)
					if full {
						ahead.heads.join(nil, 0)
						time.AfterFunc(usualHeadWait/2, ahead.heads.give)
					}
					head := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: " + strings.Repeat("a", c.value) + "\r\n\r\nok"
					conn := &upstreamConn{lookahead: ahead, Conn: &piecesConn{rest: []byte(head), piece: 1000, end: io.EOF}}
					conn.begin()
					conn.takeBack() // the pool may have given a response with a buffer
					began := time.Now()
					if err := conn.readHead(); err != nil {
						t.Fatal(err)
					}
					if waited := time.Since(began) > 0; waited != (full && c.waits) {
						t.Errorf("the response has waited: %v", waited)
					}
					want := c.bufferFree
					if full {
						want = c.buffer
					}
					if got := len(conn.buffer); got != want || len(conn.head.Fields.Get("X-A")) != c.value {
						t.Errorf("the buffer has %d bytes, and the field %d; want %d and %d", got, len(conn.head.Fields.Get("X-A")), want, c.value)
					}
					if places := ahead.heads.taken.Load(); c.buffer == upstreamBufferBytes && places != 0 {
						t.Errorf("%d places are taken after a head that fits into a usual buffer was read", places)
					}
					conn.detach().release()
					time.Sleep(time.Second)
					if ahead.heads.taken.Load() != 0 {
						t.Error("a place is still taken")
					}
				})
			})
		}
	}
}

// TestALargeHeadOfARequestThatHasWaitedDoesNotWaitAgain has all places taken, and a request that has waited for one before
// (S-12.6).
func TestALargeHeadOfARequestThatHasWaitedDoesNotWaitAgain(t *testing.T) {
	for _, c := range []struct{ before, want time.Duration }{
		{0, largeHeadWait},
		{largeHeadWait / 3, largeHeadWait - largeHeadWait/3},
		{largeHeadWait, 0},
		{2 * largeHeadWait, 0},
	} {
		t.Run(fmt.Sprintf("it has waited for %v", c.before), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ahead := placesFor(1)
				ahead.heads.join(nil, 0)
				call := &upstreamCall{headWaited: c.before}
				conn := &upstreamConn{lookahead: ahead, holder: call, Conn: &piecesConn{rest: responseWithField(2 * upstreamBufferBytes), piece: 10_000, end: io.EOF}}
				conn.begin()
				began := time.Now()
				if err := conn.readHead(); err != nil {
					t.Fatal(err)
				}
				// It waits for a usual buffer first, and then for a large one.
				if took := time.Since(began); took < c.want || took > c.want+largeHeadPause || call.headWaited != c.before+took {
					t.Errorf("it waited for %v, and the request for %v; want %v and %v", took, call.headWaited, c.want, c.before+c.want)
				}
				conn.detach().release()
			})
		})
	}
}

// TestALongHeadWaitsInASmallBuffer has all places taken until a head that has arrived must have waited for one for longer than a
// head that may be usual (S-12.8).
func TestALongHeadWaitsInASmallBuffer(t *testing.T) {
	const before = len("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: ")
	for _, c := range []struct {
		name   string
		field  int
		more   int // bytes after the head
		waits  bool
		buffer int
	}{
		{"it is a byte too long for a usual buffer", upstreamBufferBytes - before - 3, 1, true, largeHeadBytes},
		{"it is much too long", 3 * upstreamBufferBytes, 1, true, largeHeadBytes},
		{"it just fits into a usual buffer", upstreamBufferBytes - before - 4, 1, false, upstreamBufferBytes},
		{"it ends with the small buffer but for a byte, and a body follows", smallBufferBytes - before - 3, 2 * upstreamBufferBytes, false, upstreamBufferBytes},
		{"it ends after the small buffer, and a body follows", smallBufferBytes, 2 * upstreamBufferBytes, false, upstreamBufferBytes},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := socketPair(t)
			conn, err := newUpstreamConn(ours, ours)
			if err != nil {
				t.Fatal(err)
			}
			ahead := placesFor(1)
			ahead.heads.join(nil, 0)
			conn.lookahead = ahead
			head := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: " + strings.Repeat("a", c.field) + "\r\n\r\n"
			if _, err := io.WriteString(theirs, head+strings.Repeat("b", c.more)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the head to arrive", func() bool { return received(ours) == len(head)+c.more })
			conn.begin()
			conn.takeBack() // the pool may have given a response with a buffer
			began := time.Now()
			read := make(chan error, 1)
			go func() { read <- conn.readHead() }()
			var readErr error
			waitFor(t, "the head to be read", func() bool {
				// A wait in a usual buffer would leave what does not fit there in the socket.
				if left := received(ours); c.waits && left != len(head)+c.more && left != len(head)+c.more-smallBufferBytes && left != 0 {
					t.Errorf("%d of %d bytes are left in the socket during the wait, want all after the first %d", left, len(head)+c.more, smallBufferBytes)
				}
				select {
				case readErr = <-read:
					return true
				default:
					return false
				}
			})
			if readErr != nil {
				t.Fatal(readErr)
			}
			if waited := time.Since(began) >= largeHeadWait; c.waits && !waited {
				t.Error("the response has not waited for a place")
			}
			if got := len(conn.buffer); got != c.buffer || len(conn.head.Fields.Get("X-A")) != c.field {
				t.Errorf("the buffer has %d bytes, and the field %d; want %d and %d", got, len(conn.head.Fields.Get("X-A")), c.buffer, c.field)
			}
			conn.detach().release()
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

// TestALargeHeadEnlargesTheOutputOnce queues a head of many fields: the output does not outgrow one buffer after the other,
// each of which would be garbage (S-12.8).
func TestALargeHeadEnlargesTheOutputOnce(t *testing.T) {
	fields := make(Fields, 100)
	for i := range fields {
		fields[i] = Field{Name: fmt.Sprintf("X-%d", i), Value: strings.Repeat("~", 500)}
	}
	h := batchesConn(t, newConnRegistry(10, 10, deadline.NewSweeper()))
	h.encoder, h.peer = http2.NewHeadEncoder(), http2.DefaultPeerSettings()
	s := h2Streams.New().(*h2Stream)
	s.conn = h
	s.exchange.call.response = &upstreamResponse{buffer: make([]byte, 5*upstreamBufferBytes)}
	for range 3 {
		h.out = &[]byte{}
		if allocs := testing.AllocsPerRun(1, func() {
			*h.out = nil
			if err := s.queueHead(200, fields, 0, true); err != nil {
				t.Error(err)
			}
		}); allocs > 3 {
			t.Errorf("got %v allocations, want the output and little else", allocs)
		}
	}
	if got := len(*h.out); got < 100*500 || cap(*h.out) != largeHeadBytes {
		t.Errorf("got %d bytes in a buffer of %d, want one of %d", got, cap(*h.out), largeHeadBytes)
	}
}
