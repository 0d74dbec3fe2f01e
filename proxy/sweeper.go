package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// sweepInterval is the time between two looks at all deadlines: how late a time-out may be. The shortest that can be
// configured is a second.
const sweepInterval = 100 * time.Millisecond

// sweeper holds the deadlines of all connections and exchanges. Setting one is a single store, without a timer and
// without a system call: three SetDeadline calls a request would cost 6 % of it. One goroutine looks at all of them ten
// times a second and interrupts what is late.
type sweeper struct {
	// clock is the time of the last sweep, in nanoseconds since start; what is set counts from it.
	clock atomic.Int64
	start time.Time
	// swept is called after each sweep, with no lock held.
	swept func()

	shards [sweepShards]sweepShard
	next   atomic.Uint32
}

// sweepShards spreads adding and removing over several locks.
const sweepShards = 16

type sweepShard struct {
	mu      sync.Mutex
	watches []*watch
}

// phase is what a watched connection or exchange is waiting for; it decides what a time-out means. It fits into the low
// bits of a deadline.
type phase int64

// The phases. phaseNone has no deadline.
const (
	phaseNone      phase = iota
	phaseHandshake       // the TLS handshake
	phaseIdle            // the next request
	phaseHead            // the rest of a request's head
	phaseBody            // bytes of a body, in either direction
	phaseUpstream        // the head of the upstream's response
	phaseLinger          // the end of a body that nobody wants
	phaseFirst           // the first request of a connection
	phaseTunnel          // bytes after a switch of protocols, in either direction
	phaseStreams         // streams of HTTP/2, each of which has a watch of its own
	phaseFlush           // the kernel to send what was written, after the connection's last byte
	phaseExpired         // the deadline has passed and expire was called; overdue is called at another one
	phaseMask      = 15
)

// watch is one deadline. Its owner sets it, and the sweeper takes it when it has passed: whichever comes first wins, so
// that a time-out never hits what its owner has already gone on to.
type watch struct {
	sweeper *sweeper
	// word is the deadline on the sweeper's clock with the phase in its low bits.
	word  atomic.Int64
	owner watched
	shard *sweepShard
	index int
}

// watched is what a watch belongs to. Its methods run on the sweeper's goroutine and must not block.
type watched interface {
	// look is called when a sweep finds the phase in time, a few times a second.
	look(p phase)
	// extend is called at every sweep, and returns how long to wait from now, 0 for no longer than the deadline: what moved
	// may show only in the kernel.
	extend(p phase) time.Duration
	// expire interrupts what the phase waits for.
	expire(p phase)
	// overdue is called when the owner still is in the phase endTime after expire was called. It ends it by force.
	overdue()
}

// endTime is how long an owner has from when its deadline has passed to its end (S-12.9).
const endTime = 4 * time.Second

// expired is the word of a watch whose deadline has passed at a time.
func expired(now int64) int64 { return (now+int64(endTime))&^phaseMask | int64(phaseExpired) }

func newSweeper() *sweeper { return &sweeper{start: time.Now()} }

// add begins to watch.
func (s *sweeper) add(w *watch) {
	w.sweeper = s
	w.shard = &s.shards[s.next.Add(1)%sweepShards]
	w.shard.mu.Lock()
	defer w.shard.mu.Unlock()
	w.index = len(w.shard.watches)
	w.shard.watches = append(w.shard.watches, w)
}

// remove ends watching. Neither function of the watch runs after it has returned.
func (s *sweeper) remove(w *watch) {
	shard := w.shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	last := len(shard.watches) - 1
	shard.watches[w.index] = shard.watches[last]
	shard.watches[w.index].index = w.index
	shard.watches[last] = nil
	shard.watches = shard.watches[:last]
}

// set begins a phase that may last for the timeout. It returns false, and changes nothing, when the deadline of the
// phase before has passed: the connection is being interrupted.
func (w *watch) set(p phase, timeout time.Duration) bool {
	word := (w.sweeper.clock.Load()+int64(timeout)+int64(sweepInterval))&^phaseMask | int64(p)
	old := w.word.Load()
	for phase(old&phaseMask) != phaseExpired {
		if w.word.CompareAndSwap(old, word) {
			return true
		}
		old = w.word.Load()
	}
	return false
}

