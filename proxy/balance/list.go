package balance

import (
	"math/bits"
	"math/rand/v2"
	"sync"
)

// Method is how a list chooses among the upstreams in service.
type Method int

// These are the methods.
const (
	// RoundRobin takes the members in turn, each as often as its weight says.
	RoundRobin Method = iota
	// LeastRequests draws two random members and takes the one with fewer requests for its weight.
	LeastRequests
	// ByKey sends requests with the same key to the same upstream, by rendezvous hashing.
	ByKey
)

// MaxUpstreams is the largest number of upstreams in a list.
const MaxUpstreams = 64

// Member is an upstream of a list.
type Member struct {
	State *State
	// Weight is at least 1.
	Weight int
	// Backup members get requests only if no other member can.
	Backup bool
}

// List holds the members that a route chooses from. It is safe for concurrent use.
type List struct {
	method  Method
	members []Member
	// primaries has the bits of the members that are not backups, and all has those of every member.
	primaries, all uint64
	totals         *Totals
	// random returns random numbers.
	random func() uint64

	// mu guards the counters of round robin.
	mu      sync.Mutex
	current []int64
}

// NewList returns a list of 1 to MaxUpstreams members, which belong to one site.
func NewList(method Method, totals *Totals, members ...Member) *List {
	l := &List{method: method, members: members, totals: totals, random: rand.Uint64, current: make([]int64, len(members))}
	for i, m := range members {
		l.all |= 1 << i
		if !m.Backup {
			l.primaries |= 1 << i
		}
	}
	return l
}

// Members returns the members. They must not be changed.
func (l *List) Members() []Member { return l.members }

// Pick holds the choices that were made for one request. The zero value is a request that has tried nothing.
type Pick struct {
	// Key is the key for ByKey.
	Key uint64
	// Preferred is the index, plus one, of the member that gets the request whatever the method, if that member is in
	// service. 0 means none.
	Preferred int
	// FailOpen reports whether the choice was made although no upstream is in service (S-18.4). A list of one upstream
	// without checks has no other choice, and does not fail open.
	FailOpen bool

	tried uint64
	state *State
	index int8
	// trial is the number of the trial if the choice tries a failing upstream, or else 0.
	trial    int64
	settled  bool
	attempts uint8
}

// Index returns the index of the latest choice.
func (p *Pick) Index() int { return int(p.index) }

// Attempts returns how many choices have been made.
func (p *Pick) Attempts() int { return int(p.attempts) }

// Choose chooses the next upstream to try, and returns its index. It returns false if the request has tried all of
// them. The caller must end each choice with Leave.
func (l *List) Choose(p *Pick) (int, bool) {
	if len(l.members) == 1 {
		return 0, l.chooseOnly(p)
	}
	for {
		mask, open := l.candidates(p)
		if mask == 0 {
			return 0, false
		}
		i := l.pick(mask, p)
		s := l.members[i].State
		trial := int64(0)
		if !open && s.out.Load() == outFailing {
			if trial = s.beginTrial(l.totals.of.ticks(l.totals.of.clock())); trial == 0 {
				continue // another request tries it; the next look finds it out of service
			}
		}
		l.take(p, i, open, trial)
		return i, true
	}
}

// chooseOnly chooses the only member, unless the request has already tried it.
func (l *List) chooseOnly(p *Pick) bool {
	if p.tried != 0 {
		return false
	}
	s := l.members[0].State
	l.take(p, 0, s.key.What != "" && s.out.Load()&outDown != 0, 0)
	return true
}

// take records a choice.
func (l *List) take(p *Pick, i int, open bool, trial int64) {
	p.state, p.index, p.trial, p.FailOpen = l.members[i].State, int8(i), trial, false
	p.settled = false
	p.state.inFlight.Add(1)
	if open && p.tried == 0 {
		p.FailOpen = true
		l.totals.failOpen.Add(1)
	}
	p.tried |= 1 << i
	p.attempts++
}

// candidates returns the members to choose from. open reports whether none of them is in service.
func (l *List) candidates(p *Pick) (mask uint64, open bool) {
	left := l.all &^ p.tried
	serving, slow := l.serving(left, p)
	for _, mask := range [...]uint64{slow & l.primaries, serving & l.primaries, slow, serving} {
		if mask != 0 {
			return mask, false
		}
	}
	drained := l.with(outDrained)
	if drained == l.all {
		return left, left != 0
	}
	undrained := left &^ drained // a drained upstream gets no retries either
	if fresh := undrained &^ l.with(outDown); fresh != 0 {
		return fresh, false // these are not known to be down
	}
	return undrained, undrained != 0
}

// with returns the members that are out of service for one of the reasons.
func (l *List) with(reasons uint32) (mask uint64) {
	for i := range l.members {
		if l.members[i].State.out.Load()&reasons != 0 {
			mask |= 1 << i
		}
	}
	return mask
}

// Left returns how many members the request may still try.
func (l *List) Left(p *Pick) int {
	left := l.all &^ p.tried
	if drained := l.with(outDrained); drained != l.all {
		left &^= drained
	}
	return bits.OnesCount64(left)
}

// serving returns which of the members are in service. slow holds those of them that take part in this choice: an
// upstream in its slow start takes part only in some choices.
func (l *List) serving(left uint64, p *Pick) (serving, slow uint64) {
	var now int64
	for rest := left; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		s := l.members[i].State
		bit := uint64(1) << i
		if s.out.Load() == 0 && s.backSince.Load() == 0 {
			serving, slow = serving|bit, slow|bit
			continue
		}
		if now == 0 {
			now = l.totals.of.ticks(l.totals.of.clock())
		}
		if !s.serves(now) {
			continue
		}
		serving |= bit
		if share := s.share(now); share == 1 || i == p.Preferred-1 || l.luck(p, s) < share {
			slow |= bit
		}
	}
	return serving, slow
}

// luck returns a number from 0 to 1 that decides whether a member takes part in a choice. With ByKey it is always the
// same for a key, so that keys return to an upstream one by one.
func (l *List) luck(p *Pick, s *State) float64 {
	if l.method == ByKey {
		return fraction(mix(p.Key ^ mix(s.hash+1)))
	}
	return fraction(l.random())
}

// pick chooses one of the members by the method.
func (l *List) pick(mask uint64, p *Pick) int {
	if mask&(mask-1) == 0 {
		return bits.TrailingZeros64(mask)
	}
	if wanted := p.Preferred - 1; wanted >= 0 && mask&(1<<wanted) != 0 {
		return wanted
	}
	switch l.method {
	case ByKey:
		return l.byKey(mask, p.Key)
	case RoundRobin:
		return l.inTurn(mask)
	}
	return l.leastOfTwo(mask)
}

// Answered records that the upstream has begun to respond.
func (p *Pick) Answered() {
	if p.settled || p.state == nil {
		return
	}
	p.settled = true
	p.state.answered()
	p.endTrial()
}

// Failed records that the connection to the upstream has failed.
func (p *Pick) Failed(err error) {
	if p.settled || p.state == nil {
		return
	}
	p.settled = true
	p.state.failedWith(err, p.state.isTrial(p.trial))
	p.endTrial()
}

func (p *Pick) endTrial() {
	if p.trial != 0 {
		p.state.trying.CompareAndSwap(p.trial, 0) // unless another request tries it by now
		p.trial = 0
	}
}

// Leave ends a choice: the upstream no longer works on the request. An attempt without Answered or Failed counts
// neither as a success nor as a failure.
func (p *Pick) Leave() {
	if p.state == nil {
		return
	}
	p.endTrial()
	p.state.inFlight.Add(-1)
	p.state = nil
}
