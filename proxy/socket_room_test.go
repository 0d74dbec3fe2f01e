package proxy

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"
)

// fill writes to a socket until the kernel takes no more.
func fill(t *testing.T, s *socket) {
	t.Helper()
	part := make([]byte, 64<<10)
	for {
		rest, err := s.TryWrite(part)
		if err != nil {
			t.Fatal(err)
		}
		if len(rest) > 0 {
			return
		}
	}
}

func TestASocketHasRoomUntilItsPeerReadsNothing(t *testing.T) {
	ours, theirs := socketPair(t)
	fd, err := descriptorOf(ours.streamConn)
	if err != nil {
		t.Fatal(err)
	}
	if !hasRoom(uintptr(fd)) {
		t.Fatal("got no room in an empty socket")
	}
	fill(t, ours)
	if hasRoom(uintptr(fd)) {
		t.Fatal("got room in a full socket")
	}
	waited := make(chan error, 1)
	go func() { waited <- ours.awaitRoom() }()
	waitFor(t, "the wait to count as a write", func() bool { return ours.writing.Load() && ours.blocked.Load() })
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		room := make([]byte, 1<<20)
		for {
			if _, err := theirs.Read(room); err != nil {
				return
			}
		}
	}()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if ours.writing.Load() || ours.blocked.Load() {
		t.Error("got a write in progress after the wait")
	}
	_ = ours.Close()
	<-drained
}

func TestADeadlineEndsTheWaitForRoom(t *testing.T) {
	ours, _ := socketPair(t)
	fill(t, ours)
	if err := ours.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := ours.awaitRoom(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}

func TestASocketIsAskedForRoomOnceInAWhile(t *testing.T) {
	ours, _ := socketPair(t)
	fd, err := descriptorOf(ours.streamConn)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, ours)
	c := &clientTLS{socket: ours, fd: fd}
	for _, test := range []struct {
		written int
		want    bool
	}{{0, false}, {roomEvery - 1, false}, {1, true}, {0, false}, {roomEvery, true}} {
		c.unasked += test.written
		if got := c.isFull(); got != test.want {
			t.Errorf("after %d more bytes: got full is %v, want %v", test.written, got, test.want)
		}
	}
}

func TestBytesAreAwaitedWithoutReadingThem(t *testing.T) {
	ours, theirs := socketPair(t)
	waited := make(chan error, 1)
	go func() { waited <- ours.awaitBytes() }()
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	var one [2]byte
	if n, err := ours.Read(one[:]); !bytes.Equal(one[:n], []byte("x")) || err != nil {
		t.Errorf("got %q, %v; want the byte that was awaited", one[:n], err)
	}
	_ = theirs.Close()
	if err := ours.awaitBytes(); err != nil { // the end of the connection can be read
		t.Error(err)
	}
}
