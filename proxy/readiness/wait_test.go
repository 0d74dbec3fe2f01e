package readiness

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// sleeper is an Owner whose goroutine reads once at a time.
type sleeper struct {
	wait    Wait
	conn    *net.TCPConn
	results chan result
	slept   atomic.Int32
}

type result struct {
	text string
	err  error
}

func (s *sleeper) Sleep()  { s.slept.Add(1) }
func (s *sleeper) Resume() { go s.read() }

func (s *sleeper) read() {
	p := make([]byte, 10)
	n, err := s.wait.Read(s.conn, p)
	if err != ErrDormant {
		s.results <- result{string(p[:n]), err}
	}
}

// startSleeper returns a sleeper that waits in Read, and the other end of its connection.
func startSleeper(t *testing.T, poller *Poller) (*sleeper, net.Conn) {
	t.Helper()
	socket, conn, other := pair(t)
	s := &sleeper{conn: conn.(*net.TCPConn), results: make(chan result, 1)}
	s.wait.Init(poller, s, s.conn, socket)
	go s.read()
	until(t, "a read", s.wait.IsWaiting)
	return s, other
}

// until waits until holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 10 s", what)
		}
	}
}

// want checks what the read has returned.
func (s *sleeper) want(t *testing.T, text string, err error) {
	t.Helper()
	select {
	case got := <-s.results:
		if got.text != text || !errors.Is(got.err, err) {
			t.Errorf("got %q, %v, want %q, %v", got.text, got.err, text, err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the read has not returned within 10 s")
	}
}

func TestADormantConnectionResumes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(s *sleeper, other net.Conn)
		text string
		err  error
	}{
		{"when bytes arrive", func(_ *sleeper, other net.Conn) { _, _ = other.Write([]byte("hello")) }, "hello", nil},
		{"when its read is interrupted", func(s *sleeper, _ net.Conn) { s.wait.EndRead() }, "", os.ErrDeadlineExceeded},
		{"when its reads and writes are interrupted", func(s *sleeper, _ net.Conn) { s.wait.EndReadAndWrite() }, "", os.ErrDeadlineExceeded},
		{"once, when both happen", func(s *sleeper, _ net.Conn) { s.wait.EndRead(); s.wait.Ready() }, "", os.ErrDeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			poller := startPoller(t)
			s, other := startSleeper(t, poller)
			s.wait.Ask()
			until(t, "dormancy", func() bool { return poller.Len() == 1 && s.slept.Load() == 1 })
			tt.do(s, other)
			s.want(t, tt.text, tt.err)
			if n := poller.Len(); n != 0 {
				t.Errorf("%d sockets are still watched", n)
			}
			s.wait.UndoReadAndWrite()
			go s.read()
			until(t, "a read", s.wait.IsWaiting)
			if _, err := other.Write([]byte("again")); err != nil {
				t.Fatal(err)
			}
			s.want(t, "again", nil)
		})
	}
}

// The goroutine meets the deadline of Ask, and the interruption that came just before has not set its own yet.
func TestAnInterruptionThatAskOvertakesIsNotLost(t *testing.T) {
	poller := startPoller(t)
	s, _ := startSleeper(t, poller)
	s.wait.interrupted.Store(true)
	s.wait.Ask()
	s.want(t, "", os.ErrDeadlineExceeded)
	if s.slept.Load() != 0 || poller.Len() != 0 {
		t.Error("the connection became dormant")
	}
}

// The bytes arrive after Ask has found the goroutine waiting, and before it sets the deadline.
func TestBytesThatArriveDuringAskAreRead(t *testing.T) {
	s, other := startSleeper(t, startPoller(t))
	s.wait.at.Store(asking)
	if _, err := other.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = s.conn.SetReadDeadline(past) // the read may have met it or the bytes
	s.wait.at.Store(asked)
	select {
	case got := <-s.results:
		if got.text != "hello" || got.err != nil {
			t.Errorf("got %q, %v", got.text, got.err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the bytes were not read within 10 s")
	}
	go s.read()
	until(t, "a read", s.wait.IsWaiting) // the deadline no longer holds
	if _, err := other.Write([]byte("again")); err != nil {
		t.Fatal(err)
	}
	s.want(t, "again", nil)
}

func TestAConnectionThatCannotBeWatchedStaysAwake(t *testing.T) {
	closed, err := New()
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.epoll.Close()
	for name, poller := range map[string]*Poller{"there is no poller": nil, "the poller has ended": closed} {
		t.Run(name, func(t *testing.T) {
			s, other := startSleeper(t, poller)
			s.wait.Ask()
			until(t, "a read", s.wait.IsWaiting)
			if _, err := other.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			s.want(t, "hello", nil)
			if s.slept.Load() != 0 {
				t.Error("the connection became dormant")
			}
		})
	}
}
