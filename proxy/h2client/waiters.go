package h2client

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// waiters is the queue of the requests that wait for a stream of a Set. A change that may give a stream to one of them, such as
// the end of another stream, wakes only the first. If that one gets a stream, it wakes the next. So a change costs the same
// however many requests wait.
type waiters struct {
	// number is the length of the queue. It lets the end of a stream cost no lock while nobody waits.
	number atomic.Int64
	mu     sync.Mutex
	queue  list.List
}

// waiter is a request in the queue.
type waiter struct {
	// wake makes the request look for a stream again. A change that comes before it waits makes it look at once.
	wake chan struct{}
	// at is its place in the queue, or nil if it has left. err is why it must not look again. The mu of the queue guards both.
	at  *list.Element
	err error
}

// join adds a request at the end of the queue. A request must join before it looks for a stream: a change that comes afterwards
// would otherwise be lost.
func (q *waiters) join() *waiter {
	w := &waiter{wake: make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	w.at = q.queue.PushBack(w)
	q.number.Add(1)
	return w
}

// leave removes a request that waits no longer, and wakes the first of the others: the change that has woken this one may be
// enough for two, or was not used. It does nothing if the request has left before.
func (q *waiters) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.at == nil {
		return
	}
	q.remove(w)
	q.first()
}

// remove removes a request. The caller holds mu.
func (q *waiters) remove(w *waiter) {
	q.queue.Remove(w.at)
	w.at = nil
	q.number.Add(-1)
}

// changed wakes the first request. The caller may hold the mu of a Conn.
func (q *waiters) changed() {
	if q.number.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.first()
}

// first wakes the first request. The caller holds mu.
func (q *waiters) first() {
	if e := q.queue.Front(); e != nil {
		signal(e.Value.(*waiter).wake)
	}
}

// fail ends the wait of all requests with an error.
func (q *waiters) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.queue.Len() > 0 {
		w := q.queue.Front().Value.(*waiter)
		q.remove(w)
		w.err = err
		signal(w.wake)
	}
}

// failed returns why the request must not look again, or nil.
func (q *waiters) failed(w *waiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return w.err
}
