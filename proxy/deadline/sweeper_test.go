package deadline

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeOwner records how the sweeper calls it.
type fakeOwner struct {
	looks, expired []Phase
	// rest is what Look returns.
	rest time.Duration
	// more is what Extend returns, once.
	more time.Duration
	// at is when Expire was called.
	at time.Time
	// forced holds how long after at each call of Overdue came.
	forced []time.Duration
}

func (f *fakeOwner) Look(p Phase) time.Duration {
	f.looks = append(f.looks, p)
	return f.rest
}
func (f *fakeOwner) Extend(Phase) time.Duration {
	more := f.more
	f.more = 0
	return more
}
func (f *fakeOwner) Expire(p Phase) { f.expired, f.at = append(f.expired, p), time.Now() }
func (f *fakeOwner) Overdue()       { f.forced = append(f.forced, time.Since(f.at)) }

// addTimer adds a timer for a fakeOwner.
func addTimer(s *Sweeper) (*Timer, *fakeOwner) {
	owner := new(fakeOwner)
	timer := &Timer{Owner: owner}
	s.Add(timer)
	return timer, owner
}

func TestADeadlineExpiresOnceAndLastsUntilReset(t *testing.T) {
	s := NewSweeper()
	timer, owner := addTimer(s)
	s.Sweep()
	if len(owner.looks)+len(owner.expired) > 0 {
		t.Error("a timer without a phase was looked at")
	}
	if !timer.Set(PhaseHead, time.Hour) || timer.Phase() != PhaseHead {
		t.Fatal("the phase was not set")
	}
	s.Sweep()
	if !slices.Equal(owner.looks, []Phase{PhaseHead}) || len(owner.expired) > 0 {
		t.Errorf("in time: looks %v, expired %v", owner.looks, owner.expired)
	}
	timer.Set(PhaseUpstream, -time.Hour)
	s.Sweep()
	s.Sweep()
	if !slices.Equal(owner.expired, []Phase{PhaseUpstream}) {
		t.Errorf("expired %v, want the phase once", owner.expired)
	}
	if timer.Set(PhaseBody, time.Hour) || timer.Phase() != PhaseExpired {
		t.Error("a phase was set after the deadline had passed")
	}
	timer.Reset()
	if !timer.Set(PhaseBody, time.Hour) {
		t.Error("no phase could be set after a reset")
	}
}

// TestAnOwnerThatDoesNotEndIsEndedByForce runs on synctest's clock.
func TestAnOwnerThatDoesNotEndIsEndedByForce(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(timer *Timer)
	}{
		{"it ends by its deadline", func(*Timer) {}},
		{"it ends as idle, to make room", func(timer *Timer) { timer.EndIdle() }},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			s := NewSweeper()
			timer, owner := addTimer(s)
			timer.Set(PhaseIdle, time.Second)
			owner.at = time.Now()
			test.end(timer)
			go s.Run(ctx)
			time.Sleep(30*time.Second + Interval/2)
			synctest.Wait()
			if len(owner.forced) != 1 || owner.forced[0] < endTime || owner.forced[0] > 5*time.Second {
				t.Errorf("%s: forced after %v, want once within 5 s", test.name, owner.forced)
			}
			timer.Reset()
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if len(owner.forced) != 1 {
				t.Errorf("%s: forced again after it had ended", test.name)
			}
			stop()
		})
	}
}

func TestProgressExtendsADeadline(t *testing.T) {
	s := NewSweeper()
	timer, owner := addTimer(s)
	owner.more = time.Hour
	timer.Set(PhaseBody, -time.Hour)
	s.Sweep()
	s.Sweep()
	s.Clock.Store(0)
	timer.Set(PhaseBody, time.Second)
	owner.more = 2 * time.Hour
	s.Sweep() // the deadline has not passed, but Extend moves it
	if left := time.Duration(timer.word.Load()); left < time.Hour {
		t.Errorf("got a deadline in %v", left)
	}
	if len(owner.expired) > 0 || timer.Phase() != PhaseBody || !timer.Set(PhaseIdle, time.Hour) {
		t.Error("the deadline passed in spite of the extension")
	}
}

func TestSince(t *testing.T) {
	s := NewSweeper()
	timer, _ := addTimer(s)
	timer.Set(PhaseHead, time.Minute)
	if _, ok := timer.Since(PhaseIdle, time.Minute); ok {
		t.Error("idle while a head is read")
	}
	timer.Set(PhaseIdle, time.Minute)
	for _, passed := range []time.Duration{Interval, 10 * time.Second, time.Hour} {
		s.Clock.Store(int64(passed))
		// The phase is in the lowest bits, and a deadline is rounded up to the next sweep.
		if idle, ok := timer.Since(PhaseIdle, time.Minute); !ok || (idle-passed).Abs() > Interval+phaseMask {
			t.Errorf("idle for %v, want %v", idle, passed)
		}
	}
	if !timer.EndIdle() || timer.EndIdle() || timer.Phase() != PhaseExpired {
		t.Error("the idle phase did not end exactly once")
	}
}

