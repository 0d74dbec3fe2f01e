package share

// displace makes room in a full queue for a request of the client to the upstream. The first of these gives way: the client
// with the most waiting requests, if it has more than its share of the queue; the upstream with the most waiting requests,
// if it has more than its share; the client with the most waiting requests, if it has more of them than this client.
// displace reports whether the new request itself is refused, and because of which limit. The caller holds mu.
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
	case client.waiting > quarter(s.queue):
		limit = OfClient
	case upstream.waiting > half(s.queue):
		limit = OfUpstream
	case client.waiting > c.waiting+1:
		limit = OfClient
	default:
		return None, true
	}
	if limit == OfClient && client == c || limit == OfUpstream && upstream == u {
		return limit, true
	}
	s.refuseNewest(limit, client, upstream)
	return None, false
}

// refuseNewest refuses the newest waiting request of the client, or to the upstream. The caller holds mu.
func (s *Slots) refuseNewest(limit Limit, c *Client, u *Upstream) {
	var newest *line
	for _, l := range s.lines {
		if limit == OfClient && l.client != c || limit == OfUpstream && l.upstream != u {
			continue
		}
		if newest == nil || l.waiters[len(l.waiters)-1].turn > newest.waiters[len(newest.waiters)-1].turn {
			newest = l
		}
	}
	if newest != nil {
		s.remove(newest, len(newest.waiters)-1).Ready <- Grant{Refused: true, Limit: limit}
	}
}
