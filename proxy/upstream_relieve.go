package proxy

import (
	"cmp"
	"slices"
	"time"

	"reverse-proxy/proxy/share"
)

const (
	// silentTime is how long an upstream must not have answered any request, although it had some, for its requests to give
	// way to clients that wait for a connection. If its answers usually take longer than half of that, it is twice as long
	// as they take. An upstream that answers slowly, but does answer, is only busy: if its requests gave way to further ones
	// for it, hardly any would be answered.
	silentTime = 500 * time.Millisecond
	// leastWait is how long a request to such an upstream must have waited.
	leastWait = 200 * time.Millisecond
	// relievePause is the time between two searches if the first has found nothing. Each request that ends while clients
	// wait asks for one.
	relievePause = 20 * time.Millisecond
)

// crowd signals that clients wait for room for their connections.
func (u *upstreams) crowd() {
	select {
	case u.crowded <- struct{}{}:
	default: // already signalled
	}
}

// relieve makes room for clients whose connections wait because those of others are in use. If these wait for upstreams that
// answer nothing, a client that needs another upstream would have to wait for their timeouts (S-12.6). For each client that
// waits, relieve ends the calls of one connection, which then becomes idle and makes room. It takes calls to the upstream with
// the most of them, but leaves each upstream its reserve: the calls that have waited longest, one of which will show if the
// upstream answers again. It reports whether it ended any, or has ended some that have not left yet.
func (u *upstreams) relieve() (ended bool) {
	wanted := u.clientsWaiting()
	if wanted == 0 {
		return false
	}
	reserve := u.slots.Reserve()
	var pools [][]hangingCall
	for _, pool := range u.all() {
		calls, ending := pool.hanging(reserve)
		if len(calls) > 0 {
			pools = append(pools, calls)
		}
		wanted -= ending // their connections will become idle soon
		ended = ended || ending > 0
	}
	for ; wanted > 0 && len(pools) > 0; wanted-- {
		most := 0
		for i, calls := range pools {
			if len(calls) > len(pools[most]) {
				most = i
			}
		}
		calls := pools[most]
		if len(calls) == 0 {
			break
		}
		cause := &shareError{limit: share.Reserve, held: len(calls) + reserve, of: reserve}
		from := calls[0].from
		pools[most] = slices.DeleteFunc(calls, func(c hangingCall) bool {
			if c.from == from {
				c.end(cause)
			}
			return c.from == from
		})
		ended = true
	}
	return ended
}

// hangingCall is a call that waits for an upstream that hangs. from is what connOfClient returns.
type hangingCall struct {
	use
	from any
}

// hanging returns the calls that may give way if the upstream hangs, in the order in which they have begun: all that wait for
// an answer but the first few, which are the upstream's reserve, and others of the same connections, which would remain in
// use. ending is how many connections have calls that have to give way and have not left yet.
func (p *upstreamPool) hanging(reserve int) (calls []hangingCall, ending int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := p.answeredAt
	leaving := map[any]bool{}
	for _, conn := range p.busy {
		c := conn.holder
		switch {
		case c == nil:
		case conn.ending:
			leaving[c.connOfClient()] = true
		case c.delivering.Load():
			answered = max(answered, conn.since+int64(c.responseTime))
		default:
			if state, since := c.state(conn.since); state == share.Waiting && c.clock()-since >= int64(leastWait) {
				calls = append(calls, hangingCall{use{p, conn, c, conn.uses}, c.connOfClient()})
			}
		}
	}
	if len(calls) <= reserve {
		return nil, len(leaving)
	}
	slices.SortFunc(calls, func(a, b hangingCall) int { return cmp.Compare(a.conn.since, b.conn.since) })
	first := calls[0]
	if first.call.clock()-max(first.conn.since, answered) < int64(max(silentTime, 2*p.usual)) {
		return nil, len(leaving)
	}
	staying := map[any]bool{}
	for _, c := range calls[:reserve] {
		staying[c.from] = true
	}
	return slices.DeleteFunc(calls[reserve:], func(c hangingCall) bool { return staying[c.from] }), len(leaving)
}

// connOfClient returns what identifies the connection of the call's client, or the call itself if it has no such client.
func (c *upstreamCall) connOfClient() any {
	if c.request != nil && c.request.Addrs != nil {
		return c.request.Addrs // the connection's own
	}
	return c
}
