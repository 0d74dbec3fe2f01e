package proxy

import (
	"sync"
	"time"
)

// idleWatch ends an exchange in which a body is on its way and no byte of it has moved, in either direction, for a given
// time (S-6.9). A body that moves is never cut, however long it takes; the wait for the upstream's head is not
// counted, it has a limit of its own. It has one timer that is set again only when it fires, so that a byte costs a
// clock reading and no timer operation.
type idleWatch struct {
	mu      sync.Mutex
	timeout time.Duration
	expire  func()
	timer   *time.Timer
	// bodies is how many bodies are on their way: 0, 1 or 2.
	bodies int
	last   time.Time
	done   bool
}

// newIdleWatch returns a watch that calls expire, once and in a goroutine of its own, when a body has stood still for
// timeout. The caller stops it.
func newIdleWatch(timeout time.Duration, expire func()) *idleWatch {
	w := &idleWatch{timeout: timeout, expire: expire}
	return w
}

// begin says that a body is on its way from now on.
func (w *idleWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies++
	w.last = time.Now()
	if w.timer == nil && !w.done {
		w.timer = time.AfterFunc(w.timeout, w.check)
	}
}

// end says that one body has come to its end. It may be called on a nil watch.
func (w *idleWatch) end() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies--
}

// moved says that n bytes have moved. It may be called on a nil watch.
func (w *idleWatch) moved(n int) {
	if w == nil || n <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
}

// stop ends the watch; expire is not called after it has returned, unless it was already.
func (w *idleWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *idleWatch) check() {
	w.mu.Lock()
	if w.done {
		w.mu.Unlock()
		return
	}
	left := w.timeout
	if w.bodies > 0 {
		left = w.timeout - time.Since(w.last)
	}
	if left > 0 {
		w.timer.Reset(left)
		w.mu.Unlock()
		return
	}
	w.done = true
	w.mu.Unlock()
	w.expire()
}
