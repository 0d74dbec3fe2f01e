package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Interval is the time between two sweeps, and therefore the most that a timeout may be late. The shortest configurable
// timeout is one second.
const Interval = 100 * time.Millisecond

// Sweeper holds the deadlines of all connections and exchanges. Setting one is a single store, without a timer or a
// system call: three calls of SetDeadline would cost 6 % of a request. One goroutine looks at all deadlines ten times a
// second and interrupts what is late.
type Sweeper struct {
	// Clock is the time of the last sweep, in nanoseconds since start. New deadlines are relative to it.
	Clock atomic.Int64
	start time.Time
	// Swept is called after each sweep, with no lock held.
	Swept func()

	shards [sweepShards]sweepShard
	next   atomic.Uint32
}

// sweepShards is the number of locks over which adding and removing are spread.
const sweepShards = 16

type sweepShard struct {
	mu     sync.Mutex
	timers []*Timer
}

// Phase is what a watched connection or exchange is waiting for. It decides what a timeout means, and fits into the low
// bits of a deadline.
type Phase int64

// The phases. PhaseNone has no deadline.
const (
	PhaseNone      Phase = iota
	PhaseHandshake       // the TLS handshake
	PhaseIdle            // the next request
	PhaseHead            // the rest of a request's head
	PhaseBody            // bytes of a body, in either direction
	PhaseUpstream        // the head of the upstream's response
	PhaseLinger          // the end of a body that is discarded
	PhaseFirst           // the first request of a connection
	PhaseTunnel          // bytes after a switch of protocols, in either direction
	PhaseStreams         // HTTP/2 streams, each of which has its own timer
	PhaseFlush           // the kernel sending what was written, after the connection's last byte
	PhaseExpired         // Expire was called because the deadline has passed; Overdue is called at the next deadline
	phaseMask      = 15
)

// Timer is one deadline. Its owner sets it, and the sweeper ends the phase once the deadline has passed. Whichever of
// the two acts first wins, so a timeout never interrupts what the owner does after the phase.
type Timer struct {
	// Sweeper is the sweeper that looks at the timer. Add sets it.
	Sweeper *Sweeper
	// word is the deadline on the sweeper's clock with the phase in its low bits.
	word atomic.Int64
	// Sweeps before restUntil have nothing to look at while word is restWord. Only Check uses them.
	restWord, restUntil int64
	// Owner is set before the timer is added.
	Owner Owner
	shard *sweepShard
	index int
}

// Owner is what a timer belongs to. Its methods run on the sweeper's goroutine and must not block.
type Owner interface {
	// Look is called when a sweep finds the phase within its deadline. It returns how long the sweeper may wait before
	// it calls Look and Extend again; 0 means until the next sweep. The wait ends early if the owner sets a new
	// deadline or the deadline passes.
	Look(p Phase) (rest time.Duration)
	// Extend is called after Look, and when the deadline has passed. It returns how long to wait from now, or 0 to keep
	// the deadline. It exists because only the kernel may know that the owner has made progress.
	Extend(p Phase) time.Duration
	// Expire interrupts what the phase waits for.
	Expire(p Phase)
	// Overdue is called when the owner is still in the phase endTime after Expire was called. It ends the owner by force.
	Overdue()
}

// endTime is how long an owner may take to end after its deadline has passed (S-12.9).
const endTime = 4 * time.Second

// expired returns the word of a timer whose deadline passed at now.
func expired(now int64) int64 { return (now+int64(endTime))&^phaseMask | int64(PhaseExpired) }

// NewSweeper returns a sweeper whose clock starts now. Run drives it.
func NewSweeper() *Sweeper { return &Sweeper{start: time.Now()} }

// Add starts watching t.
func (s *Sweeper) Add(t *Timer) {
	t.Sweeper = s
	t.shard = &s.shards[s.next.Add(1)%sweepShards]
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	t.index = len(t.shard.timers)
	t.shard.timers = append(t.shard.timers, t)
}

// Remove stops watching t. No method of its owner runs after it has returned.
func (s *Sweeper) Remove(t *Timer) {
	shard := t.shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	last := len(shard.timers) - 1
	shard.timers[t.index] = shard.timers[last]
	shard.timers[t.index].index = t.index
	shard.timers[last] = nil
	shard.timers = shard.timers[:last]
}

// Set begins a phase that may last for the timeout. If the deadline of the previous phase has already passed, Set
// returns false and changes nothing: the connection is being interrupted.
func (t *Timer) Set(p Phase, timeout time.Duration) bool {
	word := (t.Sweeper.Clock.Load()+int64(timeout)+int64(Interval))&^phaseMask | int64(p)
	old := t.word.Load()
	for Phase(old&phaseMask) != PhaseExpired {
		if t.word.CompareAndSwap(old, word) {
			return true
		}
		old = t.word.Load()
	}
	return false
}

