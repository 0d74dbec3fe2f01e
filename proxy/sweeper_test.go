package proxy

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeWatched records what the sweeper does to it.
type fakeWatched struct {
	looks, expired []phase
	// more is what extend returns, once.
	more time.Duration
	// at is when expire was called.
	at time.Time
	// forced is when overdue was called after that, each time.
	forced []time.Duration
}

func (f *fakeWatched) look(p phase) { f.looks = append(f.looks, p) }
func (f *fakeWatched) extend(phase) time.Duration {
	more := f.more
	f.more = 0
	return more
}
func (f *fakeWatched) expire(p phase) { f.expired, f.at = append(f.expired, p), time.Now() }
func (f *fakeWatched) overdue()       { f.forced = append(f.forced, time.Since(f.at)) }

// watching adds a watch for a fakeWatched.
func watching(s *sweeper) (*watch, *fakeWatched) {
	owner := new(fakeWatched)
	w := &watch{owner: owner}
	s.add(w)
	return w, owner
}

func TestADeadlineExpiresOnceAndHoldsUntilItIsForgotten(t *testing.T) {
	s := newSweeper()
	w, owner := watching(s)
	s.sweep()
	if len(owner.looks)+len(owner.expired) > 0 {
		t.Error("a watch without a phase was looked at")
	}
	if !w.set(phaseHead, time.Hour) || w.phase() != phaseHead {
		t.Fatal("the phase was not set")
	}
	s.sweep()
	if !slices.Equal(owner.looks, []phase{phaseHead}) || len(owner.expired) > 0 {
		t.Errorf("in time: looks %v, expired %v", owner.looks, owner.expired)
	}
	w.set(phaseUpstream, -time.Hour)
	s.sweep()
	s.sweep()
	if !slices.Equal(owner.expired, []phase{phaseUpstream}) {
		t.Errorf("expired %v, want the phase once", owner.expired)
	}
	if w.set(phaseBody, time.Hour) || w.phase() != phaseExpired {
		t.Error("a phase was set after the deadline had passed")
	}
	w.reset()
	if !w.set(phaseBody, time.Hour) {
		t.Error("no phase could be set after the deadline was forgotten")
	}
}

// TestWhatIsInterruptedAndDoesNotEndIsEndedByForce runs on synctest's clock.
func TestWhatIsInterruptedAndDoesNotEndIsEndedByForce(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(w *watch)
	}{
		{"by its deadline", func(*watch) {}},
		{"as idle, to make room", func(w *watch) { w.endIdle() }},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			s := newSweeper()
			w, owner := watching(s)
			w.set(phaseIdle, time.Second)
			owner.at = time.Now()
			test.end(w)
			go s.run(ctx)
			time.Sleep(30*time.Second + sweepInterval/2)
			synctest.Wait()
			if len(owner.forced) != 1 || owner.forced[0] < endTime || owner.forced[0] > 5*time.Second {
				t.Errorf("%s: forced after %v, want once within 5 s", test.name, owner.forced)
			}
			w.reset()
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if len(owner.forced) != 1 {
				t.Errorf("%s: forced again after it had ended", test.name)
			}
			stop()
		})
	}
}

func TestADeadlineIsExtendedByWhatMoved(t *testing.T) {
	s := newSweeper()
	w, owner := watching(s)
	owner.more = time.Hour
	w.set(phaseBody, -time.Hour)
	s.sweep()
	s.sweep()
	s.clock.Store(0)
	w.set(phaseBody, time.Second)
	owner.more = 2 * time.Hour
	s.sweep() // which is in time, and moves the deadline all the same
	if left := time.Duration(w.word.Load()); left < time.Hour {
		t.Errorf("the deadline is in %v", left)
	}
	if len(owner.expired) > 0 || w.phase() != phaseBody || !w.set(phaseIdle, time.Hour) {
		t.Error("the deadline passed in spite of the extension")
	}
}

func TestIdleFor(t *testing.T) {
	s := newSweeper()
	w, _ := watching(s)
	w.set(phaseHead, time.Minute)
	if _, ok := w.since(phaseIdle, time.Minute); ok {
		t.Error("idle while a head is read")
	}
	w.set(phaseIdle, time.Minute)
	for _, passed := range []time.Duration{sweepInterval, 10 * time.Second, time.Hour} {
		s.clock.Store(int64(passed))
		// The phase lies in the lowest bits, and a deadline is rounded up to the next sweep.
		if idle, ok := w.since(phaseIdle, time.Minute); !ok || (idle-passed).Abs() > sweepInterval+phaseMask {
			t.Errorf("idle for %v, want %v", idle, passed)
		}
	}
	if !w.endIdle() || w.endIdle() || w.phase() != phaseExpired {
		t.Error("the idle phase did not end, or twice")
	}
}

func TestAWatchThatIsRemovedIsLeftAlone(t *testing.T) {
	s := newSweeper()
	var watches []*watch
	var owners []*fakeWatched
	for range 5 * sweepShards {
		w, owner := watching(s)
		w.set(phaseHead, time.Hour)
		watches, owners = append(watches, w), append(owners, owner)
	}
	removed := map[int]bool{}
	for _, i := range []int{0, 79, 3, 16, 32, 48, 64, 17} { // among them a whole shard, and the last of one
		s.remove(watches[i])
		removed[i] = true
	}
	s.sweep()
	for i, owner := range owners {
		if want := !removed[i]; (len(owner.looks) == 1) != want || len(owner.looks) > 1 {
			t.Errorf("watch %d was looked at %d times, removed=%v", i, len(owner.looks), removed[i])
		}
	}
}

// countingWatched counts from the sweeper's goroutine.
type countingWatched struct{ expired atomic.Int32 }

func (*countingWatched) look(phase)                 {}
func (*countingWatched) extend(phase) time.Duration { return 0 }
func (c *countingWatched) expire(phase)             { c.expired.Add(1) }
func (c *countingWatched) overdue()                 {}

func TestEitherTheOwnerOrTheSweeperComesFirst(t *testing.T) {
	s := newSweeper()
	owner := new(countingWatched)
	w := &watch{owner: owner}
	s.add(w)
	var wonByOwner, wonBySweeper int
	for i := range 3000 {
		w.reset()
		owner.expired.Store(0)
		w.set(phaseHead, -time.Hour)
		swept := make(chan struct{})
		go func() { s.sweep(); close(swept) }()
		for range i % 50 { // so that both come first some time
			w.phase()
		}
		ok := w.set(phaseIdle, time.Hour)
		<-swept
		switch expired := owner.expired.Load(); {
		case ok && expired == 0:
			wonByOwner++
		case !ok && expired == 1:
			wonBySweeper++
		default:
			t.Fatalf("set returned %v, and expire was called %d times", ok, expired)
		}
	}
	t.Logf("the owner came first %d times, the sweeper %d times", wonByOwner, wonBySweeper)
}

func TestTheSweeperIsLateByTwoIntervalsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSweeper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.run(ctx); close(ended) }()
		for _, begin := range []time.Duration{0, 50 * time.Millisecond, 199 * time.Millisecond} {
			time.Sleep(begin)
			w, owner := watching(s)
			set := time.Now()
			w.set(phaseIdle, time.Second)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if late := owner.at.Sub(set) - time.Second; len(owner.expired) != 1 || late < 0 || late > 2*sweepInterval {
				t.Errorf("expired %d times, %v after the time-out", len(owner.expired), late)
			}
			s.remove(w)
		}
		cancel()
		<-ended
	})
}
