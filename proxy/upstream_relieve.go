package proxy

import (
	"cmp"
	"slices"
	"time"

	"reverse-proxy/proxy/share"
)

const (
	// silentTime is how long an upstream must not have answered any request, although it had some, for its requests to give
	// way to clients that wait for a connection. An upstream that answers slowly, but does answer, is only busy: if its
	// requests gave way to further ones for it, none would ever be answered.
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
// waits, relieve ends one call, so that the connection of the call's client becomes idle and makes room. It takes a call to
// the upstream with the most of them, but leaves each upstream its reserve: the calls that have waited longest, one of which
// will show if the upstream answers again. It reports whether it ended any.
func (u *upstreams) relieve() (ended bool) {
	wanted := u.clientsWaiting()
	if wanted == 0 {
		return false
	}
	var pools [][]use
	for _, pool := range u.all() {
		calls, ending := pool.hanging()
		pools = append(pools, calls)
		wanted -= ending // the connections of their clients will become idle soon
	}
	reserve := u.slots.Reserve()
	for ; wanted > 0; wanted-- {
		most := 0
		for i, calls := range pools {
			if len(calls) > len(pools[most]) {
				most = i
			}
		}
		held := len(pools[most])
		if held <= reserve {
			break
		}
		pools[most][reserve].end(&shareError{limit: share.Reserve, held: held, of: reserve})
		pools[most] = slices.Delete(pools[most], reserve, reserve+1)
		ended = true
	}
	return ended
}

// hanging returns the calls that wait for an answer, longest first, if the upstream hangs. ending is how many calls have to
// give way and have not left yet.
func (p *upstreamPool) hanging() (calls []use, ending int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hangs := false
	for _, conn := range p.busy {
		c := conn.holder
		switch {
		case c == nil:
		case conn.ending:
			ending++
		default:
			now := c.clock()
			if state, since := c.state(conn.since); state == share.Waiting && now-since >= int64(leastWait) {
				calls = append(calls, use{p, conn, c, conn.uses})
				hangs = hangs || now-max(since, p.answeredAt) >= int64(silentTime)
			}
		}
	}
	if !hangs {
		return nil, ending
	}
	slices.SortFunc(calls, func(a, b use) int { return cmp.Compare(a.conn.since, b.conn.since) })
	return calls, ending
}
