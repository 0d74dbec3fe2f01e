//go:build linux

package load

import (
	"fmt"
	"time"

	"reverse-proxy/bench/internal/procstat"
	"reverse-proxy/bench/internal/syscount"
)

// reading is the state of the clocks at the start or end of the window.
type reading struct {
	at   time.Time
	cpu  time.Duration
	core procstat.CoreTime
}

func read(job Job) (reading, error) {
	cpu, err := procstat.CPUTime(job.Pids)
	if err != nil {
		return reading{}, err
	}
	core, err := procstat.Core(job.Core)
	return reading{time.Now(), cpu, core}, err
}

// measurement is the measuring of a job in its window.
type measurement struct {
	job    Job
	before reading
	calls  *syscount.Count
}

// begin begins the window.
func begin(job Job) (*measurement, error) {
	w := &measurement{job: job}
	var err error
	if job.CountCalls {
		if w.calls, err = syscount.Begin(job.Pids); err != nil {
			return nil, err
		}
	}
	if w.before, err = read(job); err != nil {
		_, _ = w.endCount()
		return nil, err
	}
	return w, nil
}

// endCount returns the number of system calls, or 0 if they are not counted.
func (w *measurement) endCount() (int64, error) {
	if w.calls == nil {
		return 0, nil
	}
	return w.calls.End()
}

// end ends the window, in which the given number of answers arrived.
func (w *measurement) end(requests int) (Result, error) {
	after, err := read(w.job)
	calls, countErr := w.endCount()
	switch {
	case err != nil:
		return Result{}, err
	case countErr != nil:
		return Result{}, countErr
	case requests == 0:
		return Result{}, fmt.Errorf("%s: no answer in %s", w.job.Addr, w.job.Window)
	}
	return Result{
		Requests:     requests,
		Seconds:      after.at.Sub(w.before.at).Seconds(),
		ProxySeconds: (after.cpu - w.before.cpu).Seconds(),
		CoreBusy:     procstat.BusyShare(w.before.core, after.core),
		Calls:        calls,
	}, nil
}
