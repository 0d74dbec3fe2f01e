package deadline

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
	looks, expired []Phase
	// more is what Extend returns, once.
	more time.Duration
	// at is when Expire was called.
	at time.Time
	// forced holds how long after that each call of Overdue came.
	forced []time.Duration
}

func (f *fakeWatched) Look(p Phase) { f.looks = append(f.looks, p) }
func (f *fakeWatched) Extend(Phase) time.Duration {
	more := f.more
	f.more = 0
	return more
}
func (f *fakeWatched) Expire(p Phase) { f.expired, f.at = append(f.expired, p), time.Now() }
func (f *fakeWatched) Overdue()       { f.forced = append(f.forced, time.Since(f.at)) }

// watching adds a timer for a fakeWatched.
func watching(s *Sweeper) (*Timer, *fakeWatched) {
	owner := new(fakeWatched)
	w := &Timer{Owner: owner}
	s.Add(w)
	return w, owner
}

func TestADeadlineExpiresOnceAndHoldsUntilItIsForgotten(t *testing.T) {
	s := NewSweeper()
	w, owner := watching(s)
	s.Sweep()
	if len(owner.looks)+len(owner.expired) > 0 {
		t.Error("a timer without a phase was looked at")
	}
	if !w.Set(PhaseHead, time.Hour) || w.Phase() != PhaseHead {
		t.Fatal("the phase was not set")
	}
	s.Sweep()
	if !slices.Equal(owner.looks, []Phase{PhaseHead}) || len(owner.expired) > 0 {
		t.Errorf("in time: looks %v, expired %v", owner.looks, owner.expired)
	}
	w.Set(PhaseUpstream, -time.Hour)
	s.Sweep()
	s.Sweep()
	if !slices.Equal(owner.expired, []Phase{PhaseUpstream}) {
		t.Errorf("expired %v, want the phase once", owner.expired)
	}
	if w.Set(PhaseBody, time.Hour) || w.Phase() != PhaseExpired {
		t.Error("a phase was set after the deadline had passed")
	}
	w.Reset()
	if !w.Set(PhaseBody, time.Hour) {
		t.Error("no phase could be set after the deadline was forgotten")
	}
}

// TestWhatIsInterruptedAndDoesNotEndIsEndedByForce runs on synctest's clock.
func TestWhatIsInterruptedAndDoesNotEndIsEndedByForce(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(w *Timer)
	}{
		{"by its deadline", func(*Timer) {}},
		{"as idle, to make room", func(w *Timer) { w.EndIdle() }},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			s := NewSweeper()
			w, owner := watching(s)
			w.Set(PhaseIdle, time.Second)
			owner.at = time.Now()
			test.end(w)
			go s.Run(ctx)
			time.Sleep(30*time.Second + Interval/2)
			synctest.Wait()
			if len(owner.forced) != 1 || owner.forced[0] < endTime || owner.forced[0] > 5*time.Second {
				t.Errorf("%s: forced after %v, want once within 5 s", test.name, owner.forced)
			}
			w.Reset()
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
	s := NewSweeper()
	w, owner := watching(s)
	owner.more = time.Hour
	w.Set(PhaseBody, -time.Hour)
	s.Sweep()
	s.Sweep()
	s.Clock.Store(0)
	w.Set(PhaseBody, time.Second)
	owner.more = 2 * time.Hour
	s.Sweep() // which is in time, and still moves the deadline
	if left := time.Duration(w.word.Load()); left < time.Hour {
		t.Errorf("the deadline is in %v", left)
	}
	if len(owner.expired) > 0 || w.Phase() != PhaseBody || !w.Set(PhaseIdle, time.Hour) {
		t.Error("the deadline passed in spite of the extension")
	}
}

func TestIdleFor(t *testing.T) {
	s := NewSweeper()
	w, _ := watching(s)
	w.Set(PhaseHead, time.Minute)
	if _, ok := w.Since(PhaseIdle, time.Minute); ok {
		t.Error("idle while a head is read")
	}
	w.Set(PhaseIdle, time.Minute)
	for _, passed := range []time.Duration{Interval, 10 * time.Second, time.Hour} {
		s.Clock.Store(int64(passed))
		// The phase is in the lowest bits, and a deadline is rounded up to the next sweep.
		if idle, ok := w.Since(PhaseIdle, time.Minute); !ok || (idle-passed).Abs() > Interval+phaseMask {
			t.Errorf("idle for %v, want %v", idle, passed)
		}
	}
	if !w.EndIdle() || w.EndIdle() || w.Phase() != PhaseExpired {
		t.Error("the idle phase did not end, or twice")
	}
}

func TestAWatchThatIsRemovedIsLeftAlone(t *testing.T) {
	s := NewSweeper()
	var timers []*Timer
	var owners []*fakeWatched
	for range 5 * sweepShards {
		w, owner := watching(s)
		w.Set(PhaseHead, time.Hour)
		timers, owners = append(timers, w), append(owners, owner)
	}
	removed := map[int]bool{}
	for _, i := range []int{0, 79, 3, 16, 32, 48, 64, 17} { // they include a whole shard, and the last entry of one
		s.Remove(timers[i])
		removed[i] = true
	}
	s.Sweep()
	for i, owner := range owners {
		if want := !removed[i]; (len(owner.looks) == 1) != want || len(owner.looks) > 1 {
			t.Errorf("watch %d was looked at %d times, removed=%v", i, len(owner.looks), removed[i])
		}
	}
}

// countingWatched counts from the sweeper's goroutine.
type countingWatched struct{ expired atomic.Int32 }

func (*countingWatched) Look(Phase)                 {}
func (*countingWatched) Extend(Phase) time.Duration { return 0 }
func (c *countingWatched) Expire(Phase)             { c.expired.Add(1) }
func (c *countingWatched) Overdue()                 {}

func TestEitherTheOwnerOrTheSweeperComesFirst(t *testing.T) {
	s := NewSweeper()
	owner := new(countingWatched)
	w := &Timer{Owner: owner}
	s.Add(w)
	var wonByOwner, wonBySweeper int
	for i := range 3000 {
		w.Reset()
		owner.expired.Store(0)
		w.Set(PhaseHead, -time.Hour)
		swept := make(chan struct{})
		go func() { s.Sweep(); close(swept) }()
		for range i % 50 { // so that each comes first some of the time
			w.Phase()
		}
		ok := w.Set(PhaseIdle, time.Hour)
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
		s := NewSweeper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		for _, begin := range []time.Duration{0, 50 * time.Millisecond, 199 * time.Millisecond} {
			time.Sleep(begin)
			w, owner := watching(s)
			set := time.Now()
			w.Set(PhaseIdle, time.Second)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if late := owner.at.Sub(set) - time.Second; len(owner.expired) != 1 || late < 0 || late > 2*Interval {
				t.Errorf("expired %d times, %v after the time-out", len(owner.expired), late)
			}
			s.Remove(w)
		}
		cancel()
		<-ended
	})
}
