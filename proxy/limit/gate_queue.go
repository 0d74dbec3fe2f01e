package limit

import "time"

// Await waits until the request is admitted, and reports whether it was. The wait ends without success when done is
// closed, and when displace refuses the request. If the request is admitted at the same moment, it counts as admitted.
func (g *Gate) Await(p *Pass, done <-chan struct{}) bool {
	pressing := time.NewTicker(patience)
	defer pressing.Stop()
	for {
		select {
		case through := <-p.ready:
			return through
		case <-pressing.C:
			g.press(p)
		case <-done:
			if g.of.cancel(p) {
				return false
			}
			return <-p.ready
		}
	}
}

// cancel ends a wait. It returns false if the wait has already ended.
func (s *Gates) cancel(p *Pass) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.line == nil || p.at >= 0 {
		return false
	}
	l := p.line
	for i, other := range l.waiters {
		if other == p {
			s.dequeue(l, i)
			break
		}
	}
	l.gate.forget(l)
	p.line = nil
	return true
}

// enqueue makes a request wait. The caller holds mu.
func (s *Gates) enqueue(p *Pass) {
	l := p.line
	p.at, p.ready = -1, make(chan bool, 1)
	if len(l.waiters) == 0 {
		l.at = len(s.queue)
		s.queue = append(s.queue, l)
		l.turn, l.waits = p.turn, s.waitsOf(l.client)
	}
	l.waiters = append(l.waiters, p)
	l.waits.n++
	l.gate.waiting++
	s.waiting++
}

func (s *Gates) waitsOf(client Key) *waits {
	w := s.clients[client]
	if w == nil {
		w = new(waits)
		s.clients[client] = w
	}
	return w
}

// dequeue removes a request from its line. The caller holds mu.
func (s *Gates) dequeue(l *line, i int) *Pass {
	p := l.waiters[i]
	copy(l.waiters[i:], l.waiters[i+1:])
	last := len(l.waiters) - 1
	l.waiters[last] = nil
	l.waiters = l.waiters[:last]
	l.gate.waiting--
	s.waiting--
	if l.waits.n--; l.waits.n == 0 {
		delete(s.clients, l.client)
	}
	if last == 0 {
		end := len(s.queue) - 1
		s.queue[l.at] = s.queue[end]
		s.queue[l.at].at = l.at
		s.queue[end] = nil
		s.queue = s.queue[:end]
		l.waits = nil
	}
	return p
}

// displace makes room in a full queue for a request of the line, by refusing a waiting one. It reports whether the new
// request is refused instead. It refuses the newest request of the client with the most waiting requests, if that
// client has more than a quarter of the queue. Otherwise it refuses the newest request of another gate that has more
// than half of the queue. Otherwise it refuses the newest request of the same client, if that client has more waiting
// requests than the client of the line would have with the new one. Otherwise it refuses the new request. A client that
// already has more than a quarter of the queue displaces nobody. The caller holds mu.
func (s *Gates) displace(l *line) (refused bool) {
	own := 0
	if w := s.clients[l.client]; w != nil {
		own = w.n
	}
	quarter, half := s.places/4, s.places/2
	if own > quarter {
		return true
	}
	client, gate := s.queue[0], l.gate
	for _, other := range s.queue {
		if other.waits.n > client.waits.n {
			client = other
		}
		if other.gate.waiting > gate.waiting {
			gate = other.gate
		}
	}
	switch most := client.waits.n; {
	case most > quarter:
		s.refuseNewest(func(other *line) bool { return other.client == client.client })
	case gate.waiting > half && gate != l.gate:
		s.refuseNewest(func(other *line) bool { return other.gate == gate })
	case most > own+1:
		s.refuseNewest(func(other *line) bool { return other.client == client.client })
	default:
		return true
	}
	return false
}

// refuseNewest refuses the newest waiting request of the chosen lines. The caller holds mu.
func (s *Gates) refuseNewest(chosen func(*line) bool) {
	var newest *line
	for _, l := range s.queue {
		if chosen(l) && (newest == nil || l.waiters[len(l.waiters)-1].turn > newest.waiters[len(newest.waiters)-1].turn) {
			newest = l
		}
	}
	p := s.dequeue(newest, len(newest.waiters)-1)
	newest.gate.forget(newest)
	p.line = nil
	p.ready <- false
}
