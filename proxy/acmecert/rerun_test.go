package acmecert

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"reverse-proxy/proxy/waittest"
)

func TestATaskRunsOnceMoreHoweverOftenItIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r rerun
		var group sync.WaitGroup
		var runs, atOnce atomic.Int32
		release := make(chan struct{})
		task := func() {
			if atOnce.Add(1) > 1 {
				t.Error("the task runs twice at the same time")
			}
			defer atOnce.Add(-1)
			runs.Add(1)
			<-release
		}
		for range 100 {
			r.start(&group, task)
		}
		synctest.Wait()
		if got := runs.Load(); got != 1 {
			t.Errorf("got %d runs at first, want 1", got)
		}
		close(release)
		group.Wait()
		if got := runs.Load(); got != 2 {
			t.Errorf("got %d runs of 100 starts, want 2", got)
		}
		r.start(&group, task)
		group.Wait()
		if got := runs.Load(); got != 3 {
			t.Errorf("got %d runs after another start, want 3", got)
		}
	})
}

// await waits until the task does not run.
func (r *rerun) await(t *testing.T) {
	t.Helper()
	waittest.For(t, "the task to end", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return !r.running
	})
}
