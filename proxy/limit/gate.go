package limit

import (
	"sync"
	"time"
)

// Gates bounds how many requests applications work on at once. Each site or route with such a bound has a gate. What does
// not fit waits, fairly between clients (S-12.6). One lock guards all gates. Only requests of a site or route with a bound take
// it. They keep it for a time that grows with the number of clients that wait only when a place becomes free, or when the
// queue is full.
type Gates struct {
	now func() time.Time
	// places is the largest number of waiting requests, at all gates together: each has a goroutine and the head of its
	// request (S-12.8).
	places int

	mu    sync.Mutex
	gates map[Scope]*Gate
	// queue holds the lines in which requests wait, in no order, and waiting their number.
	queue   []*line
	waiting int
	// clients holds how many requests of each client wait, at all gates together.
	clients map[Key]*waits
	// turn numbers the requests.
	turn uint64
}

// Gate bounds the requests of one site or route.
type Gate struct {
	of *Gates
	// bound is the largest number of requests at once; 0 for no bound.
	bound int
	// running holds the requests that are through.
	running []*Pass
	// lines holds the requests of each client that has any, and waiting is the number of those that wait.
	lines   map[Key]*line
	waiting int
	// crowded is when a client within its share last found no room because another one held more than its own.
	crowded time.Time
}

// line is what one client has at one gate.
type line struct {
	gate    *Gate
	client  Key
	running int
	// waiters are served in order. turn is when the first of them became the first.
	waiters []*Pass
	turn    uint64
	// at is the line's position in the queue; meaningless without waiters.
	at int
	// waits counts the client's waiting requests; nil without any in this line.
	waits *waits
}

// waits is the number of one client's requests that wait at any gate.
type waits struct{ n int }

// Pass is one request at a gate. The zero value is ready for Enter.
type Pass struct {
	line  *line
	owner Owner
	// turn orders the requests by when they came.
	turn uint64
	// at is the position among the running ones.
	at int
	// ready receives the end of the wait, once: whether the request is through.
	ready chan bool
	// ending reports whether the owner was told to give way.
	ending bool
}

// Owner is the request that a pass belongs to. The methods must not block, and must not call the gate.
type Owner interface {
	// HeldUp returns whether the response has begun, and for how long the client has been holding up the request.
	HeldUp() (answering bool, heldUp time.Duration)
	// GiveWay ends the request for the benefit of others.
	GiveWay(cause GaveWay)
}

// GaveWay is why a request had to give way.
type GaveWay struct {
	// Stalled reports whether its client had held it up. Otherwise the client held more than its share.
	Stalled bool
	// Held is how many requests the client had running, Share how many of them others could not take from it.
	Held, Share int
}

// Entry is how an attempt to enter a gate ends.
type Entry uint8

// The outcomes.
const (
	// Through means that the request may go on. It calls Leave at its end.
	Through Entry = iota
	// Waits means that it has to call Await.
	Waits
	// Full means that there is no room, and that the request may not wait or too many wait already.
	Full
)

// NewGates returns an empty set of gates with room for the given number of waiting requests. It reads the time from now,
// which is time.Now except in tests.
func NewGates(places int, now func() time.Time) *Gates {
	return &Gates{now: now, places: places, gates: map[Scope]*Gate{}, clients: map[Key]*waits{}}
}

// Gate returns the gate of a scope, the same one over reloads. Until Bound it has no bound.
func (s *Gates) Gate(scope Scope) *Gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := s.gates[scope]
	if gate == nil {
		gate = &Gate{of: s, lines: map[Key]*line{}}
		s.gates[scope] = gate
	}
	return gate
}

// Bound gives each of the gates its bound, and lets through what now fits. All other gates lose theirs, and are forgotten
// once nothing is left in them.
func (s *Gates) Bound(bounds map[*Gate]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for scope, gate := range s.gates {
		gate.bound = bounds[gate]
		gate.admit(s.now())
		if gate.bound == 0 && len(gate.running) == 0 {
			delete(s.gates, scope)
		}
	}
}

// Enter lets the client's request through, or makes it wait if it may. now is the gate's clock, which the caller has just
// read.
func (g *Gate) Enter(p *Pass, client Key, owner Owner, now time.Time, mayWait bool) Entry {
	s := g.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.waiting > 0 {
		g.admit(now) // time may have passed
	}
	l := g.line(client)
	s.turn++
	*p = Pass{line: l, owner: owner, turn: s.turn}
	if g.mayRun(l, now) {
		g.start(p)
		return Through
	}
	if l.running < share(g.bound) && g.mostRunning() > share(g.bound) {
		g.crowded = now
	}
	if !mayWait || s.waiting >= s.places && s.displace(l) {
		g.forget(l)
		return Full
	}
	s.enqueue(p)
	return Waits
}

// Leave ends a request that is through. It may be called again, and for a pass that is not through.
func (g *Gate) Leave(p *Pass) {
	if p.line == nil {
		return
	}
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	l, last := p.line, len(g.running)-1
	g.running[p.at] = g.running[last]
	g.running[p.at].at = p.at
	g.running[last] = nil
	g.running = g.running[:last]
	l.running--
	*p = Pass{}
	g.forget(l)
	if g.waiting > 0 {
		g.admit(g.of.now())
	}
}

// Counts returns how many requests are through, and how many wait.
func (g *Gate) Counts() (running, waiting int) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	return len(g.running), g.waiting
}

// line returns the client's line, which is empty if it is new. The caller holds mu.
func (g *Gate) line(client Key) *line {
	l := g.lines[client]
	if l == nil {
		l = &line{gate: g, client: client}
		g.lines[client] = l
	}
	return l
}

// forget removes a line that is empty. The caller holds mu.
func (g *Gate) forget(l *line) {
	if l.running == 0 && len(l.waiters) == 0 {
		delete(g.lines, l.client)
	}
}

// start lets a request through. The caller holds mu.
func (g *Gate) start(p *Pass) {
	p.at = len(g.running)
	g.running = append(g.running, p)
	p.line.running++
}
