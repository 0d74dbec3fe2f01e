//go:build linux

package origin

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketRequest asks for a WebSocket, with the key of RFC 6455's example.
const socketRequest = "GET /socket HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func TestASocketSendsMessagesBack(t *testing.T) {
	conn, r := dial(t, serve(t))
	// The first message comes with the handshake, the second in two parts.
	message := Message(true)
	for _, part := range [][]byte{append([]byte(socketRequest), message...), message[:5], message[5:]} {
		if _, err := conn.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != 101 || response.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("got %v, %v, want 101 with the accept value of RFC 6455", response, err)
	}
	for range 2 {
		back := make([]byte, len(Message(false)))
		if _, err := io.ReadFull(r, back); err != nil || !bytes.Equal(back, Message(false)) {
			t.Errorf("got %x, %v, want the message", back, err)
		}
	}
}

func TestAnotherMessageEndsTheSocket(t *testing.T) {
	conn, r := dial(t, serve(t))
	if _, err := io.WriteString(conn, socketRequest+"\x82\x80\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 101 {
		t.Fatalf("got %v, %v, want 101", response, err)
	}
	if b, err := r.ReadByte(); err != io.EOF {
		t.Errorf("got the byte %q and %v, want the end", b, err)
	}
}

func TestMessagesAreThoseOfRFC6455(t *testing.T) {
	for masked, want := range map[bool]int{true: 8, false: 4} {
		if got := Message(masked); len(got) != want+200 || got[1]&0x80 != 0 != masked {
			t.Errorf("masked %v: got %x, want a head of %d bytes and 200 more", masked, got, want)
		}
	}
}

func TestEventsComeAsChunks(t *testing.T) {
	conn, r := dial(t, serve(t))
	if _, err := io.WriteString(conn, "GET /events HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %v, %v, want a stream of events", response, err)
	}
	event := make([]byte, len(Event))
	if _, err := io.ReadFull(bufio.NewReader(response.Body), event); err != nil || string(event) != Event {
		t.Errorf("got %q, %v, want the event", event, err)
	}
}

// socketPair returns a connection of a server, and the end of the client.
func socketPair(t *testing.T, s *server) (*conn, int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(pair[1]) })
	c := &conn{fd: pair[0]}
	s.conns[int32(c.fd)] = c
	return c, pair[1]
}

// TestEventsAreSentWhenTheyAreDue looks at the queue on a clock of its own.
func TestEventsAreSentWhenTheyAreDue(t *testing.T) {
	s := &server{answers: newAnswers(), conns: map[int32]*conn{}}
	gone, _ := socketPair(t, s)
	stays, client := socketPair(t, s)
	begin := time.Unix(1000, 0)
	s.subscriptions = []subscription{{gone, begin}, {stays, begin.Add(time.Millisecond)}}
	s.end(gone)
	if wait := s.publish(begin, time.Minute); wait != time.Millisecond {
		t.Errorf("got a wait of %v, want 1ms for the one that stays", wait)
	}
	if wait := s.publish(begin.Add(time.Millisecond), time.Minute); wait != eventInterval {
		t.Errorf("got a wait of %v, want the interval after an event", wait)
	}
	if wait := s.publish(begin.Add(time.Millisecond), time.Millisecond); wait != time.Millisecond {
		t.Errorf("got a wait of %v, want at most 1ms", wait)
	}
	buf := make([]byte, 1000)
	if n, err := unix.Read(client, buf); err != nil || string(buf[:n]) != string(eventChunk()) {
		t.Errorf("got %q, %v, want one event", buf[:max(n, 0)], err)
	}
	s.end(stays)
}
