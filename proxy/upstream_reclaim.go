package proxy

import (
	"sync"
	"time"

	"reverse-proxy/proxy/share"
)

// reclaimInterval is the time between two searches for calls that could give way to requests that wait for a
// connection.
const reclaimInterval = 50 * time.Millisecond

// clientOf returns the account of the call's client.
func (u *upstreams) clientOf(c *upstreamCall) *share.Client {
	if c == nil || c.client == nil {
		return &u.nobody
	}
	return c.client
}

// press signals that a request must wait.
func (u *upstreams) press() {
	select {
	case u.pressed <- struct{}{}:
	default: // already signalled
	}
}

// makeRoom gives an idle connection to a request that waits for this pool's upstream: one of the pool's own, or else
// the slot of the connection that has been idle longest, whatever its upstream.
func (p *upstreamPool) makeRoom() {
	if p.all.idle.Load() == 0 {
		return
	}
	if conn := p.takeNewest(); conn != nil && p.pass(conn) != share.Keep {
		return
	}
	p.all.makeRoom()
}

// makeRoom gives the connection that has been idle longest to a waiting request. If all waiting requests are for
// upstreams that have reached their own bound, only a connection to one of these helps.
func (u *upstreams) makeRoom() {
	anySlot := u.slots.Wants()
	var oldest *upstreamPool
	var since time.Time
	for _, pool := range u.all() {
		at, ok := pool.idleLongest()
		if ok && (oldest == nil || at.Before(since)) && (anySlot || u.slots.Waiting(&pool.share) > 0) {
			oldest, since = pool, at
		}
	}
	if oldest == nil {
		return
	}
	if conn := oldest.takeOldest(); conn != nil {
		oldest.pass(conn)
	}
}

// reclaim ends calls whose client or upstream has more than its share, or whose client holds them up. It does so for
// requests that have waited too long although they are within their shares.
func (u *upstreams) reclaim(now time.Time) {
	if u.idle.Load() > 0 {
		u.makeRoom() // a connection may have become idle just as a request began to wait
	}
	var uses []use
	var holders []share.Holder
	for _, pool := range u.all() {
		uses, holders = pool.holders(uses, holders)
	}
	for _, victim := range u.slots.Victims(now, holders) {
		uses[victim.At].end(&shareError{limit: victim.Limit, held: victim.Held, of: victim.Of})
	}
}

// use is one call's use of a connection.
type use struct {
	pool  *upstreamPool
	conn  *upstreamConn
	call  *upstreamCall
	count uint64
}

// holders appends the use of each connection in use to uses, and its share.Holder to holders, at the same index.
func (p *upstreamPool) holders(uses []use, holders []share.Holder) ([]use, []share.Holder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.busy {
		c := conn.holder
		if c == nil {
			continue
		}
		state, since := c.state(conn.since)
		holders = append(holders, share.Holder{
			Client: conn.client, Upstream: &p.share, State: state, For: time.Duration(c.clock() - since),
			Unread: c.delivering.Load(), Ending: conn.ending,
		})
		uses = append(uses, use{p, conn, c, conn.uses})
	}
	return uses, holders
}

// end ends the call if it still uses the connection.
func (u *use) end(cause error) {
	if !u.call.giveWay(u.conn, u.count, cause) {
		return
	}
	u.pool.mu.Lock()
	defer u.pool.mu.Unlock()
	if u.conn.uses == u.count {
		u.conn.ending = true
	}
}

// state returns what a call that has been using a connection since used is waiting for, and since when.
func (c *upstreamCall) state(used int64) (state share.State, since int64) {
	if blocked := c.blockedSince.Load(); blocked != 0 {
		return share.Blocked, c.progress.since(c, blocked)
	}
	if !c.delivering.Load() {
		return share.Waiting, used
	}
	return share.Streaming, used
}

// callProgress distinguishes a client that reads slowly from one that reads nothing.
type callProgress struct {
	mu sync.Mutex
	// wait is when the wait began that was looked at last, taken is what the client had taken then, and moved is when that
	// last changed.
	wait  int64
	taken uint64
	moved int64
}

const (
	// slowAfter is how long a wait lasts before progress is looked for. It spares most waits the system call.
	slowAfter = int64(100 * time.Millisecond)
	// stepTime is how long a client may take nothing and still count as taking bytes. A client that reads steadily, but more
	// slowly than bytes could arrive, has a full receive buffer, and accepts more only once some of it is free.
	stepTime = int64(250 * time.Millisecond)
)

// since returns when the client began to block the call. That is blocked, the beginning of the wait, or, if the owner knows
// what the client takes, stepTime after the client last took something.
func (p *callProgress) since(c *upstreamCall, blocked int64) int64 {
	now := c.clock()
	if now-blocked < slowAfter {
		return blocked
	}
	taken, ok := c.owner.acknowledged()
	if !ok {
		return blocked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wait != blocked || p.taken != taken {
		p.wait, p.taken, p.moved = blocked, taken, now // the first look has no earlier one to compare with
	}
	return min(now, p.moved+stepTime)
}

// clock returns the time on the sweeper's clock, which is at most one sweep late.
func (c *upstreamCall) clock() int64 {
	if c == nil || c.timer == nil || c.timer.Sweeper == nil {
		return 0 // in tests
	}
	return c.timer.Sweeper.Clock.Load()
}

// blocks records that the call waits for its client, and unblocks that it no longer does.
func (c *upstreamCall) blocks()   { c.blockedSince.Store(max(1, c.clock())) }
func (c *upstreamCall) unblocks() { c.blockedSince.Store(0) }
