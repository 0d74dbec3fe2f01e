package proxy

import (
	"io"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
)

// countingLender lends the same room repeatedly.
type countingLender struct {
	room        [16]byte
	lent, taken int
	// waits receives a value whenever the room was taken back.
	waits chan struct{}
}

func (l *countingLender) lend() []byte { l.lent++; return l.room[:] }
func (l *countingLender) takeBack()    { l.taken++; l.waits <- struct{}{} }

func TestRoomIsLentOnlyWhileThereIsSomethingToRead(t *testing.T) {
	ours, theirs := socketPair(t)
	lender := &countingLender{waits: make(chan struct{}, 8)}
	got := make(chan string, 1)
	go func() {
		n, err := ours.ReadLent(lender)
		if err != nil {
			t.Error(err)
		}
		got <- string(lender.room[:n])
	}()
	<-lender.waits
	if _, err := theirs.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "late" || lender.lent != lender.taken+1 {
		t.Errorf("got %q, lent %d times and taken back %d times, want %q, taken back once less than lent", text, lender.lent, lender.taken, "late")
	}
}

// TestAnUnwantedBodyIsWaitedForWithoutABuffer discards what a client sends after its answer. The buffer is not kept between two
// reads, as others may run then (S-12.8).
func TestAnUnwantedBodyIsWaitedForWithoutABuffer(t *testing.T) {
	ours, theirs := socketPair(t)
	c := &clientConn{socket: ours}
	lender := &countingLender{waits: make(chan struct{}, 8)}
	ended := make(chan error, 1)
	go func() { ended <- c.discard(lender) }()
	<-lender.waits // the buffer was given back although nothing has come
	send(t, theirs, "unwanted")
	if err := <-ended; err != nil || lender.taken != lender.lent {
		t.Errorf("after a read: %v, lent %d times and taken back %d times, want no buffer held", err, lender.lent, lender.taken)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.discard(lender); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
	var room discardRoom
	if got := len(room.lend()); got != outBufferBytes {
		t.Errorf("got room for %d bytes, want %d", got, outBufferBytes)
	}
	if room.takeBack(); room.buffer != nil {
		t.Error("the room holds its buffer after it was taken back")
	}
}

// TestAResponseThatIsWaitedForHasNoBuffer interrupts the wait, as a timeout does, and then reads the response
// (S-12.8).
func TestAResponseThatIsWaitedForHasNoBuffer(t *testing.T) {
	ours, theirs := socketPair(t)
	conn, err := newUpstreamConn(ours, ours)
	if err != nil {
		t.Fatal(err)
	}
	conn.begin()
	for _, interim := range []string{"", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"} {
		if _, err := io.WriteString(theirs, interim); err != nil {
			t.Fatal(err)
		}
		if interim != "" {
			if err := conn.readHead(); err != nil || conn.head.Status != 103 {
				t.Fatalf("got the status %d, %v; want the interim response", conn.head.Status, err)
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if err := conn.readHead(); !isTimeout(err) {
			t.Fatalf("got %v, want the wait interrupted", err)
		}
		if conn.buffer != nil {
			t.Errorf("after %q, got a buffer of %d bytes, want none while nothing comes", interim, len(conn.buffer))
		}
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	head := "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", upstreamBufferBytes) + "\r\nContent-Length: 4\r\n\r\n"
	go func() { _, _ = io.WriteString(theirs, head+"body") }() // the read fails if the write does
	if err := conn.readHead(); err != nil || conn.head.Status != 200 || len(conn.head.Fields.Get("X-A")) != upstreamBufferBytes {
		t.Fatalf("got %v, want the head that does not fit into a buffer", err)
	}
	conn.body.begin(conn.upstreamResponse, "GET")
	data, err := conn.body.next()
	for err == nil && len(data) < len("body") {
		var more []byte
		more, err = conn.body.next()
		data = append(data, more...)
	}
	if string(data) != "body" {
		t.Errorf("got %q, %v; want the body", data, err)
	}
	conn.detach().release()
}

// awaitedBody is a body of which some bytes arrive when it is waited for.
type awaitedBody struct {
	fakeBody
	waited func() int
}

func (b *awaitedBody) await() int { return b.waited() }

// TestABodyThatIsWaitedForHasNoBuffer checks the buffer of a call while its client sends nothing (S-12.8).
func TestABodyThatIsWaitedForHasNoBuffer(t *testing.T) {
	for _, come := range []int{0, 1, outBufferBytes + 1} {
		c := &upstreamCall{
			request: &Request{Method: "POST", ContentLength: -1}, body: &requestBody{}, timer: &deadline.Timer{Sweeper: deadline.NewSweeper()},
		}
		c.body.begin(&awaitedBody{waited: func() int {
			if c.out != nil {
				t.Errorf("got a buffer of %d bytes, want none while nothing comes", cap(*c.out))
			}
			return come
		}}, 1<<20)
		c.out = takeLongOut()
		c.awaitPart()
		if c.out == nil || c.outIsLarge() != (come > outBufferBytes) {
			t.Errorf("%d bytes have come: got a large buffer is %v", come, c.outIsLarge())
		}
		c.releaseOut()
	}
}

// TestABufferIsAsLargeAsWhatIsThere composes requests whose bodies could all be long.
func TestABufferIsAsLargeAsWhatIsThere(t *testing.T) {
	for _, test := range []struct {
		name   string
		length int64
		field  int
		come   int
		large  bool
	}{
		{"nothing of a body of unknown length", -1, 10, 0, false},
		{"nothing of a long body", 1 << 20, 10, 0, false},
		{"a byte of a body of unknown length", -1, 10, 1, false},
		{"much of a body of unknown length", -1, 10, 50_000, true},
		{"much of a long body", 1 << 20, 10, 50_000, true},
		{"a head that is nearly 64 KiB", -1, 60_000, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &upstreamCall{request: &Request{
				Method: "POST", Target: "/", Authority: "a.test", ContentLength: test.length,
				Fields: Fields{{Name: "X-A", Value: strings.Repeat("a", test.field)}},
			}, body: &requestBody{}, timer: &deadline.Timer{Sweeper: deadline.NewSweeper()}}
			c.body.begin(&comeBody{left: test.come}, 1<<20)
			c.body.timedBy(c.timer, time.Minute)
			c.request.Body = c.body.source
			whole, err := c.compose()
			if err != nil || whole {
				t.Fatalf("got whole=%v, %v; want more to come", whole, err)
			}
			if c.outIsLarge() != test.large || c.gathered != (test.come > 0) {
				t.Errorf("got a buffer of %d bytes, and bytes of the body in it is %v", cap(*c.out), c.gathered)
			}
			if got := strings.Count(string(*c.out), "z"); got != test.come {
				t.Errorf("got %d bytes of the body, want all %d that have come", got, test.come)
			}
			c.releaseOut()
		})
	}
}

// comeBody is a body that returns 1,000 bytes for each read until the bytes in left are used up; then nothing more
// arrives.
type comeBody struct{ left int }

func (b *comeBody) read(room []byte, _ bool) ([]byte, error) {
	n := min(b.left, 1000, len(room))
	if n == 0 {
		return nil, errNotReady
	}
	b.left -= n
	return append(room[:0], strings.Repeat("z", n)...), nil
}

func (b *comeBody) trailers() Fields           { return nil }
func (b *comeBody) wholeLength() (int64, bool) { return 0, false }
