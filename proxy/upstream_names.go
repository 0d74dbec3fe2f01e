package proxy

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

const (
	// lookUpInterval is the time between two look-ups of a name. Together with the look-up itself and the wait for its
	// turn it is less than the 30 s of S-6.19.
	lookUpInterval = 25 * time.Second
	// lookUpTimeout bounds one look-up.
	lookUpTimeout = 5 * time.Second
	// reloadLookUps is how long a reload waits for the look-ups that it starts. Usually its answer then covers the
	// addresses too, but a dead DNS server does not hold it up.
	reloadLookUps = 1500 * time.Millisecond
	// afterReload is the time from a reload's look-up to the next one. The resolver checks /etc/hosts only once in 5 s,
	// so the first look-up may have missed the change for which the operator reloads.
	afterReload = 6 * time.Second
	// lookUpsInLane is how many names of a lane are looked up at the same time. Each needs two descriptors.
	lookUpsInLane = 4
)

// upstreamNames looks up the names of upstreams in the background, so that only the first request for a name waits for
// its addresses (S-6.19). Names whose pools are in use are looked up periodically.
type upstreamNames struct {
	lookUp lookUpFunc
	// moved is called after the addresses of a name have changed.
	moved func(*upstreamName)
	// log is where changes are logged; it may be nil.
	log *eventlog.Logger
	// ctx ends at close and ends all look-ups.
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup

	// mu guards the fields below. Never take a name's mu while holding it.
	mu     sync.Mutex
	closed bool
	names  map[string]*upstreamName
	// healthy is the lane of names whose last look-up succeeded, and failing the lane of names whose last one failed.
	// Names that wait for a dead server thus hold up only each other.
	healthy, failing lookUpLane
}

// lookUpLane is a queue of due names, and the number of goroutines that work on it.
type lookUpLane struct {
	queue   []*lookUpTurn
	workers int
}

// lookUpTurn is a name's place in a lane. done is closed after a look-up that began after since.
type lookUpTurn struct {
	name  *upstreamName
	since time.Time
	done  chan struct{}
}

func newUpstreamNames(lookUp lookUpFunc, moved func(*upstreamName)) *upstreamNames {
	ctx, stop := context.WithCancel(context.Background())
	return &upstreamNames{lookUp: lookUp, moved: moved, ctx: ctx, stop: stop, names: map[string]*upstreamName{}}
}

// of returns the name of an upstream's host, or nil for an IP address, which needs no look-up.
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

// keep forgets all names except the wanted ones.
func (u *upstreamNames) keep(wanted map[string]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for host := range u.names {
		if !wanted[host] {
			delete(u.names, host)
		}
	}
}

// refresh queues the due names.
func (u *upstreamNames) refresh(now time.Time) {
	for _, name := range u.all() {
		if due, failing := name.dueBy(now); due {
			u.enqueue(name, failing)
		}
	}
}

// refreshAll starts to look up every name that has been looked up before, and waits for a while until all are done.
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

// enqueue gives the name a turn in its lane, unless it has one, and makes sure that a goroutine works on the lane.
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

// work looks up the names of the lane, one after another, until none are left.
func (u *upstreamNames) work(lane *lookUpLane) {
	for turn := u.next(lane); turn != nil; turn = u.next(lane) {
		run := turn.name.begin()
		<-run.done
		if run.began.Before(turn.since) { // the result may be older than the request for it
			<-turn.name.begin().done
		}
		close(turn.done)
	}
}

// next takes the first turn of the lane, or returns nil if there is none. After nil, the caller must stop working on
// the lane.
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

// start runs a look-up on its own goroutine. It returns false after close.
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

// logChange logs a change of a name's addresses.
func (u *upstreamNames) logChange(n *upstreamName, before, after []netip.Addr) {
	if u.log != nil {
		u.log.Log(eventlog.LevelInfo, "UPSTREAM_ADDRESSES", eventlog.Str("name", n.name), eventlog.Str("old", addressList(before)), eventlog.Str("new", addressList(after)))
	}
}

// logFailure logs that a name could not be looked up. It does so only once until a look-up succeeds again.
func (u *upstreamNames) logFailure(n *upstreamName, err error) {
	if u.log == nil {
		return
	}
	kept := "-"
	if found := n.found.Load(); found != nil {
		kept = addressList(*found)
	}
	u.log.Log(eventlog.LevelWarn, "UPSTREAM_LOOKUP", eventlog.Str("name", n.name), eventlog.Err(wording.Cause(err)), eventlog.Str("kept", kept))
}
