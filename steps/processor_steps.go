package steps

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func (w *World) processorSteps() []step {
	return []step{
		{`the proxy uses at most {int} ms of processor time within {int} ms`, w.processorTime, "Waits that long."},
	}
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
