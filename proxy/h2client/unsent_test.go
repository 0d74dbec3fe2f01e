package h2client

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/http2"
)

// stuckConn is a connection whose writes wait until it is told how they end. Reads wait for the end of the connection.
type stuckConn struct {
	net.Conn
	writes chan struct{} // gets a value when a write has begun
	ends   chan error    // what the writes return
	closed chan struct{}
	once   sync.Once
}

func (s *stuckConn) Write(p []byte) (int, error) {
	s.writes <- struct{}{}
	if err := <-s.ends; err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *stuckConn) Read([]byte) (int, error)           { <-s.closed; return 0, io.EOF }
func (s *stuckConn) SetDeadline(time.Time) error        { return nil }
func (s *stuckConn) SetReadDeadline(at time.Time) error { return s.Close() }
func (s *stuckConn) Close() error                       { s.once.Do(func() { close(s.closed) }); return nil }

// A connection that ends under requests that wait for their turn on it must not fail them: not a byte of them was sent, so that
// they may go elsewhere whatever their method (S-18.2).
func TestRequestsOfWhichNothingWasWrittenMayBeSentAgain(t *testing.T) {
	for _, test := range []struct {
		name string
		// written is how the write of the first request ends, and first whether that may then be sent again.
		written error
		first   bool
	}{
		{"a write succeeded before", nil, false},
		{"a write failed before its first byte", errors.New("broken pipe"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := &stuckConn{writes: make(chan struct{}, 10), ends: make(chan error, 10), closed: make(chan struct{})}
			c := New(conn)
			<-conn.writes // the preface
			c.mu.Lock()
			c.greeted = true
			close(c.greeting)
			c.mu.Unlock()
			first := begin(t, c, "/first")
			conn.ends <- nil // only now does the writer see the first request
			<-conn.writes
			second := begin(t, c, "/second")
			if test.written != nil {
				conn.ends <- test.written
			} else {
				_ = conn.Close() // the reader ends the connection while the write is in progress
			}
			for _, request := range []struct {
				stream *Stream
				again  bool
			}{{first, test.first}, {second, true}} {
				_, err := request.stream.ReadHead()
				var failed *Error
				if !errors.As(err, &failed) || failed.Unprocessed != request.again {
					t.Errorf("stream %d: got %#v, want one that may be sent again: %v", request.stream.id, err, request.again)
				}
				request.stream.Close()
			}
			conn.ends <- io.ErrClosedPipe // the writer's last
			<-c.Ended()
		})
	}
}

// A request that was written may have been acted on, also if the connection has not answered anything.
func TestARequestThatWasWrittenMayNotBeSentAgain(t *testing.T) {
	c, s := connect(t)
	stream := begin(t, c, "/")
	s.await(1) // its HEADERS
	_ = s.Close()
	var failed *Error
	if _, err := stream.ReadHead(); !errors.As(err, &failed) || failed.Unprocessed || failed.Reset != http2.NoError {
		t.Errorf("got %#v, want an error that leaves open whether the server has acted on it", err)
	}
	stream.Close()
}
