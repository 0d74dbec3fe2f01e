package proxy

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
)

// countingHolder counts how often it was asked to set its buffer aside.
type countingHolder struct{ asked int }

func (h *countingHolder) setAside() { h.asked++ }

func (h *countingHolder) accepts(int64) {}

// unreadWork returns the state of a request whose client has left its socket full.
func unreadWork(t *testing.T) (w *http1Work, theirs net.Conn) {
	t.Helper()
	ours, theirs := socketPair(t)
	fd, err := descriptorOf(ours.streamConn)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, ours)
	c := &clientConn{socket: ours, stream: ours}
	c.secure = clientTLS{socket: ours, fd: fd, unasked: roomEvery}
	w = &http1Work{conn: c}
	w.exchange.call.timer = &deadline.Timer{Sweeper: deadline.NewSweeper()}
	return w, theirs
}

func TestAClientThatTakesNothingIsWaitedForWithoutABuffer(t *testing.T) {
	w, theirs := unreadWork(t)
	var holder countingHolder
	waited := make(chan error, 1)
	go func() { waited <- w.AwaitRoom(&holder) }()
	waitFor(t, "the wait for room", w.conn.socket.blocked.Load)
	if w.exchange.call.blockedSince.Load() == 0 {
		t.Error("the call does not count as blocked by its client, so that its connection would never be reclaimed")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, theirs) // it ends with the socket
	}()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if holder.asked != 1 || w.exchange.call.blockedSince.Load() != 0 {
		t.Errorf("got %d buffers set aside and blocked since %d, want one and no block", holder.asked, w.exchange.call.blockedSince.Load())
	}
	if err := w.AwaitRoom(&holder); err != nil || holder.asked != 1 {
		t.Errorf("got %v and %d buffers set aside, want no wait while there is room", err, holder.asked)
	}
	_ = w.conn.socket.Close()
	<-drained
}

func TestTheWaitForAClientCanBeInterrupted(t *testing.T) {
	w, _ := unreadWork(t)
	if err := w.conn.socket.SetDeadline(pastDeadline); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitRoom(&countingHolder{}); !isTimeout(err) {
		t.Errorf("got %v, want the deadline", err)
	}
}

// TestAResponseHoldsNoBufferWhileItsClientTakesNothing sets the buffer aside between two parts of a body, and waits for the
// second part (S-12.8).
func TestAResponseHoldsNoBufferWhileItsClientTakesNothing(t *testing.T) {
	for _, test := range []struct{ name, head, body string }{
		{"the head is short", "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", "part"},
		{"the head is larger than the buffer", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", upstreamBufferBytes) + "\r\nContent-Length: 200000\r\n\r\n", "part"},
		{"the body is chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\npart\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := socketPair(t)
			conn, err := newUpstreamConn(ours, ours)
			if err != nil {
				t.Fatal(err)
			}
			conn.lookahead = &lookahead{}
			conn.lookahead.buffers.Store(maxLongBuffers)
			conn.begin()
			go func() { _, _ = io.WriteString(theirs, test.head+test.body) }() // the read fails if the write does
			if err := conn.readHead(); err != nil {
				t.Fatal(err)
			}
			r := conn.upstreamResponse
			r.body.begin(r, "GET")
			if data := readPart(t, r, len("part")); data != "part" {
				t.Fatalf("got %q, want the first part", data)
			}
			if !r.body.mayStop() {
				t.Error("the response may not wait for its client")
			}
			r.forgetHead()
			r.setAside()
			if r.buffer != nil {
				t.Errorf("got a buffer of %d bytes, want none", len(r.buffer))
			}
			if err := ours.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.body.next(); !isTimeout(err) {
				t.Fatalf("got %v, want the wait interrupted", err)
			}
			if r.buffer != nil {
				t.Errorf("got a buffer of %d bytes while nothing comes, want none", len(r.buffer))
			}
			if err := ours.SetReadDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(theirs, test.body) }() // the read fails if the write does
			if data := readPart(t, r, len("part")); data != "part" {
				t.Errorf("got %q, want the second part", data)
			}
			conn.detach().release()
		})
	}
}

// readPart reads n bytes of a body.
func readPart(t *testing.T, r *upstreamResponse, n int) string {
	t.Helper()
	var all []byte
	for len(all) < n {
		data, err := r.body.next()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return string(all)
}

func TestTheRestOfAResponseIsReadAlthoughItsClientTakesNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		body upstreamBody
		want bool
	}{
		{"one more read may end the body", upstreamBody{kind: http1.BodyLength, left: upstreamBufferBytes}, false},
		{"more than a read is missing", upstreamBody{kind: http1.BodyLength, left: upstreamBufferBytes + 1}, true},
		{"the length is unknown", upstreamBody{}, true},
		{"the body is in a long buffer", upstreamBody{long: new([]byte)}, false},
	} {
		if got := test.body.mayStop(); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// TestAChunkedBodyThatIsWaitedForHasNoBuffer reads a chunk that arrives in two parts.
func TestAChunkedBodyThatIsWaitedForHasNoBuffer(t *testing.T) {
	ours, theirs := socketPair(t)
	w := &http1Work{conn: &clientConn{socket: ours, stream: ours}}
	w.head.Chunked = true
	b := &w.body
	b.begin(w)
	room := make([]byte, 100)
	for _, test := range []struct{ sent, want string }{{"5\r\nhe", "he"}, {"llo\r\n", "llo"}} {
		if data, err := b.read(room, false); !errors.Is(err, errNotReady) || len(data) > 0 || b.long != nil {
			t.Fatalf("got %q, %v and a buffer is %v; want nothing to read and no buffer", data, err, b.long != nil)
		}
		waited := make(chan int)
		go func() { waited <- b.await() }()
		if _, err := io.WriteString(theirs, test.sent); err != nil {
			t.Fatal(err)
		}
		if n := <-waited; n >= 0 || b.long != nil {
			t.Errorf("got %d bytes and a buffer is %v, want an unknown number and no buffer", n, b.long != nil)
		}
		if data, err := b.read(room, false); string(data) != test.want || err != nil {
			t.Errorf("got %q, %v; want %q", data, err, test.want)
		}
	}
	if n := b.await(); n >= 0 { // the last read has found something, and TLS might have more
		t.Errorf("got %d bytes, want an unknown number", n)
	}
	b.release()
}

// roomlessReader checks that a tunnel waits for its first byte without a buffer.
type roomlessReader struct {
	t    *testing.T
	room *tunnelRoom
	left string
}

func (r *roomlessReader) Read(p []byte) (int, error) {
	if len(p) == 1 && r.room.buffer != nil {
		r.t.Error("got a buffer while nothing comes, want none")
	}
	if r.left == "" {
		return 0, errNotReady
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

func TestATunnelOverTLSWaitsWithoutABuffer(t *testing.T) {
	ours, _ := socketPair(t)
	var room tunnelRoom
	room.limit = outBufferBytes
	room.lend() // of the previous message
	defer room.takeBack()
	for _, message := range []string{"message", "x"} {
		n, err := room.readTLS(&roomlessReader{t: t, room: &room, left: message}, ours)
		if got := string((*room.buffer)[:n]); got != message || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, message)
		}
		if ours.tryRead {
			t.Error("later reads would not wait")
		}
	}
}
