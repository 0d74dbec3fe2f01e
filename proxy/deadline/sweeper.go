package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Interval is the time between two looks at all deadlines, and so the most that a time-out may be late. The shortest
// configurable time-out is one second.
const Interval = 100 * time.Millisecond

// Sweeper holds the deadlines of all connections and exchanges. Setting one is a single store, without a timer or a system
// call: three SetDeadline calls cost 6 % of a request. One goroutine looks at all deadlines ten times a second and
// interrupts what is late.
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
	mu      sync.Mutex
	watches []*Watch
}

// Phase is what a watched connection or exchange is waiting for. It decides what a time-out means, and fits into the low
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
	PhaseStreams         // HTTP/2 streams, each of which has a watch of its own
	PhaseFlush           // the kernel to send what was written, after the connection's last byte
	PhaseExpired         // the deadline has passed and Expire was called; Overdue is called at the next one
	phaseMask      = 15
)

// Watch is one deadline. Its owner sets it; the sweeper takes it once it has passed. Whichever comes first wins, so that a
// time-out never hits what its owner has already gone on to.
type Watch struct {
	// Sweeper is the sweeper that looks at the watch. Add sets it.
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
	// Look is called when a sweep finds the phase within its deadline, a few times a second.
	Look(p Phase)
	// Extend is called at every sweep. It returns how long to wait from now, or 0 to keep the deadline: progress may show
	// only in the kernel.
	Extend(p Phase) time.Duration
	// Expire interrupts what the phase waits for.
	Expire(p Phase)
	// Overdue is called when the owner is still in the phase endTime after Expire was called. It ends the owner by force.
	Overdue()
}

// endTime is how long an owner may take to end after its deadline has passed (S-12.9).
const endTime = 4 * time.Second

// expired returns the word of a watch whose deadline passed at now.
func expired(now int64) int64 { return (now+int64(endTime))&^phaseMask | int64(PhaseExpired) }

// NewSweeper returns a sweeper whose clock starts now. Run drives it.
func NewSweeper() *Sweeper { return &Sweeper{start: time.Now()} }

// Add starts watching w.
func (s *Sweeper) Add(w *Watch) {
	w.Sweeper = s
	w.shard = &s.shards[s.next.Add(1)%sweepShards]
	w.shard.mu.Lock()
	defer w.shard.mu.Unlock()
	w.index = len(w.shard.watches)
	w.shard.watches = append(w.shard.watches, w)
}

// Remove stops watching w. No method of its owner runs after it has returned.
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

// Set begins a phase that may last for the timeout. If the deadline of the previous phase has passed, it returns false and
// changes nothing: the connection is being interrupted.
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

// Reset forgets that a deadline has passed, so that a response can still be sent.
func (w *Watch) Reset() { w.word.Store(int64(PhaseNone)) }

// EndIdle ends PhaseIdle, PhaseFirst or PhaseHandshake as if its deadline had passed, and reports whether the owner was
// still in one of them: if so, it will not go on to a request.
func (w *Watch) EndIdle() bool {
	p := w.Phase()
	return (p == PhaseIdle || p == PhaseFirst || p == PhaseHandshake) && w.EndIn(p)
}

// EndIn ends the phase as if its deadline had passed, and reports whether the owner was still in it.
func (w *Watch) EndIn(p Phase) bool {
	word := w.word.Load()
	return Phase(word&phaseMask) == p && w.word.CompareAndSwap(word, expired(w.Sweeper.Clock.Load()))
}

// End ends the owner's current phase as if its deadline had passed.
func (w *Watch) End() { w.word.Store(expired(w.Sweeper.Clock.Load())) }

// Shorten reduces the time left to timeout if the owner is still in the phase.
func (w *Watch) Shorten(p Phase, timeout time.Duration) {
	word := w.word.Load()
	earlier := (w.Sweeper.Clock.Load()+int64(timeout)+int64(Interval))&^phaseMask | int64(p)
	if Phase(word&phaseMask) == p && earlier < word {
		w.word.CompareAndSwap(word, earlier)
	}
}

// Phase returns what the owner is waiting for.
func (w *Watch) Phase() Phase { return Phase(w.word.Load() & phaseMask) }

// Since returns how long the watch has been in the phase, given the timeout that it was set with. It returns false in any
// other phase.
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

// Each calls see for every watch. It holds a lock, so see must not block.
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

// AwaitSweep waits until a sweep has begun after the call. It returns false if the context ends first.
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

// Check does the work of a sweep for one watch, at a time on the sweeper's clock.
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

// extend moves the deadline if the owner has made progress and is still in the phase. It reports whether there was
// progress.
func (w *Watch) extend(word, now int64) bool {
	p := Phase(word & phaseMask)
	more := int64(w.Owner.Extend(p))
	if later := (now+more)&^phaseMask | int64(p); more > 0 && later > word {
		w.word.CompareAndSwap(word, later)
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
