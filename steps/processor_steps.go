package steps

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func (w *World) processorSteps() []step {
	return []step{
		{`the proxy uses at most {int} ms of processor time within {int} ms`, w.processorTime, "Waits that long."},
		{`the memory of the proxy is remembered`, w.rememberMemory, ""},
		{`the memory of the proxy has grown by at most {int} MiB`, w.memoryGrowth, "The peak of its resident memory, above the remembered value."},
	}
}

// clockTicks is the unit of processor time in /proc, in ticks per second; it is the same on all Linux machines.
const clockTicks = 100

// usedProcessor returns the daemon's processor time so far, in user and kernel mode.
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

// residentMemory returns a value from the daemon's /proc/PID/status, in KiB: VmRSS is its current memory, VmHWM its
// peak.
func (w *World) residentMemory(key string) (kib int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.daemon.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, value, _ := strings.Cut(string(status), key+":")
	if _, err := fmt.Sscan(value, &kib); err != nil {
		return 0, fmt.Errorf("no %s in %q: %w", key, status, err)
	}
	return kib, nil
}

func (w *World) rememberMemory() (err error) {
	w.memory, err = w.residentMemory("VmRSS")
	return err
}

func (w *World) memoryGrowth(most int) error {
	if w.memory == 0 {
		return errors.New("the memory of the proxy was not remembered")
	}
	peak, err := w.residentMemory("VmHWM")
	if err != nil {
		return err
	}
	if grown := peak - w.memory; grown > most<<10 {
		return fmt.Errorf("got a growth of %d KiB over %d KiB, want at most %d MiB", grown, w.memory, most)
	}
	return nil
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
