package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"reverse-proxy/proxy/eventlog"
)

const (
	// lookUpInterval is the time from one look-up of a name to the next: with what a look-up takes and the wait for its turn,
	// less than the 30 s of S-6.19.
	lookUpInterval = 25 * time.Second
	// lookUpTimeout bounds one look-up.
	lookUpTimeout = 5 * time.Second
	// reloadLookUps is how long a reload waits for the look-ups that it has begun, so that what it answers is usually true
	// of the addresses too, while no dead DNS server holds it up.
	reloadLookUps = 1500 * time.Millisecond
	// afterReload is the time from a reload's look-up to the next one: the resolver looks at /etc/hosts only once in 5 s, so
	// that it may not have seen the change for which the operator reloads.
	afterReload = 6 * time.Second
	// lookUpsInLane is how many names of a lane are looked up at once: each needs two descriptors.
	lookUpsInLane = 4
)

// upstreamNames looks up the names of upstreams, beside the requests: only the first request for a name waits for its
// addresses (S-6.19). Names whose pools are in use are looked up again and again.
type upstreamNames struct {
	lookUp lookUpFunc
	// moved is called after addresses of a name have changed.
	moved func(*upstreamName)
	// log is where changes are logged; nil where nobody reads.
	log *eventlog.Logger
	// ctx ends with close, and with it all look-ups.
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup

	// mu guards what is below. Nobody who holds it takes a name's mu.
	mu     sync.Mutex
	closed bool
	names  map[string]*upstreamName
	// healthy and failing are the lanes of names whose last look-up has succeeded, and of those whose last has failed: names
	// that wait for a dead server hold up only each other.
	healthy, failing lookUpLane
}

// lookUpLane is a queue of names that are due, and how many goroutines work on it.
type lookUpLane struct {
	queue   []*lookUpTurn
	workers int
}

// lookUpTurn is a name's place in a lane. done is closed after a look-up that has begun since.
type lookUpTurn struct {
	name  *upstreamName
	since time.Time
	done  chan struct{}
}

func newUpstreamNames(lookUp lookUpFunc, moved func(*upstreamName)) *upstreamNames {
	ctx, stop := context.WithCancel(context.Background())
	return &upstreamNames{lookUp: lookUp, moved: moved, ctx: ctx, stop: stop, names: map[string]*upstreamName{}}
}

// of returns the name of an upstream's host; nil for an IP address, which nobody looks up.
func (u *upstreamNames) of(host string) *upstreamName {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	name := u.names[host]
	if name == nil {
		name = &upstreamName{name: host, names: u}
		u.names[host] = name
	}
	return name
}

// keep forgets all names but those that are wanted.
func (u *upstreamNames) keep(wanted map[string]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for host := range u.names {
		if !wanted[host] {
			delete(u.names, host)
		}
	}
}

// refresh queues the names that are due.
func (u *upstreamNames) refresh(now time.Time) {
	for _, name := range u.all() {
		if due, failing := name.dueBy(now); due {
			u.enqueue(name, failing)
		}
	}
}

// refreshAll begins to look up every name that has been looked up before, and waits for a while until all are done.
func (u *upstreamNames) refreshAll() {
	ctx, cancel := context.WithTimeout(u.ctx, reloadLookUps)
	defer cancel()
	var turns []*lookUpTurn
	for _, name := range u.all() {
		if known, failing := name.dueBy(time.Now().Add(lookUpInterval)); known {
			name.dueAgain(afterReload)
			turns = append(turns, u.enqueue(name, failing))
		}
	}
	for _, turn := range turns {
		select {
		case <-turn.done:
		case <-ctx.Done():
			return
		}
	}
}

// all returns the names.
func (u *upstreamNames) all() []*upstreamName {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := make([]*upstreamName, 0, len(u.names))
	for _, name := range u.names {
		names = append(names, name)
	}
	return names
}

// enqueue gives the name a turn in its lane, unless it has one, and sees to it that somebody works there.
func (u *upstreamNames) enqueue(name *upstreamName, failing bool) *lookUpTurn {
	u.mu.Lock()
	defer u.mu.Unlock()
	if name.turn != nil {
		return name.turn
	}
	lane := &u.healthy
	if failing {
		lane = &u.failing
	}
	turn := &lookUpTurn{name: name, since: time.Now(), done: make(chan struct{})}
	if u.closed {
		return turn
	}
	name.turn = turn
	lane.queue = append(lane.queue, turn)
	if lane.workers < lookUpsInLane {
		lane.workers++
		u.tasks.Go(func() { u.work(lane) })
	}
	return turn
}

// work gives one name of the lane after the other its turn until there is none.
func (u *upstreamNames) work(lane *lookUpLane) {
	for turn := u.next(lane); turn != nil; turn = u.next(lane) {
		run := turn.name.begin()
		<-run.done
		if run.began.Before(turn.since) { // what it has found may be older than the wish to know
			<-turn.name.begin().done
		}
		close(turn.done)
	}
}

// next takes the first turn of the lane; nil for none, and then the caller works there no more.
func (u *upstreamNames) next(lane *lookUpLane) *lookUpTurn {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(lane.queue) == 0 || u.closed {
		lane.workers--
		return nil
	}
	turn := lane.queue[0]
	lane.queue[0] = nil
	lane.queue = lane.queue[1:]
	turn.name.turn = nil
	return turn
}

// start runs a look-up on a goroutine of its own. It returns false after close.
func (u *upstreamNames) start(run func()) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.tasks.Go(run)
	return true
}

// close ends all look-ups.
func (u *upstreamNames) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.stop()
	u.tasks.Wait()
}

// logChange logs that a name has other addresses than before.
func (u *upstreamNames) logChange(n *upstreamName, before, after []netip.Addr) {
	if u.log != nil {
		u.log.Log(eventlog.LevelInfo, "UPSTREAM_ADDRESSES", eventlog.Str("name", n.name), eventlog.Str("old", addressList(before)), eventlog.Str("new", addressList(after)))
	}
}

// logFailure logs that a name could not be looked up, once until it can.
func (u *upstreamNames) logFailure(n *upstreamName, err error) {
	if u.log == nil {
		return
	}
	kept := "-"
	if found := n.found.Load(); found != nil {
		kept = addressList(*found)
	}
	u.log.Log(eventlog.LevelWarn, "UPSTREAM_LOOKUP", eventlog.Str("name", n.name), eventlog.Str("error", upstreamCause(err)), eventlog.Str("kept", kept))
}