// reset forgets that a deadline has passed, for an answer that is still to be given.
func (w *watch) reset() { w.word.Store(int64(phaseNone)) }

// endIdle makes the owner find that the deadline of phaseIdle, phaseFirst or phaseHandshake has passed, and reports whether
// it was still in that phase: if so, it will not go on to a request.
func (w *watch) endIdle() bool {
	p := w.phase()
	return (p == phaseIdle || p == phaseFirst || p == phaseHandshake) && w.endIn(p)
}

// endIn makes the owner find that the deadline of a phase has passed, and reports whether it was still in it.
func (w *watch) endIn(p phase) bool {
	word := w.word.Load()
	return phase(word&phaseMask) == p && w.word.CompareAndSwap(word, expired(w.sweeper.clock.Load()))
}

// end makes the owner find that the deadline of whatever it is in has passed.
func (w *watch) end() { w.word.Store(expired(w.sweeper.clock.Load())) }

// shorten leaves a phase only that much more time, if the owner is still in it.
func (w *watch) shorten(p phase, timeout time.Duration) {
	word := w.word.Load()
	earlier := (w.sweeper.clock.Load()+int64(timeout)+int64(sweepInterval))&^phaseMask | int64(p)
	if phase(word&phaseMask) == p && earlier < word {
		w.word.CompareAndSwap(word, earlier)
	}
}

// phase returns what the owner waits for.
func (w *watch) phase() phase { return phase(w.word.Load() & phaseMask) }

// since returns how long the watch has been in a phase, given the timeout that it was set with; false in any other phase.
func (w *watch) since(p phase, timeout time.Duration) (time.Duration, bool) {
	word := w.word.Load()
	if phase(word&phaseMask) != p {
		return 0, false
	}
	return timeout - time.Duration(word&^phaseMask-w.sweeper.clock.Load()), true
}

// run sweeps until the context ends.
func (s *sweeper) run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep()
			if s.swept != nil {
				s.swept()
			}
		case <-ctx.Done():
			return
		}
	}
}

// each calls see for every watch. It holds a lock, and so does not block.
func (s *sweeper) each(see func(w *watch)) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, w := range shard.watches {
			see(w)
		}
		shard.mu.Unlock()
	}
}

// sweep looks at every watch once.
func (s *sweeper) sweep() {
	now := int64(time.Since(s.start))
	s.clock.Store(now)
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, w := range shard.watches {
			w.check(now)
		}
		shard.mu.Unlock()
	}
}

// awaitSweep waits until a sweep has begun since the call. It returns false when the context ends before.
func (s *sweeper) awaitSweep(ctx context.Context) bool {
	before := s.clock.Load()
	ticker := time.NewTicker(sweepInterval / 4)
	defer ticker.Stop()
	for s.clock.Load() == before {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (w *watch) check(now int64) {
	word := w.word.Load()
	p := phase(word & phaseMask)
	switch deadline := word &^ phaseMask; {
	case p == phaseNone:
		return
	case p == phaseExpired:
		if deadline != 0 && deadline <= now && w.word.CompareAndSwap(word, int64(phaseExpired)) {
			w.owner.overdue()
		}
		return
	}
	if word&^phaseMask > now {
		w.owner.look(p)
		w.extend(word, now)
		return
	}
	if w.extend(word, now) {
		return
	}
	if w.word.CompareAndSwap(word, expired(now)) { // else its owner has gone on
		w.owner.expire(p)
	}
}

// extend moves the deadline of what has moved, unless its owner has gone on, and reports whether something has.
func (w *watch) extend(word, now int64) bool {
	p := phase(word & phaseMask)
	more := int64(w.owner.extend(p))
	if later := (now+more)&^phaseMask | int64(p); more > 0 && later > word {
		w.word.CompareAndSwap(word, later)
	}
	return more > 0
}
