package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/proxy/wording"
)

// socketPair returns the two ends of a TCP connection, one of them as a socket.
func socketPair(t *testing.T) (*socket, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	s, err := newSocket(near.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	return s, far.(*net.TCPConn)
}

func TestSocketReads(t *testing.T) {
	for _, tt := range []struct {
		name string
		far  func(t *testing.T, far *net.TCPConn)
		near func(s *socket)
		want string
		err  error
	}{
		{"it reads bytes that have arrived", func(t *testing.T, far *net.TCPConn) { far.Write([]byte("hello")) }, nil, "hello", nil},
		{"it reads the end after the peer has closed", func(t *testing.T, far *net.TCPConn) { far.Close() }, nil, "", io.EOF},
		{"a reset is an error", func(t *testing.T, far *net.TCPConn) { far.SetLinger(0); far.Close() }, nil, "", syscall.ECONNRESET},
		{"a deadline that has passed is an error", func(*testing.T, *net.TCPConn) {}, func(s *socket) { s.SetReadDeadline(pastDeadline) }, "", os.ErrDeadlineExceeded},
		{"a closed socket is an error", func(*testing.T, *net.TCPConn) {}, func(s *socket) { s.Close() }, "", net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, far := socketPair(t)
			tt.far(t, far)
			if tt.near != nil {
				tt.near(s)
			}
			p := make([]byte, 100)
			n, err := s.Read(p)
			if string(p[:n]) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v, want %q, %v", p[:n], err, tt.want, tt.err)
			}
		})
	}
}

func TestASocketWaitsForItsPeer(t *testing.T) {
	s, far := socketPair(t)
	got := make(chan string)
	go func() {
		p := make([]byte, 100)
		n, err := s.Read(p)
		got <- string(p[:n])
		if err != nil {
			t.Error(err)
		}
	}()
	if _, err := far.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "late" {
		t.Errorf("got %q, want late", text)
	}
}

func TestAReadThatMayNotWaitFindsNothingReady(t *testing.T) {
	s, far := socketPair(t)
	s.tryRead = true
	p := make([]byte, 100)
	if n, err := s.Read(p); n != 0 || err != errNotReady {
		t.Fatalf("got %d, %v, want errNotReady", n, err)
	}
	if temporary, ok := errNotReady.(interface{ Temporary() bool }); !ok || !temporary.Temporary() || errNotReady.Timeout() {
		t.Error("errNotReady has to be temporary and no timeout, or crypto/tls gives the connection up")
	}
	if _, err := far.Write([]byte("now")); err != nil {
		t.Fatal(err)
	}
	s.tryRead = false
	if n, err := s.Read(p); string(p[:n]) != "now" || err != nil {
		t.Errorf("got %q, %v, want now", p[:n], err)
	}
}

func TestASocketWritesAllThatItIsGiven(t *testing.T) {
	s, far := socketPair(t)
	want := make([]byte, 8<<20) // more than the buffers of both sides hold
	rand.Read(want)
	go func() {
		if n, err := s.Write(want); n != len(want) || err != nil {
			t.Errorf("wrote %d, %v, want %d", n, err, len(want))
		}
		s.CloseWrite()
	}()
	got, err := io.ReadAll(far)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v, want the %d that were written", len(got), err, len(want))
	}
}

func TestATryToWriteReturnsWhatThereIsNoRoomFor(t *testing.T) {
	s, far := socketPair(t)
	data := make([]byte, 32<<20)
	rand.Read(data)
	rest, err := s.TryWrite(data)
	if err != nil || len(rest) == 0 || len(rest) == len(data) {
		t.Fatalf("got a rest of %d of %d bytes, %v; want some of them written", len(rest), len(data), err)
	}
	go func() {
		if _, err := s.Write(rest); err != nil {
			t.Error(err)
		}
		s.CloseWrite()
	}()
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, %v, want all %d in order", len(got), err, len(data))
	}
}

func TestAWriteThatWaitsIsInterruptedByADeadline(t *testing.T) {
	s, _ := socketPair(t)
	done := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, 64<<20))
		done <- err
	}()
	s.SetWriteDeadline(pastDeadline)
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrDeadlineExceeded) || !isTimeout(err) {
			t.Errorf("got %v, want a timeout", err)
		}
	case <-time.After(patience):
		t.Fatal("the write was not interrupted")
	}
}

func TestAWriteToAPeerThatIsGoneNamesTheCause(t *testing.T) {
	s, far := socketPair(t)
	far.SetLinger(0)
	far.Close()
	s.Read(make([]byte, 1)) // waits for the reset
	if _, err := s.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) || wording.Cause(err) != syscall.EPIPE {
		t.Errorf("got %v, want a broken pipe", err)
	}
}

func TestWaitingBytesAreSeenAndNotTaken(t *testing.T) {
	for _, tt := range []struct {
		name    string
		far     func(far *net.TCPConn)
		waiting bool
		err     error
	}{
		{"nothing has come", func(*net.TCPConn) {}, false, nil},
		{"a byte waits", func(far *net.TCPConn) { far.Write([]byte("x")) }, true, nil},
		{"the peer has closed", func(far *net.TCPConn) { far.Close() }, false, io.EOF},
		{"the peer has reset", func(far *net.TCPConn) { far.SetLinger(0); far.Close() }, false, syscall.ECONNRESET},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, far := socketPair(t)
			tt.far(far)
			fd, err := descriptorOf(s.streamConn)
			if err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(patience)
			for {
				waiting, err := waits(fd)
				if waiting == tt.waiting && errors.Is(err, tt.err) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("got %v, %v, want %v, %v", waiting, err, tt.waiting, tt.err)
				}
			}
			if tt.waiting {
				p := make([]byte, 2)
				if n, err := s.Read(p); n != 1 || err != nil {
					t.Errorf("the byte that waited: got %d, %v, want it still there", n, err)
				}
			}
		})
	}
}