// Reset clears a deadline that has passed, so that a response can still be sent.
func (t *Timer) Reset() { t.word.Store(int64(PhaseNone)) }

// EndIdle ends PhaseIdle, PhaseFirst or PhaseHandshake as if its deadline had passed. It reports whether the owner was
// still in one of them: if so, the owner will not read another request.
func (t *Timer) EndIdle() bool {
	p := t.Phase()
	return (p == PhaseIdle || p == PhaseFirst || p == PhaseHandshake) && t.EndIn(p)
}

// EndIn ends the phase as if its deadline had passed, and reports whether the owner was still in it.
func (t *Timer) EndIn(p Phase) bool {
	word := t.word.Load()
	return Phase(word&phaseMask) == p && t.word.CompareAndSwap(word, expired(t.Sweeper.Clock.Load()))
}

// End ends the owner's current phase as if its deadline had passed.
func (t *Timer) End() { t.word.Store(expired(t.Sweeper.Clock.Load())) }

// Shorten reduces the time left to timeout if the owner is still in the phase.
func (t *Timer) Shorten(p Phase, timeout time.Duration) {
	word := t.word.Load()
	earlier := (t.Sweeper.Clock.Load()+int64(timeout)+int64(Interval))&^phaseMask | int64(p)
	if Phase(word&phaseMask) == p && earlier < word {
		t.word.CompareAndSwap(word, earlier)
	}
}

// Phase returns what the owner is waiting for.
func (t *Timer) Phase() Phase { return Phase(t.word.Load() & phaseMask) }

// Since returns how long the timer has been in the phase, given the timeout that it was set with. ok is false in any
// other phase.
func (t *Timer) Since(p Phase, timeout time.Duration) (time.Duration, bool) {
	word := t.word.Load()
	if Phase(word&phaseMask) != p {
		return 0, false
	}
	return timeout - time.Duration(word&^phaseMask-t.Sweeper.Clock.Load()), true
}

// Run sweeps until the context ends.
func (s *Sweeper) Run(ctx context.Context) {
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.Sweep()
			if s.Swept != nil {
				s.Swept()
			}
		case <-ctx.Done():
			return
		}
	}
}

// Each calls see for every timer. It holds a lock, so see must not block.
func (s *Sweeper) Each(see func(t *Timer)) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, t := range shard.timers {
			see(t)
		}
		shard.mu.Unlock()
	}
}

// Sweep looks once at every timer.
func (s *Sweeper) Sweep() {
	now := int64(time.Since(s.start))
	s.Clock.Store(now)
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, t := range shard.timers {
			t.Check(now)
		}
		shard.mu.Unlock()
	}
}

// AwaitSweep waits for the next sweep to begin. It returns false if the context ends first.
func (s *Sweeper) AwaitSweep(ctx context.Context) bool {
	before := s.Clock.Load()
	ticker := time.NewTicker(Interval / 4)
	defer ticker.Stop()
	for s.Clock.Load() == before {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Check does the work of a sweep for one timer, at a time on the sweeper's clock.
func (t *Timer) Check(now int64) {
	word := t.word.Load()
	p := Phase(word & phaseMask)
	switch deadline := word &^ phaseMask; {
	case p == PhaseNone:
		return
	case p == PhaseExpired:
		if deadline != 0 && deadline <= now && t.word.CompareAndSwap(word, int64(PhaseExpired)) {
			t.Owner.Overdue()
		}
		return
	}
	if word&^phaseMask > now {
		if word == t.restWord && now < t.restUntil {
			return
		}
		rest := t.Owner.Look(p)
		if !t.extend(word, now) {
			t.restWord, t.restUntil = word, now+int64(rest)
		}
		return
	}
	if t.extend(word, now) {
		return
	}
	if t.word.CompareAndSwap(word, expired(now)) { // otherwise its owner has begun another phase
		t.Owner.Expire(p)
	}
}

// extend moves the deadline if the owner has made progress and is still in the phase. It reports whether there was
// progress.
func (t *Timer) extend(word, now int64) bool {
	p := Phase(word & phaseMask)
	more := int64(t.Owner.Extend(p))
	if later := (now+more)&^phaseMask | int64(p); more > 0 && later > word {
		t.word.CompareAndSwap(word, later)
	}
	return more > 0
}

// LockAll takes the lock of every shard. It is for tests in which the sweeper is stuck.
func (s *Sweeper) LockAll() {
	for i := range s.shards {
		s.shards[i].mu.Lock()
	}
}

// UnlockAll releases what LockAll took.
func (s *Sweeper) UnlockAll() {
	for i := range s.shards {
		s.shards[i].mu.Unlock()
	}
}
