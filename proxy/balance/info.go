package balance

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// These are the names of the states of an upstream.
const (
	Up       = "up"
	Down     = "down"
	Starting = "starting"
	Drained  = "drained"
)

// Info describes an upstream for an operator.
type Info struct {
	// State is one of the names above, and Since when that state began.
	State string
	Since time.Time
	// Slow reports whether the upstream came back a short time ago and does not receive its full share yet.
	Slow bool
	// LastError is the last failure and ErrorAt its time. LastError is nil if nothing has failed.
	LastError error
	ErrorAt   time.Time
	// TryAt is when a request may try a failing upstream. It is zero for any other upstream.
	TryAt time.Time
	// InFlight is the number of the site's requests that the upstream is working on.
	InFlight int64
	// Retries is how many requests came to it after another upstream had failed. Failures is how many connections have
	// failed.
	Retries, Failures uint64
}

// Info describes the upstream.
func (s *State) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.of.ticks(s.of.clock())
	info := Info{State: Up, Since: s.since, LastError: s.lastErr, ErrorAt: s.errAt, InFlight: s.inFlight.Load(),
		Retries: s.retries.Load(), Failures: s.failures.Load()}
	out := s.out.Load()
	switch {
	case out&outDrained != 0:
		info.State, info.Since = Drained, s.drainedSince
	case out&outDown != 0:
		info.State = Down
	case out&outStarting != 0 && now < s.readyAt.Load():
		info.State = Starting
	default:
		info.Slow = s.share(now) < 1
	}
	if out&outFailing != 0 {
		info.TryAt = s.of.start.Add(time.Duration(s.tryAt.Load()))
	}
	return info
}

// Retried counts a request that came to the upstream after another one had failed.
func (p *Pick) Retried() {
	if p.state != nil {
		p.state.retries.Add(1)
	}
}

// Order returns the indexes of the members in the order in which a request with that key would try them now. It changes
// nothing. With a random method it is the most likely order.
func (l *List) Order(key uint64, preferred int) []int {
	order := make([]int, len(l.members))
	rank, now := make([]int, len(l.members)), l.totals.of.ticks(l.totals.of.clock())
	for i, m := range l.members {
		order[i] = i
		switch out := m.State.out.Load(); {
		case m.State.serves(now) && !m.Backup && (m.State.share(now) == 1 || i == preferred-1):
		case m.State.serves(now) && !m.Backup:
			rank[i] = 1
		case m.State.serves(now):
			rank[i] = 2
		case out&outDrained == 0:
			rank[i] = 3
		default:
			rank[i] = 4
		}
	}
	claim := l.claims(key, preferred)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(claim[b], claim[a])) })
	return order
}

// claims returns how strongly the method prefers each member. A larger number comes first.
func (l *List) claims(key uint64, preferred int) []float64 {
	claims := make([]float64, len(l.members))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range l.members {
		switch l.method {
		case ByKey:
			claims[i] = l.score(i, key)
		case RoundRobin:
			claims[i] = float64(l.current[i] + int64(m.Weight))
		default:
			claims[i] = -float64(m.State.inFlight.Load()) / float64(m.Weight)
		}
	}
	if preferred > 0 {
		claims[preferred-1] = math.Inf(1)
	}
	return claims
}
