package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Interval is the time between two looks at all deadlines: how late a time-out may be. The shortest that can be
// configured is a second.
const Interval = 100 * time.Millisecond

// Sweeper holds the deadlines of all connections and exchanges. Setting one is a single store, without a timer and
// without a system call: three SetDeadline calls a request would cost 6 % of it. One goroutine looks at all of them ten
// times a second and interrupts what is late.
type Sweeper struct {
	// Clock is the time of the last sweep, in nanoseconds since start; what is set counts from it.
	Clock atomic.Int64
	start time.Time
	// Swept is called after each sweep, with no lock held.
	Swept func()

	shards [sweepShards]sweepShard
	next   atomic.Uint32
}

// sweepShards spreads adding and removing over several locks.
const sweepShards = 16

type sweepShard struct {
	mu      sync.Mutex
	watches []*Watch
}

// Phase is what a watched connection or exchange is waiting for; it decides what a time-out means. It fits into the low
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
	PhaseLinger          // the end of a body that nobody wants
	PhaseFirst           // the first request of a connection
	PhaseTunnel          // bytes after a switch of protocols, in either direction
	PhaseStreams         // streams of HTTP/2, each of which has a watch of its own
	PhaseFlush           // the kernel to send what was written, after the connection's last byte
	PhaseExpired         // the deadline has passed and Expire was called; Overdue is called at another one
	phaseMask      = 15
)

// Watch is one deadline. Its owner sets it, and the sweeper takes it when it has passed: whichever comes first wins, so
// that a time-out never hits what its owner has already gone on to.
type Watch struct {
	// Sweeper is the one that looks at the watch. Add sets it.
	Sweeper *Sweeper
	// word is the deadline on the sweeper's clock with the phase in its low bits.
	word atomic.Int64
	// Owner is set before the watch is added.
	Owner Owner
	shard *sweepShard
	index int
}

// Owner is what a watch belongs to. Its methods run on the sweeper's goroutine and must not block.
type Owner interface {
	// Look is called when a sweep finds the phase in time, a few times a second.
	Look(p Phase)
	// Extend is called at every sweep, and returns how long to wait from now, 0 for no longer than the deadline: what moved
	// may show only in the kernel.
	Extend(p Phase) time.Duration
	// Expire interrupts what the phase waits for.
	Expire(p Phase)
	// Overdue is called when the owner still is in the phase endTime after Expire was called. It ends it by force.
	Overdue()
}

// endTime is how long an owner has from when its deadline has passed to its end (S-12.9).
const endTime = 4 * time.Second

// expired is the word of a watch whose deadline has passed at a time.
func expired(now int64) int64 { return (now+int64(endTime))&^phaseMask | int64(PhaseExpired) }

// NewSweeper returns a sweeper whose clock begins now. Run drives it.
func NewSweeper() *Sweeper { return &Sweeper{start: time.Now()} }

// Add begins to watch.
func (s *Sweeper) Add(w *Watch) {
	w.Sweeper = s
	w.shard = &s.shards[s.next.Add(1)%sweepShards]
	w.shard.mu.Lock()
	defer w.shard.mu.Unlock()
	w.index = len(w.shard.watches)
	w.shard.watches = append(w.shard.watches, w)
}

// Remove ends watching. Neither function of the watch runs after it has returned.
func (s *Sweeper) Remove(w *Watch) {
	shard := w.shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	last := len(shard.watches) - 1
	shard.watches[w.index] = shard.watches[last]
	shard.watches[w.index].index = w.index
	shard.watches[last] = nil
	shard.watches = shard.watches[:last]
}

// Set begins a phase that may last for the timeout. It returns false, and changes nothing, when the deadline of the
// phase before has passed: the connection is being interrupted.
func (w *Watch) Set(p Phase, timeout time.Duration) bool {
	word := (w.Sweeper.Clock.Load()+int64(timeout)+int64(Interval))&^phaseMask | int64(p)
	old := w.word.Load()
	for Phase(old&phaseMask) != PhaseExpired {
		if w.word.CompareAndSwap(old, word) {
			return true
		}
		old = w.word.Load()
	}
	return false
}

