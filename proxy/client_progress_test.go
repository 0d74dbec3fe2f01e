package proxy

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/deadline"
)

// TestWhatIsQueuedDoesNotMoveByItself queues more and more data for a client that reads nothing. Only data that the
// client has taken counts as progress (S-12.9).
func TestWhatIsQueuedDoesNotMoveByItself(t *testing.T) {
	w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
	moving := func() bool { // each call is in its own sweep
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
		_, _ = w.conn.socket.Write(make([]byte, n))
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

// fakeTaken is a connection that counts how often it is looked at.
type fakeTaken struct {
	taken uint64
	all   bool
	looks int
}

func (f *fakeTaken) takenBytes() (taken uint64, all, ok bool) {
	f.looks++
	return f.taken, f.all, true
}

// TestAClientThatHasTakenAllIsNotLookedAt bounds the number of system calls of an exchange that waits: in a stream of
// events, nothing is written during most sweeps.
func TestAClientThatHasTakenAllIsNotLookedAt(t *testing.T) {
	p, from := clientProgress{}, &fakeTaken{}
	now, written := int64(0), uint64(0)
	sweep := func() bool {
		now++
		moved := p.sweep(now, written, from)
		if again := p.sweep(now, written, from); again != moved {
			t.Fatalf("two answers in one sweep: %v and %v", moved, again)
		}
		return moved
	}
	sweep()
	for step, c := range []struct {
		written, taken uint64
		all            bool
		moves          bool
		looks          int
	}{
		{0, 0, true, false, 1},     // nothing was written
		{0, 0, true, false, 0},     // and still is not
		{100, 0, false, false, 1},  // an event is on its way
		{100, 60, false, true, 1},  // a part of it was taken
		{100, 60, false, false, 1}, // the rest takes its time, so it is looked for
		{100, 100, true, true, 1},  // the rest was taken
		{100, 100, true, false, 0}, // nothing can move any more
		{100, 100, true, false, 0},
		{200, 200, true, true, 1}, // the next event was taken at once
		{200, 200, true, false, 0},
	} {
		written, from.taken, from.all, from.looks = c.written, c.taken, c.all, 0
		if got := sweep(); got != c.moves || from.looks != c.looks {
			t.Errorf("step %d: got %v with %d looks, want %v with %d", step, got, from.looks, c.moves, c.looks)
		}
	}
}

// TestWhatWasWrittenIsCounted compares the count with what the kernel has taken.
func TestWhatWasWrittenIsCounted(t *testing.T) {
	w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
	before, taken := w.conn.socket.written.Load(), func() bool {
		_, all, ok := w.conn.takenBytes()
		return all && ok
	}
	if n, err := w.conn.socket.Write(make([]byte, 1000)); n != 1000 || err != nil {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
	if got := w.conn.socket.written.Load() - before; got != 1000 {
		t.Errorf("%d bytes are counted, want 1000", got)
	}
	waitFor(t, "the client's side to take all", taken)
}

// TestAClientThatHasTakenEverythingRests bounds the cost of a silent stream of events or a silent tunnel: one
// look a second, and not one in each sweep.
func TestAClientThatHasTakenEverythingRests(t *testing.T) {
	for _, phase := range []deadline.Phase{deadline.PhaseUpstream, deadline.PhaseBody, deadline.PhaseTunnel} {
		w := newWorkTest(t, Request{Method: "GET", Protocol: HTTP11})
		w.conn.work = w.http1Work
		w.exchange.answered.Store(phase != deadline.PhaseUpstream)
		sweeper := w.conn.server.registry.sweeper
		sweeper.Add(&w.conn.timer)
		w.exchange.timer = &w.conn.timer
		w.exchange.client = w.http1Work
		w.exchange.body.ended.Store(true)
		look := func() time.Duration { // each call is in its own sweep
			sweeper.Clock.Add(int64(deadline.Interval))
			if !w.conn.timer.Set(phase, time.Hour) {
				t.Fatal("the deadline has passed")
			}
			rest := w.conn.Look(phase)
			w.conn.progressed() // as in Extend
			return rest
		}
		waitFor(t, "a rest for a client that has taken everything", func() bool {
			return look() > deadline.Interval
		})
		for range 20 {
			look()
		}
		if rest := look(); rest > mostBetweenChecks {
			t.Errorf("phase %d: a rest of %v, want at most %v", phase, rest, mostBetweenChecks)
		}
		if _, err := w.conn.socket.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if rest := look(); rest != 0 {
			t.Errorf("phase %d: a rest of %v while the client may not have taken what was written", phase, rest)
		}
		waitFor(t, "the client's side to take it", func() bool { return w.conn.allTaken() || look() < 0 })
		w.conn.socket.writing.Store(true)
		if rest := look(); rest != 0 {
			t.Errorf("phase %d: a rest of %v during a write", phase, rest)
		}
	}
}
