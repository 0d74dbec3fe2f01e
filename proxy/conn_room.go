package proxy

import (
	"errors"
	"slices"
	"time"

	"reverse-proxy/proxy/deadline"
)

// errOverShare is the cause for cutting a connection whose client holds more than its share while others wait.
var errOverShare = errors.New("its client held more than max_connections_per_client while others waited")

const (
	// leaveTime is how long to wait for a connection that was told to make room before telling another one.
	leaveTime = 3 * deadline.Interval
	// maxPromised is how many accepted connections may wait for leaving ones while their listeners continue to accept.
	// Their descriptors are among config.spareDescriptors.
	maxPromised = 16
	// settledIdle is how long a connection of a client within its share must be idle before it makes room for a client
	// that holds its share. Without it, a connection in regular use would be closed just before its client's next
	// request.
	settledIdle = 5 * time.Second
	// longestIdleKept is how many connections a search for idle ones keeps.
	longestIdleKept = 64
	// asksPerCall bounds how many connections with a new request one call of tellToLeave may encounter.
	asksPerCall = 2 * longestIdleKept
	// looksPerSweep bounds how many connections are examined between two sweeps on behalf of clients that hold their
	// share. On behalf of other clients the bound is twice as high. The bound is needed because the lock is held during
	// a search, and each request that ends while connections wait causes a search.
	looksPerSweep = 200_000
)

// idleList lists the connections that have been idle longest, as of the last search through all connections.
type idleList struct {
	// longest begins with the connection that has been idle longest.
	longest []idleConn
	// at is the time of the search on the sweeper's clock. looked is how many connections were examined since then.
	at     int64
	looked int
	// round numbers the calls of tellToLeave, each of which asks a connection only once. It begins at 1.
	round uint64
}

type idleConn struct {
	conn accountedConn
	idle time.Duration
}

// leavingConn is a connection that was told to make room.
type leavingConn struct {
	conn accountedConn
	// at is when it was told, on the sweeper's clock.
	at int64
}

// makeRoom gives the free room to waiting connections. For each of those that still wait, it tells another connection
// to leave (S-12.2, S-12.6): an idle connection, or else one of a client that holds more than its share. If no
// connection is idle, it refuses waiting connections of clients that hold their own share. All others continue to wait.
// The caller holds mu.
func (r *connRegistry) makeRoom() {
	for len(r.queue) > 0 && r.open < r.limit {
		t := r.queue[0]
		r.queue = slices.Delete(r.queue, 0, 1)
		r.admitTicket(t)
	}
	r.promised = min(r.leavingSoon(), len(r.queue))
	for i := r.promised; i < len(r.queue); {
		t := r.queue[i]
		held := 0 // no share applies to a trusted proxy
		if !t.proxy {
			held = r.clients.held(t.key)
		}
		switch {
		case i == r.promised && r.tellToLeave(held >= r.share):
			r.promised++
		case held >= r.share:
			r.queue = slices.Delete(r.queue, i, i+1)
			r.refused++
			t.held = held
			t.decide(refused)
			continue
		}
		i++
	}
	r.waiting.Store(int32(len(r.queue)))
	if r.promised < len(r.queue) {
		r.onFull()
	}
}

// unpromised returns how many connections wait although no other one was told to make room for them.
func (r *connRegistry) unpromised() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue) - r.promised
}

// leavingSoon returns how many connections were told to leave within leaveTime and have not left yet.
func (r *connRegistry) leavingSoon() (n int) {
	for _, l := range r.leaving {
		if r.sweeper.Clock.Load()-l.at <= int64(leaveTime) {
			n++
		}
	}
	return n
}

// tellToLeave tells one connection to leave. holdsShare reports whether the client that needs the room holds its share.
// tellToLeave reports whether it found a connection.
//
// A connection that was used a short time ago may be about to carry its client's next request, which is lost if the connection
// ends at that moment. If its client is within its share, a connection of the client furthest above its own share goes instead,
// unless all of those have a request in flight (S-12.6).
func (r *connRegistry) tellToLeave(holdsShare bool) bool {
	r.idle.round++
	for range asksPerCall {
		conn, known := r.nextIdle(holdsShare)
		if !known {
			return false
		}
		if conn == nil {
			break
		}
		// No connection is cut for a client that holds its share. A request may have arrived since the search.
		if idle, ok := conn.idleFor(); ok && !holdsShare && !r.mayMakeRoom(conn, idle, true) {
			if other := r.takeIdle(true); other != nil {
				r.idle.insert(idleConn{conn, idle})
				conn = other
			} else if r.idle.looked < looksPerSweep && r.endOverShare(useRequest-1) {
				r.idle.insert(idleConn{conn, idle})
				return true
			}
		}
		if conn.endIdle() {
			r.isLeaving(conn)
			return true
		}
		// A request has just arrived on this connection. The connection may still look idle, because its goroutine may
		// be waiting for mu.
		conn.entry().asked = r.idle.round
	}
	return !holdsShare && r.endOverShare(useRequest)
}