// Reset forgets that a deadline has passed, for an answer that is still to be given.
func (w *Watch) Reset() { w.word.Store(int64(PhaseNone)) }

// EndIdle makes the owner find that the deadline of PhaseIdle, PhaseFirst or PhaseHandshake has passed, and reports whether
// it was still in that phase: if so, it will not go on to a request.
func (w *Watch) EndIdle() bool {
	p := w.Phase()
	return (p == PhaseIdle || p == PhaseFirst || p == PhaseHandshake) && w.EndIn(p)
}

// EndIn makes the owner find that the deadline of a phase has passed, and reports whether it was still in it.
func (w *Watch) EndIn(p Phase) bool {
	word := w.word.Load()
	return Phase(word&phaseMask) == p && w.word.CompareAndSwap(word, expired(w.Sweeper.Clock.Load()))
}

// End makes the owner find that the deadline of whatever it is in has passed.
func (w *Watch) End() { w.word.Store(expired(w.Sweeper.Clock.Load())) }

// Shorten leaves a phase only that much more time, if the owner is still in it.
func (w *Watch) Shorten(p Phase, timeout time.Duration) {
	word := w.word.Load()
	earlier := (w.Sweeper.Clock.Load()+int64(timeout)+int64(Interval))&^phaseMask | int64(p)
	if Phase(word&phaseMask) == p && earlier < word {
		w.word.CompareAndSwap(word, earlier)
	}
}

// Phase returns what the owner waits for.
func (w *Watch) Phase() Phase { return Phase(w.word.Load() & phaseMask) }

// Since returns how long the watch has been in a phase, given the timeout that it was set with; false in any other phase.
func (w *Watch) Since(p Phase, timeout time.Duration) (time.Duration, bool) {
	word := w.word.Load()
	if Phase(word&phaseMask) != p {
		return 0, false
	}
	return timeout - time.Duration(word&^phaseMask-w.Sweeper.Clock.Load()), true
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

// Each calls see for every watch. It holds a lock, and so does not block.
func (s *Sweeper) Each(see func(w *Watch)) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, w := range shard.watches {
			see(w)
		}
		shard.mu.Unlock()
	}
}

// Sweep looks once at every watch.
func (s *Sweeper) Sweep() {
	now := int64(time.Since(s.start))
	s.Clock.Store(now)
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, w := range shard.watches {
			w.Check(now)
		}
		shard.mu.Unlock()
	}
}

// AwaitSweep waits until a sweep has begun since the call. It returns false when the context ends before.
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

// Check is what a sweep does with one watch, at a time on the sweeper's clock.
func (w *Watch) Check(now int64) {
	word := w.word.Load()
	p := Phase(word & phaseMask)
	switch deadline := word &^ phaseMask; {
	case p == PhaseNone:
		return
	case p == PhaseExpired:
		if deadline != 0 && deadline <= now && w.word.CompareAndSwap(word, int64(PhaseExpired)) {
			w.Owner.Overdue()
		}
		return
	}
	if word&^phaseMask > now {
		w.Owner.Look(p)
		w.extend(word, now)
		return
	}
	if w.extend(word, now) {
		return
	}
	if w.word.CompareAndSwap(word, expired(now)) { // else its owner has gone on
		w.Owner.Expire(p)
	}
}

// Extend moves the deadline of what has moved, unless its owner has gone on, and reports whether something has.
func (w *Watch) extend(word, now int64) bool {
	p := Phase(word & phaseMask)
	more := int64(w.Owner.Extend(p))
	if later := (now+more)&^phaseMask | int64(p); more > 0 && later > word {
		w.word.CompareAndSwap(word, later)
	}
	return more > 0
}

// LockAll takes the lock of every shard. It is for tests of what happens while the sweeper is stuck.
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
