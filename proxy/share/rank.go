package share

// The ranks of waiting requests, lowest first. A client within its share goes before one that has reached its share,
// whatever their upstreams have, because the latter may be why an upstream is above its share.
const (
	// dueNow is a request for which an exchange is being ended.
	dueNow = iota
	// belowReserve is a request to an upstream that uses less than the reserve, withinShare one to an upstream that uses less
	// than its share, and aboveShare any other.
	belowReserve
	withinShare
	aboveShare
	// clientReached is added to each of the last three if the client has reached its share.
	clientReached = aboveShare
	// ranks is the number of ranks.
	ranks = aboveShare + clientReached + 1
)

// next returns the line whose first waiter gets the next slot: of the lines with the lowest rank, the one that has waited
// longest. If given is not nil, an open connection to it can be handed over, so its own bound does not count. The caller
// holds mu.
func (s *Slots) next(given *Upstream) *line {
	var first [ranks]*line
	for _, l := range s.lines {
		if l.upstream != given && l.upstream.full() {
			continue
		}
		rank := s.rank(l, 0)
		if first[rank] == nil || l.waiters[0].turn < first[rank].waiters[0].turn {
			first[rank] = l
		}
	}
	for _, l := range first {
		if l != nil {
			return l
		}
	}
	return nil
}

// rank returns the rank of the request at an index of its line.
func (s *Slots) rank(l *line, at int) int {
	rank := aboveShare
	switch used, share := l.upstream.Used(), s.ofUpstream(l.upstream); {
	case at < l.due:
		return dueNow
	case used < min(share, reserve(s.limit)):
		rank = belowReserve
	case used < share:
		rank = withinShare
	}
	if s.reached(l.client, l.upstream) == OfClient {
		rank += clientReached
	}
	return rank
}

// reached returns the share that the client or the upstream has reached, or None.
func (s *Slots) reached(c *Client, u *Upstream) Limit {
	most := int(u.most.Load())
	switch {
	case c.Used() >= quarter(s.limit), most > 0 && u.Held(c) >= quarter(most):
		return OfClient
	case u.Used() >= s.ofUpstream(u):
		return OfUpstream
	}
	return None
}

// ofUpstream returns an upstream's share: its own bound, or half of all connections.
func (s *Slots) ofUpstream(u *Upstream) int {
	if most := int(u.most.Load()); most > 0 {
		return min(most, s.limit)
	}
	return half(s.limit)
}
