package proxy

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestWhatIsQueuedDoesNotMoveByItself queues more and more for a client that reads nothing: only data that the client's
// side has taken counts as moving (S-12.9).
func TestWhatIsQueuedDoesNotMoveByItself(t *testing.T) {
	w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
	moving := func() bool { // the result of a look in its own sweep
		w.conn.server.registry.sweeper.Clock.Add(1)
		return w.Progressed()
	}
	acknowledged := func() uint64 {
		info, err := unix.GetsockoptTCPInfo(w.conn.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		return info.Bytes_acked
	}
	write := func(n int) {
		t.Helper()
		_ = w.conn.tcp.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = w.conn.tcp.Write(make([]byte, n))
	}
	waitFor(t, "the client's side to take no more", func() bool {
		write(64 << 10)
		return w.conn.unsentBytes() > 0
	})
	unmoved := 0
	waitFor(t, "something to be queued while nothing is taken", func() bool {
		moving()
		before, taken := w.conn.unsentBytes(), acknowledged()
		write(100)
		moves, queued := moving(), w.conn.unsentBytes() > before
		if queued && acknowledged() == taken { // a probed window may open a little
			if unmoved++; moves {
				t.Fatal("a client is said to take what was only queued")
			}
		}
		return unmoved >= 10
	})
}
