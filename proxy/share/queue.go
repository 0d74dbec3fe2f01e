package share

// displace makes room in a full queue for a request of the client to the upstream. The first of these gives way: the client
// with the most waiting requests, if it has more than its share of the queue; the upstream with the most waiting requests,
// if it has more than its share; the client with the most waiting requests, if it has more of them than this client. If
// requests to an upstream give way, it is one of the client that has the most of these. displace reports whether the new
// request itself is refused, and because of which limit. The caller holds mu.
func (s *Slots) displace(c *Client, u *Upstream) (limit Limit, refused bool) {
	client, upstream := c, u
	for _, l := range s.lines {
		if l.client.waiting > client.waiting {
			client = l.client
		}
		if l.upstream.waiting > upstream.waiting {
			upstream = l.upstream
		}
	}
	switch {
	case client.waiting > quarter(s.queue) && client == c:
		return OfClient, true
	case client.waiting > quarter(s.queue):
		s.refuseOfClient(client)
	case upstream.waiting > half(s.queue):
		longest := s.longestOf(upstream)
		if upstream == u && len(longest.waiters) <= s.waiting(pair{c, u})+1 {
			return OfUpstream, true
		}
		s.refuseLast(longest, OfUpstream)
	case client.waiting > c.waiting+1:
		s.refuseOfClient(client)
	default:
		return None, true
	}
	return None, false
}

// waiting returns how many requests of the pair wait. The caller holds mu.
func (s *Slots) waiting(p pair) int {
	if l := s.byPair[p]; l != nil {
		return len(l.waiters)
	}
	return 0
}

// longestOf returns the longest line for the upstream; of several, the one that a request has joined last. Some request waits
// for the upstream. The caller holds mu.
func (s *Slots) longestOf(u *Upstream) (longest *line) {
	for _, l := range s.lines {
		if l.upstream != u {
			continue
		}
		if longest == nil || len(l.waiters) > len(longest.waiters) || len(l.waiters) == len(longest.waiters) && l.last().turn > longest.last().turn {
			longest = l
		}
	}
	return longest
}

// refuseOfClient refuses the newest waiting request of the client. The caller holds mu.
func (s *Slots) refuseOfClient(c *Client) {
	var newest *line
	for _, l := range s.lines {
		if l.client == c && (newest == nil || l.last().turn > newest.last().turn) {
			newest = l
		}
	}
	if newest != nil {
		s.refuseLast(newest, OfClient)
	}
}

// last returns the request that has joined the line last.
func (l *line) last() *Waiter { return l.waiters[len(l.waiters)-1] }

// refuseLast refuses the last request of the line. The caller holds mu.
func (s *Slots) refuseLast(l *line, limit Limit) {
	s.remove(l, len(l.waiters)-1).Ready <- Grant{Refused: true, Limit: limit}
}
