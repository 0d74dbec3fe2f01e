package limit

import "time"

const (
	// crowdTime is how long a gate stays crowded after a client within its share has found no room. Meanwhile the last
	// places are kept for clients within their shares, so a client that had to give way cannot return at once and have
	// to give way again. Besides, the application may still be working on a request that was ended.
	crowdTime = time.Minute
	// patience is how long a request within its client's share waits before another request must give way. If a place
	// becomes free by itself in that time, no request must give way.
	patience = 200 * time.Millisecond
	// stalled is how long a client must have held up its own request before the request must give way. A client that
	// reads steadily at 50 KB a second or more stays below it.
	stalled = 5 * time.Second
)

// share returns the share of one client in a gate while others wait: a quarter. The same number of places is kept for
// clients within their shares while the gate is crowded.
func share(bound int) int { return max(1, bound/4) }

// mayRun reports whether there is room for a request of the line. The caller holds mu.
func (g *Gate) mayRun(l *line, now time.Time) bool {
	free := g.bound - len(g.running)
	switch {
	case g.bound == 0:
		return true
	case free <= 0:
		return false
	}
	return l.running < share(g.bound) || free > share(g.bound) || !g.isCrowded(now)
}

// isCrowded reports whether a client within its share has lately found no room because another client held more than
// its share.
func (g *Gate) isCrowded(now time.Time) bool {
	return !g.crowded.IsZero() && now.Sub(g.crowded) < crowdTime
}

// next returns the line whose first request is admitted next, or nil. Of the clients for which there is room, it is the
// one with the fewest running requests; among equals, the clients take turns. The caller holds mu.
func (g *Gate) next(now time.Time) *line {
	var best *line
	for _, l := range g.lines {
		if len(l.waiters) == 0 || !g.mayRun(l, now) {
			continue
		}
		if best == nil || l.running < best.running || l.running == best.running && l.turn < best.turn {
			best = l
		}
	}
	return best
}

// admit admits waiting requests for as long as there is room. The caller holds mu.
func (g *Gate) admit(now time.Time) {
	for g.waiting > 0 && (g.bound == 0 || len(g.running) < g.bound) {
		l := g.next(now)
		if l == nil {
			return
		}
		p := g.of.dequeue(l, 0)
		g.of.turn++
		l.turn = g.of.turn
		g.start(p)
		p.ready <- true
	}
}

// mostRunning returns the largest number of running requests that any client has. The caller holds mu.
func (g *Gate) mostRunning() (most int) {
	for _, p := range g.running { // places may be far fewer than waiting clients
		most = max(most, p.line.running)
	}
	return most
}

// press makes another request give way to one that has waited for long enough, if its client is within its share. Only
// one request gives way at a time, because it leaves within milliseconds.
func (g *Gate) press(p *Pass) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	g.admit(g.of.now()) // time may have made room
	if p.line == nil || p.at >= 0 || p.line.running >= share(g.bound) {
		return
	}
	if victim, cause := g.victim(); victim != nil {
		victim.ending = true
		victim.owner.GiveWay(cause)
	}
}

// victim returns the request that must give way: the one that its client has held up for longest, else one of the
// client with the most running requests, if that is more than its share. It returns nil if there is none, or if a
// request has already been told to give way. The caller holds mu.
func (g *Gate) victim() (victim *Pass, cause GaveWay) {
	var longest time.Duration
	for _, p := range g.running {
		if p.ending {
			return nil, GaveWay{}
		}
		if _, heldUp := p.owner.HeldUp(); heldUp >= stalled && heldUp > longest {
			victim, longest = p, heldUp
		}
	}
	cause.Share = share(g.bound)
	if victim != nil {
		cause.Stalled, cause.Held = true, victim.line.running
		return victim, cause
	}
	if cause.Held = g.mostRunning(); cause.Held > cause.Share {
		victim = g.leastWelcome(cause.Held)
	}
	return victim, cause
}

// leastWelcome chooses among the requests of the clients that have that many running: the oldest of those whose
// response has not begun, else the newest. The caller holds mu.
func (g *Gate) leastWelcome(running int) (victim *Pass) {
	begun := true
	for _, p := range g.running {
		if p.line.running < running {
			continue
		}
		answering, _ := p.owner.HeldUp()
		switch {
		case victim == nil, begun && !answering, begun && p.turn > victim.turn, !answering && p.turn < victim.turn:
			victim, begun = p, answering
		}
	}
	return victim
}
