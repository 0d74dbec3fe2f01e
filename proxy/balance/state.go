package balance

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// failuresInRow is how many failed connections in a row take an upstream out of service (S-18.5).
	failuresInRow = 5
	// firstPause is how long such an upstream receives no requests. The pause doubles each time that a request has
	// tried it without success, up to lastPause.
	firstPause = 10 * time.Second
	lastPause  = 5 * time.Minute
	// trialTime is how long a request that tries such an upstream keeps others from doing so. The request itself may
	// last much longer, for example because its client sends the body slowly.
	trialTime = 3 * time.Second
	// slowStart is the time over which an upstream that is back in service grows to its full share.
	slowStart = 10 * time.Second
)

// These are the reasons why an upstream receives no requests, as bits.
const (
	// outFailing is set after failuresInRow failed connections.
	outFailing uint32 = 1 << iota
	// outUnhealthy is set after as many failed checks in a row as `fall` says.
	outUnhealthy
	// outStarting is set until the first check of a new upstream has succeeded, or the time for it is over.
	outStarting
	// outDrained is set by an operator's order.
	outDrained

	outDown = outFailing | outUnhealthy
)

// Site identifies a site over reloads.
type Site struct {
	// Listener is the index of the running listener.
	Listener int
	Host     string
}

// Key identifies the state of an upstream (S-18.3).
type Key struct {
	Site
	// Address is where the upstream is. Via is the protocol, as in "http".
	Address, Via string
	// Connection distinguishes connections that are made differently, such as those that trust different CAs.
	Connection string
	Check
}

// Check says how checks decide whether an upstream is in service. The zero value means that there are no checks.
type Check struct {
	// What describes what is checked. Checks with different descriptions are different.
	What     string
	Interval time.Duration
	// Rise is how many checks in a row must succeed to put an upstream back in service. Fall is how many must fail to
	// take it out.
	Rise, Fall int
}

// State is what is known about one upstream of a site. Choices read the atomic fields without a lock.
type State struct {
	of   *Registry
	key  Key
	hash uint64

	// out holds the reasons why the upstream is out of service. It is usually 0.
	out atomic.Uint32
	// backSince is when the upstream came back in service. It is 0 once the upstream receives its full share. All times
	// in this struct that are numbers are on the registry's clock.
	backSince atomic.Int64
	// tryAt is when one request may try a failing upstream. trying is when the latest such request began, or 0 if there
	// is none.
	tryAt, trying atomic.Int64
	// readyAt is when outStarting ends.
	readyAt atomic.Int64
	// failed counts the failed connections since the last successful one.
	failed atomic.Int32
	*tally

	mu sync.Mutex
	// pause is the current pause of a failing upstream.
	pause time.Duration
	// good and bad count the latest checks in a row that have succeeded or failed.
	good, bad int
	// since is when the upstream last went out of service or came back, or else when it was first known.
	since   time.Time
	lastErr error
	errAt   time.Time
	// drainedSince is when an operator drained the upstream, or zero.
	drainedSince time.Time
}

// newState returns the state of a new upstream. Without a check it is in service at once.
func newState(of *Registry, key Key, numbers *tally) *State {
	now := of.clock()
	s := &State{of: of, key: key, hash: hashText(key.Address), since: now, tally: numbers}
	if key.What != "" {
		s.readyAt.Store(of.ticks(now.Add(key.Interval)))
		s.out.Store(outStarting)
	}
	return s
}

// Key returns the identity of the state.
func (s *State) Key() Key { return s.key }

// serves reports whether the upstream is in service at now. A failing upstream may get one request that tries it.
func (s *State) serves(now int64) bool {
	switch out := s.out.Load(); {
	case out == 0:
		return true
	case out == outFailing:
		return now >= s.tryAt.Load() && !s.isTried(now)
	case out == outStarting:
		return now >= s.readyAt.Load()
	}
	return false
}

