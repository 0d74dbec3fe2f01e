package proxy

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pace makes a goroutine that always finds something to do let others run (S-12.6). The scheduler lets a goroutine run for
// 10 ms unless it waits, and a client can keep it from waiting: by requests without a gap, records of one byte each, TLS key
// updates, or simply a fast download. With hundreds of such connections, another client's request would wait for hundreds of
// time slices at each of its steps.
//
// A pace belongs to the goroutine that reads a socket, or to the one that writes it. It rests where it holds no buffer, if
// there is such a place: hundreds may rest at the same time (S-12.8).
type pace struct {
	// steps are counted by crypto/tls too, which answers from the reading goroutine.
	steps atomic.Int32
	// lap is when the goroutine completed its latest paceSteps steps, in nanoseconds since 1970.
	lap int64
	// queue is where the goroutine rests. If it is nil, the goroutine rests in the queue of the scheduler.
	queue *busyQueue
	// turn receives the end of a wait in the queue. It is nil before the first one.
	turn chan struct{}
}

// paceSteps is how many steps a goroutine takes before it lets others run. A step takes tens of microseconds. If nobody
// else wants to run, letting others run takes only a fraction of a step's time.
const paceSteps = 8

// paceTime is the time within which a busy goroutine takes these steps. One that takes longer waits for other things between
// them, such as the next request of a client, and lets others run meanwhile. The clock is read once in paceSteps steps, as
// reading it for each would cost every request some 40 ns.
const paceTime = time.Second / 2

// step counts a read that found what it needed, and rests if it is time to.
func (p *pace) step() {
	if p.count(false); p.mustRest() {
		p.rest()
	}
}

// count counts a call. After one that has waited others have had their time.
func (p *pace) count(waited bool) {
	if waited {
		p.steps.Store(0)
		return
	}
	p.steps.Add(1)
}

// restart counts anew, for a goroutine that has let others run for another reason, or that has only begun.
func (p *pace) restart() { p.steps.Store(0) }

// mustRest reports whether the goroutine must rest before its next step.
func (p *pace) mustRest() bool {
	if p.steps.Load() < paceSteps {
		return false
	}
	now := time.Now().UnixNano()
	busy := now-p.lap <= int64(paceTime)
	if p.lap = now; !busy {
		p.steps.Store(0)
	}
	return busy
}

// rest lets others run.
func (p *pace) rest() {
	p.steps.Store(0)
	if p.queue != nil {
		p.queue.enter(p)
		defer p.queue.leave()
	}
	runtime.Gosched()
}

// busyQueue holds goroutines that rest. With hundreds of fast downloads, hundreds of them would be in the queue of the
// scheduler, which serves all goroutines in the order of their arrival. Each time that another client's request waits
// for anything, it would then wait for all of them. Therefore that queue holds at most as many resting goroutines as
// there are processors. The others wait here, in the order of their arrival, and each that runs again makes room for
// the next.
type busyQueue struct {
	// most bounds ready.
	most int32
	// ready is how many goroutines are in the queue of the scheduler, and waiting how many wait here.
	ready, waiting atomic.Int32

	mu    sync.Mutex
	queue []*pace
}

// newBusyQueue returns an empty queue.
func newBusyQueue() *busyQueue { return &busyQueue{most: int32(runtime.GOMAXPROCS(0))} }

// enter waits until the goroutine may enter the queue of the scheduler. leave must follow when it runs again.
func (q *busyQueue) enter(p *pace) {
	if q.waiting.Load() == 0 {
		if q.ready.Add(1) <= q.most {
			return
		}
		q.ready.Add(-1)
	}
	if p.turn == nil {
		p.turn = make(chan struct{}, 1)
	}
	q.mu.Lock()
	q.waiting.Add(1) // before admit looks for room, or room that is made now would go unnoticed
	q.queue = append(q.queue, p)
	q.admit()
	q.mu.Unlock()
	<-p.turn
}

// leave makes room for the next goroutine.
func (q *busyQueue) leave() {
	q.ready.Add(-1)
	if q.waiting.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.admit()
}

// admit ends the wait of those for whom there is room. The caller holds mu.
func (q *busyQueue) admit() {
	for len(q.queue) > 0 && q.ready.Load() < q.most {
		p := q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
		q.ready.Add(1)
		q.waiting.Add(-1)
		p.turn <- struct{}{}
	}
}
