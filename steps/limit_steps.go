package steps

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func (w *World) limitSteps() []step {
	return []step{
		{`the proxy cannot open any more files`, w.starve, "Lowers the limit of the running daemon to what it has open."},
		{`the proxy can open files again`, w.feed, ""},
		{`the proxy uses at most {int} ms of processor time within {int} ms`, w.processorTime, "Waits that long."},
	}
}

// starve lowers the daemon's limit of descriptors, which counts for new ones alone, so that accept fails with EMFILE.
func (w *World) starve() error {
	pid := w.daemon.cmd.Process.Pid
	open, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	if err != nil {
		return err
	}
	taken := map[int]bool{}
	for _, fd := range open {
		if n, err := strconv.Atoi(fd.Name()); err == nil {
			taken[n] = true
		}
	}
	// A new descriptor gets the lowest free number, and numbers from the limit on are refused.
	lowest := 0
	for taken[lowest] {
		lowest++
	}
	return w.limitFiles(uint64(lowest))
}

func (w *World) feed() error { return w.limitFiles(w.files.Cur) }

// limitFiles sets the daemon's soft limit of descriptors, and remembers what it was before the first time.
func (w *World) limitFiles(limit uint64) error {
	pid := w.daemon.cmd.Process.Pid
	var now unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		return err
	}
	if w.files.Cur == 0 {
		w.files = now
	}
	now.Cur = limit
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &now, nil)
}

// clockTicks is the unit of processor time in /proc, in ticks a second; Linux has the same on all machines.
const clockTicks = 100

// usedProcessor returns the processor time of the daemon so far, its threads' and the kernel's for it.
func (w *World) usedProcessor() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.daemon.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%q is too short", stat)
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / clockTicks, err
}

func (w *World) processorTime(most, span int) error {
	before, err := w.usedProcessor()
	if err != nil {
		return err
	}
	if err := w.during(time.Duration(span)*time.Millisecond, w.stillRuns); err != nil {
		return err
	}
	after, err := w.usedProcessor()
	if err != nil {
		return err
	}
	if got := after - before; got > time.Duration(most)*time.Millisecond {
		return fmt.Errorf("got %v of processor time within %d ms, want at most %d ms", got, span, most)
	}
	return nil
}