// isTried reports whether a request has been trying the upstream for less than trialTime.
func (s *State) isTried(now int64) bool {
	began := s.trying.Load()
	return began != 0 && now-began < int64(trialTime)
}

// beginTrial begins a trial of a failing upstream by one request. It returns the number of the trial, or 0 if another
// request is already trying the upstream.
func (s *State) beginTrial(now int64) (trial int64) {
	before := s.trying.Load()
	trial = max(1, now)
	if s.isTried(now) || !s.trying.CompareAndSwap(before, trial) {
		return 0
	}
	return trial
}

// isTrial reports whether trial is the number of the latest trial of the upstream.
func (s *State) isTrial(trial int64) bool { return trial != 0 && s.trying.Load() == trial }

// share returns the fraction of its weight that the upstream has reached since it came back, from 0 to 1.
func (s *State) share(now int64) float64 {
	back := s.backSince.Load()
	if back == 0 {
		return 1
	}
	if past := now - back; past < int64(slowStart) {
		return float64(max(past, 0)) / float64(slowStart)
	}
	s.backSince.CompareAndSwap(back, 0)
	return 1
}

// answered records a successful connection.
func (s *State) answered() {
	if s.failed.Load() != 0 {
		s.failed.Store(0)
	}
	if s.out.Load()&outFailing != 0 {
		s.settle(func() { s.clear(outFailing) })
	}
}

// failedWith records a failed connection. trial reports whether the connection was the latest trial of a failing
// upstream.
func (s *State) failedWith(err error, trial bool) {
	s.failures.Add(1)
	row := s.failed.Add(1)
	s.settle(func() {
		now := s.of.clock()
		s.lastErr, s.errAt = err, now
		failing := s.out.Load()&outFailing != 0
		switch {
		case failing && trial:
			s.pause = min(2*s.pause, lastPause)
		case !failing && row >= failuresInRow:
			s.pause, s.good = firstPause, 0
			s.set(outFailing)
		default:
			return
		}
		s.tryAt.Store(s.of.ticks(now.Add(s.pause)))
	})
}

// Checked records the result of a check. err is nil for a success. A check that was cancelled must not be recorded.
func (s *State) Checked(err error) {
	s.settle(func() {
		if err == nil {
			s.good, s.bad = s.good+1, 0
			s.unset(outStarting)
			if s.good >= s.key.Rise {
				s.failed.Store(0)
				s.clear(outDown)
			}
			return
		}
		s.good, s.bad = 0, s.bad+1
		s.lastErr, s.errAt = err, s.of.clock()
		if s.bad >= s.key.Fall {
			s.unset(outStarting)
			s.set(outUnhealthy)
		}
	})
}

// settle makes a change, and reports it if the upstream went out of service or came back.
func (s *State) settle(change func()) {
	s.mu.Lock()
	before, since := s.out.Load(), s.since
	change()
	after, now := s.out.Load(), s.of.clock()
	event := Change{Key: s.key, Down: after&outDown != 0, Checked: after&outUnhealthy != 0, Err: s.lastErr, After: now.Sub(since)}
	moved := before&outDown == 0 != (after&outDown == 0)
	if moved {
		s.since = now
	}
	s.mu.Unlock()
	if moved && s.of.Changed != nil {
		s.of.Changed(event)
	}
}

// set adds a reason. The caller holds mu.
func (s *State) set(reason uint32) { s.out.Or(reason) }

// unset removes a reason. The caller holds mu.
func (s *State) unset(reason uint32) { s.out.And(^reason) }

// clear removes reasons. If the upstream is then in service again, its slow start begins. The caller holds mu.
func (s *State) clear(reasons uint32) {
	if s.out.And(^reasons)&reasons != 0 && s.out.Load() == 0 {
		s.backSince.Store(s.of.ticks(s.of.clock()))
	}
}

// drain takes the upstream out of service, or puts it back if since is zero. The caller holds the registry's lock.
func (s *State) drain(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drainedSince = since; !since.IsZero() {
		s.set(outDrained)
		return
	}
	s.clear(outDrained)
}
