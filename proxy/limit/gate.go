package limit

import (
	"sync"
	"time"
)

// Gates bounds how many requests applications work on at once. Each site or route with such a bound has a gate.
// Requests beyond the bound wait, and clients share the places fairly (S-12.6). One lock guards all gates. Only the
// requests of sites and routes with a bound take it. How long they hold it depends on the number of waiting clients
// only when a place becomes free and when the queue is full.
type Gates struct {
	now func() time.Time
	// places bounds the number of waiting requests, at all gates together. Each of them has a goroutine and keeps the
	// head of its request in memory (S-12.8).
	places int

	mu    sync.Mutex
	gates map[Scope]*Gate
	// queue holds the lines in which requests wait, in no order. waiting is the number of waiting requests.
	queue   []*line
	waiting int
	// clients counts the waiting requests of each client, at all gates together.
	clients map[Key]*waits
	// turn is the latest sequence number. A request gets one when it arrives, and a line gets one when its first
	// request is admitted.
	turn uint64
}

// Gate bounds the requests of one site or route.
type Gate struct {
	of *Gates
	// bound is the largest number of running requests, or 0 for no bound.
	bound int
	// running holds the requests that have passed the gate and not left.
	running []*Pass
	// lines holds the requests of each client that has any. waiting is the number of those that wait.
	lines   map[Key]*line
	waiting int
	// crowded is when a client within its share last found no room because another client held more than its own share.
	crowded time.Time
}

// line holds the requests of one client at one gate.
type line struct {
	gate    *Gate
	client  Key
	running int
	// waiters are served in order. turn is when the first of them came to the front.
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
	// turn orders the requests by arrival.
	turn uint64
	// at is the position among the running requests.
	at int
	// ready receives the result of the wait, once: whether the request has passed the gate.
	ready chan bool
	// ending reports whether the owner was told to give way.
	ending bool
}

// Owner is the request that a pass belongs to. The methods must not block, and must not call the gate.
type Owner interface {
	// HeldUp reports whether the response has begun, and for how long the client has been holding up the request.
	HeldUp() (answering bool, heldUp time.Duration)
	// GiveWay ends the request for the benefit of others.
	GiveWay(cause GaveWay)
}

// GaveWay is why a request had to give way.
type GaveWay struct {
	// Stalled reports whether the client had held up its own request. Otherwise it held more than its share.
	Stalled bool
	// Held is how many requests the client had running. Share is how many requests a client may keep running while
	// others wait.
	Held, Share int
}

// Entry is how an attempt to enter a gate ends.
type Entry uint8

// These are the results of Enter.
const (
	// Through means that the request may run. Its owner must call Leave when it ends.
	Through Entry = iota
	// Waits means that the owner must call Await.
	Waits
	// Full means that no place is free and that the request cannot wait for one: it is not allowed to, or too many are
	// waiting.
	Full
)

// NewGates returns an empty set of gates with room for the given number of waiting requests. now is time.Now except in
// tests.
func NewGates(places int, now func() time.Time) *Gates {
	return &Gates{now: now, places: places, gates: map[Scope]*Gate{}, clients: map[Key]*waits{}}
}

// Gate returns the gate of a scope, which stays the same over reloads. It has no bound until Bound is called.
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

// Bound sets the bounds of the gates and admits the waiting requests that now fit. All other gates lose their bounds,
// and each is forgotten once no request is left at it.
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

// Enter admits the client's request, or makes it wait if it may. now is the time of the gates' clock, which the caller
// has just read.
func (g *Gate) Enter(p *Pass, client Key, owner Owner, now time.Time, mayWait bool) Entry {
	s := g.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.waiting > 0 {
		g.admit(now) // time may have made room for waiting requests
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

// Leave ends a request that has passed the gate. It does nothing if called again, or for a pass that has not passed.
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

// Counts returns how many requests are running, and how many wait.
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

// start admits a request. The caller holds mu.
func (g *Gate) start(p *Pass) {
	p.at = len(g.running)
	g.running = append(g.running, p)
	p.line.running++
}
