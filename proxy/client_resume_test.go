package proxy

import (
	"strings"
	"testing"
)

// TestWritesGoOnAfterAnInterruptionThatCameTooLate interrupts a response over HTTP/1.1 and takes the interruption back.
func TestWritesGoOnAfterAnInterruptionThatCameTooLate(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after func(c *clientConn)
		sent  bool
	}{
		{"the connection goes on", func(*clientConn) {}, true},
		{"the connection was cut", func(c *clientConn) { c.wasCut = true }, false},
		{"the connection was ended by force", func(c *clientConn) { c.forced.Store(true) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
			w.exchange.answered.Store(true)
			w.Interrupt(true)
			tt.after(w.conn)
			w.Resume()
			_ = w.Head(504, "", nil, 2, true) // End reports the error
			_, _ = w.Write([]byte("no"))
			err := w.End(nil)
			if got := w.sent(t); strings.HasSuffix(got, "\r\n\r\nno") != tt.sent || err == nil != tt.sent {
				t.Errorf("got %q (%v), want a response: %v", got, err, tt.sent)
			}
		})
	}
}

// TestAnInterimResponseThatDoesNotWaitIsWrittenWhole interrupts it before it is written.
func TestAnInterimResponseThatDoesNotWaitIsWrittenWhole(t *testing.T) {
	w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
	w.Interrupt(true)
	if err := w.Inform(103, "", nil); err != nil {
		t.Error(err)
	}
	if got, want := w.sent(t), "HTTP/1.1 103 Early Hints\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAStreamGoesOnAfterAnInterruptionThatCameTooLate does the same over HTTP/2.
func TestAStreamGoesOnAfterAnInterruptionThatCameTooLate(t *testing.T) {
	h := batchesConn(t, &connRegistry{})
	s := &h2Stream{conn: h}
	s.h2Body.reset(&h.mu)
	s.h2Pending.reset(&h.mu)
	s.Interrupt(true)
	if s.blocked() == nil {
		t.Error("got writes that go on after the interruption")
	}
	s.Resume()
	if err := s.blocked(); err != nil {
		t.Errorf("got writes that end with %v, want them to go on", err)
	}
	s.Interrupt(true)
	if s.gone = true; s.blocked() == nil {
		t.Error("got writes to a stream that is gone")
	}
}
