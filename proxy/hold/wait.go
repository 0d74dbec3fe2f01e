package hold

import "reverse-proxy/proxy/limit"

// Outcome is how a request at a paused site goes on.
type Outcome uint8

const (
	// GoesOn means that the pause is over, or that there is none.
	GoesOn Outcome = iota
	// Full means that too many requests wait already.
	Full
	// Refused means that the pause has ended with the process.
	Refused
	// GaveUp means that the caller's done was closed first.
	GaveUp
)

// Wait makes a request of a client wait while the site is paused, or until done is closed.
func (s *Site) Wait(client limit.Key, done <-chan struct{}) Outcome {
	end, outcome := s.enter(client)
	if end == nil {
		return outcome
	}
	defer s.leave(client)
	select {
	case <-end.over:
		if end.resumed {
			return GoesOn
		}
		return Refused
	case <-done:
		return GaveUp
	}
}

// enter counts a request that has to wait, and returns what for. It returns nil if the request does not wait.
func (s *Site) enter(client limit.Key) (*ending, Outcome) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	o := s.orders.Load()
	switch {
	case o == nil || o.pause == nil:
		return nil, GoesOn
	case s.waiting >= MaxWaiting || s.of.waiting >= MaxWaitingTogether || s.of.clients[client] >= MaxWaitingPerClient:
		return nil, Full
	}
	s.waiting++
	s.of.waiting++
	s.of.clients[client]++
	return o.pause.ending, GoesOn
}

func (s *Site) leave(client limit.Key) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.waiting--
	s.of.waiting--
	if s.of.clients[client]--; s.of.clients[client] == 0 {
		delete(s.of.clients, client)
	}
}

// Waiting returns the number of requests that wait at all sites.
func (h *Holds) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}
