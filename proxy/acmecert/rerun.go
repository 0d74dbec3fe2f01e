package acmecert

import "sync"

// rerun runs a task in at most one goroutine at a time. However often the task is started while it runs, it runs only
// once more afterwards, so that a store with endless changes does not pile up goroutines.
type rerun struct {
	mu             sync.Mutex
	running, again bool
}

// start runs the task in a goroutine of the group, or has it run again if it is running.
func (r *rerun) start(group *sync.WaitGroup, task func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		r.again = true
		return
	}
	r.running = true
	group.Go(func() {
		for {
			task()
			if r.ended() {
				return
			}
		}
	})
}

// ended reports whether the task need not run again.
func (r *rerun) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = r.again
	r.again = false
	return !r.running
}