func TestARemovedTimerIsNotSwept(t *testing.T) {
	s := NewSweeper()
	var timers []*Timer
	var owners []*fakeOwner
	for range 5 * sweepShards {
		timer, owner := addTimer(s)
		timer.Set(PhaseHead, time.Hour)
		timers, owners = append(timers, timer), append(owners, owner)
	}
	removed := map[int]bool{}
	for _, i := range []int{0, 79, 3, 16, 32, 48, 64, 17} { // these include a whole shard, and the last entry of a shard
		s.Remove(timers[i])
		removed[i] = true
	}
	s.Sweep()
	for i, owner := range owners {
		if want := !removed[i]; (len(owner.looks) == 1) != want || len(owner.looks) > 1 {
			t.Errorf("timer %d: got %d looks, removed: %v", i, len(owner.looks), removed[i])
		}
	}
}

// countingOwner counts calls on the sweeper's goroutine.
type countingOwner struct{ expired atomic.Int32 }

func (*countingOwner) Look(Phase) time.Duration   { return 0 }
func (*countingOwner) Extend(Phase) time.Duration { return 0 }
func (c *countingOwner) Expire(Phase)             { c.expired.Add(1) }
func (c *countingOwner) Overdue()                 {}

func TestEitherTheOwnerOrTheSweeperComesFirst(t *testing.T) {
	s := NewSweeper()
	owner := new(countingOwner)
	timer := &Timer{Owner: owner}
	s.Add(timer)
	var wonByOwner, wonBySweeper int
	for i := range 3000 {
		timer.Reset()
		owner.expired.Store(0)
		timer.Set(PhaseHead, -time.Hour)
		swept := make(chan struct{})
		go func() { s.Sweep(); close(swept) }()
		for range i % 50 { // each comes first some of the time
			timer.Phase()
		}
		ok := timer.Set(PhaseIdle, time.Hour)
		<-swept
		switch expired := owner.expired.Load(); {
		case ok && expired == 0:
			wonByOwner++
		case !ok && expired == 1:
			wonBySweeper++
		default:
			t.Fatalf("Set returned %v, and Expire was called %d times", ok, expired)
		}
	}
	t.Logf("the owner came first %d times, the sweeper %d times", wonByOwner, wonBySweeper)
}

func TestTheSweeperIsAtMostTwoIntervalsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSweeper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		for _, begin := range []time.Duration{0, 50 * time.Millisecond, 199 * time.Millisecond} {
			time.Sleep(begin)
			timer, owner := addTimer(s)
			set := time.Now()
			timer.Set(PhaseIdle, time.Second)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if late := owner.at.Sub(set) - time.Second; len(owner.expired) != 1 || late < 0 || late > 2*Interval {
				t.Errorf("expired %d times, %v after the timeout", len(owner.expired), late)
			}
			s.Remove(timer)
		}
		cancel()
		<-ended
	})
}

func TestAnOwnerRestsUntilItsDeadlineIsSetAnew(t *testing.T) {
	const rest, far = time.Second, time.Hour
	for _, test := range []struct {
		name string
		// before prepares for the second sweep, which is at the time at.
		before func(timer *Timer)
		at     time.Duration
		want   bool
	}{
		{"it is not looked at before the rest has passed", func(*Timer) {}, rest - 1, false},
		{"it is looked at after the rest", func(*Timer) {}, rest, true},
		{"a later deadline ends the rest", func(timer *Timer) { timer.Set(PhaseBody, far+time.Second) }, rest / 2, true},
		{"another phase ends the rest", func(timer *Timer) { timer.Set(PhaseTunnel, far) }, rest / 2, true},
		{"a shorter deadline ends the rest", func(timer *Timer) { timer.Shorten(PhaseBody, time.Minute) }, rest / 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			timer, owner := addTimer(NewSweeper())
			timer.Set(PhaseBody, far)
			owner.rest = rest
			timer.Check(0)
			test.before(timer)
			timer.Check(int64(test.at))
			if got := len(owner.looks) == 2; got != test.want || len(owner.expired) > 0 {
				t.Errorf("%d looks and %d expiries in two sweeps, want a second look: %v", len(owner.looks), len(owner.expired), test.want)
			}
		})
	}
	t.Run("a deadline that passes within the rest ends the owner", func(t *testing.T) {
		timer, owner := addTimer(NewSweeper())
		timer.Set(PhaseBody, time.Second)
		owner.rest = far
		timer.Check(0)
		timer.Check(int64(time.Second + 2*Interval))
		if len(owner.expired) != 1 {
			t.Error("the deadline did not pass")
		}
	})
	t.Run("an owner that makes progress is looked at again", func(t *testing.T) {
		timer, owner := addTimer(NewSweeper())
		timer.Set(PhaseBody, time.Second)
		owner.rest, owner.more = rest, time.Millisecond // too little to move the deadline
		timer.Check(0)
		timer.Check(1)
		if len(owner.looks) != 2 {
			t.Errorf("%d looks in two sweeps, want 2", len(owner.looks))
		}
	})
}