// endOverShare ends a connection of the client that is furthest above its share, if the use of that connection costs no more
// than most. It reports whether it did.
func (r *connRegistry) endOverShare(most connUse) bool {
	conn := r.overShare()
	if conn == nil || conn.use() > most {
		return false
	}
	if conn.use() == useWaiting && conn.endIdle() {
		r.isLeaving(conn)
		return true
	}
	r.isLeaving(conn)
	r.cutForOthers++
	conn.cut(errOverShare)
	r.onCut(conn.peer(), conn.entry().account.conns)
	return true
}

func (r *connRegistry) isLeaving(conn accountedConn) {
	e := conn.entry()
	e.leaving = true
	e.account.leaving++
	r.leaving = append(r.leaving, leavingConn{conn, r.sweeper.Clock.Load()})
}

// nextIdle returns the connection that has been idle longest among those that may make room, and removes it from the
// list. It returns nil if there is none. known is false if nextIdle could not search, because too many connections were
// examined since the last sweep. One search serves many calls: a connection that becomes idle later has been idle for
// less time.
func (r *connRegistry) nextIdle(holdsShare bool) (conn accountedConn, known bool) {
	list := &r.idle
	now := r.sweeper.Clock.Load()
	if list.at != now {
		list.longest, list.at, list.looked = list.longest[:0], now, 0
	}
	if conn := r.takeIdle(holdsShare); conn != nil {
		return conn, true
	}
	if list.looked >= 2*looksPerSweep || holdsShare && list.looked >= looksPerSweep {
		return nil, false
	}
	list.looked += len(r.conns)
	list.longest = list.longest[:0]
	for conn := range r.conns {
		if e := conn.entry(); e.leaving || e.asked == list.round {
			continue
		}
		if idle, ok := conn.idleFor(); ok && r.mayMakeRoom(conn, idle, holdsShare) {
			list.insert(idleConn{conn, idle})
		}
	}
	return r.takeIdle(holdsShare), true
}

// insert inserts a connection into the list if it is among those idle longest.
func (l *idleList) insert(c idleConn) {
	at, _ := slices.BinarySearchFunc(l.longest, c, func(a, b idleConn) int { return int(b.idle - a.idle) })
	if at == longestIdleKept {
		return
	}
	if len(l.longest) == longestIdleKept {
		l.longest = l.longest[:longestIdleKept-1]
	}
	l.longest = slices.Insert(l.longest, at, c)
}

// takeIdle takes the first connection of the list that may make room and is still idle.
func (r *connRegistry) takeIdle(holdsShare bool) accountedConn {
	for i, c := range r.idle.longest {
		if _, there := r.conns[c.conn]; !there || c.conn.entry().leaving {
			continue
		}
		// A connection that was used since the search has been idle for less time.
		if idle, ok := c.conn.idleFor(); ok && idle >= c.idle && r.mayMakeRoom(c.conn, idle, holdsShare) {
			r.idle.longest = slices.Delete(r.idle.longest, i, i+1)
			return c.conn
		}
	}
	return nil
}

// mayMakeRoom reports whether an idle connection may make room for a client that holds its share or one that does not.
func (r *connRegistry) mayMakeRoom(conn accountedConn, idle time.Duration, holdsShare bool) bool {
	return !holdsShare || idle >= settledIdle || conn.entry().account.exceeds(r.share)
}

// overShare returns a connection of the client that is furthest above its share, or nil if no client is above it. Of
// the client's connections it chooses the one that costs least to end, and of those the youngest.
func (r *connRegistry) overShare() accountedConn {
	var heaviest *clientAccount
	most := r.share
	for _, account := range r.clients {
		if staying := account.conns - account.leaving; staying > most {
			heaviest, most = account, staying
		}
	}
	r.idle.looked += len(r.clients)
	if heaviest == nil {
		return nil
	}
	r.idle.looked += len(r.conns)
	var chosen accountedConn
	var use connUse
	for conn := range r.conns {
		e := conn.entry()
		if e.account != heaviest || e.leaving {
			continue
		}
		if u := conn.use(); chosen == nil || u < use || u == use && e.number > chosen.entry().number {
			chosen, use = conn, u
		}
	}
	return chosen
}
