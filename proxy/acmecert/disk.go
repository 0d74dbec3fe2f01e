package acmecert

import (
	"context"
	"fmt"
	"sync"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/wording"
)

// diskPatience is how long an operation on the cache may take before it is given up.
const diskPatience = 30 * time.Second

// disk is the file system of a cache directory. It may hang, as a network file system does while its server is down, and a
// Manager must not wait for it forever. An operation is given up after diskPatience. Until all that were given up have
// ended, further ones fail immediately: nothing piles up, and no late write replaces a newer one.
type disk struct {
	dir string
	// late is called when the first operation is given up; nil for nothing.
	late func(error)
	// stall runs before each operation; nil for nothing. Tests make the disk hang with it.
	stall func()

	mu sync.Mutex
	// overdue counts the operations that were given up and have not ended.
	overdue int
}

// hangError is the error of an operation on a disk that does not answer.
type hangError struct{ dir string }

func (e hangError) Error() string {
	return fmt.Sprintf("%s: the disk has not answered for %s", e.dir, wording.Duration(diskPatience))
}

// newDisk returns the disk of a cache directory. It logs when the disk hangs, unless log is nil.
func newDisk(dir, directory string, log *eventlog.Logger) *disk {
	d := &disk{dir: dir}
	if log != nil {
		d.late = func(err error) {
			log.Log(eventlog.LevelError, "ACME_ERROR", eventlog.Str("directory", directory), eventlog.Str("error", err.Error()+
				"; until it does, certificates are served and renewed from memory, and a start fails"))
		}
	}
	return d
}

// hangs returns an error while an operation that was given up has not ended.
func (d *disk) hangs() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.overdue > 0 {
		return hangError{d.dir}
	}
	return nil
}

// count changes the number of operations that were given up.
func (d *disk) count(change int) {
	d.mu.Lock()
	first := d.overdue == 0
	d.overdue += change
	d.mu.Unlock()
	if first && d.late != nil {
		d.late(hangError{d.dir})
	}
}

// onDisk returns the result of an operation, unless the disk hangs or ctx ends before the operation does. The operation then
// ends when the disk answers, or with the process, and drop, if it is not nil, gets its result.
func onDisk[T any](ctx context.Context, d *disk, operation func() (T, error), drop func(T)) (T, error) {
	if err := d.hangs(); err != nil {
		var none T
		return none, err
	}
	return begin(ctx, d, operation, drop)
}

// begin is onDisk for a caller that has checked that the disk does not hang.
func begin[T any](ctx context.Context, d *disk, operation func() (T, error), drop func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done, gone, late := make(chan result), make(chan struct{}), make(chan struct{})
	defer close(gone)
	timer := time.AfterFunc(diskPatience, func() { d.count(1); close(late) })
	go func() {
		if d.stall != nil {
			d.stall()
		}
		value, err := operation()
		if !timer.Stop() {
			<-late
			d.count(-1)
		}
		select {
		case done <- result{value, err}:
		case <-gone:
			if drop != nil {
				drop(value)
			}
		}
	}()
	var none T
	select {
	case r := <-done:
		return r.value, r.err
	case <-late:
		return none, hangError{d.dir}
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
