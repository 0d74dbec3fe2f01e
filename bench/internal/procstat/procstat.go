//go:build linux

// Package procstat reads processor time, resident memory and child processes from /proc.
package procstat

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// userHz is the unit of /proc/stat and /proc/PID/stat: a hundredth of a second on every Linux that Go supports.
const userHz = 10 * time.Millisecond

// CPUTime returns the total time that all threads of the processes have run, in user and kernel mode, to the nanosecond
// if the kernel keeps schedstat and otherwise to 10 ms. It does not include threads that have ended.
func CPUTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
		if err != nil {
			return 0, err
		}
		if len(tasks) == 0 {
			return 0, fmt.Errorf("process %d is gone", pid)
		}
		for _, task := range tasks {
			spent, err := threadTime(task)
			if errors.Is(err, fs.ErrNotExist) {
				continue // the thread ended between the two reads
			}
			if err != nil {
				return 0, err
			}
			sum += spent
		}
	}
	return sum, nil
}

func threadTime(task string) (time.Duration, error) {
	if text, err := os.ReadFile(task + "/schedstat"); err == nil {
		return parseSchedstat(text)
	}
	text, err := os.ReadFile(task + "/stat")
	if err != nil {
		return 0, err
	}
	user, err := statField(text, 14)
	if err != nil {
		return 0, err
	}
	system, err := statField(text, 15)
	return time.Duration(user+system) * userHz, err
}

// parseSchedstat reads /proc/PID/task/TID/schedstat: nanoseconds on a core, nanoseconds of waiting for one, slices.
func parseSchedstat(text []byte) (time.Duration, error) {
	fields := bytes.Fields(text)
	if len(fields) != 3 {
		return 0, fmt.Errorf("schedstat: got %d fields in %q, want 3", len(fields), text)
	}
	ns, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("schedstat: %w", err)
	}
	return time.Duration(ns), nil
}

// statField reads field n (counted from 1, as in proc(5)) of /proc/PID/stat. The second field, the name, may contain
// anything.
func statField(text []byte, n int) (int64, error) {
	after := bytes.LastIndexByte(text, ')')
	if after < 0 {
		return 0, fmt.Errorf("stat: no name in %q", text)
	}
	fields := bytes.Fields(text[after+1:])
	if n < 4 || n-3 >= len(fields) {
		return 0, fmt.Errorf("stat: no field %d in %q", n, text)
	}
	return strconv.ParseInt(string(fields[n-3]), 10, 64)
}

// RSS returns the total resident memory of the processes, in bytes. Shared pages count once for each process.
func RSS(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if err != nil {
			return 0, err
		}
		pages, err := parseStatm(text)
		if err != nil {
			return 0, err
		}
		sum += pages * int64(os.Getpagesize())
	}
	return sum, nil
}

// parseStatm reads the resident pages of /proc/PID/statm.
func parseStatm(text []byte) (int64, error) {
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm: got %q, want at least 2 fields", text)
	}
	return strconv.ParseInt(string(fields[1]), 10, 64)
}

// Tree returns pid and all its descendants.
func Tree(pid int) ([]int, error) {
	parents, err := parentsOfAll()
	if err != nil {
		return nil, err
	}
	return descendants(pid, parents), nil
}

// parentsOfAll maps every process to its parent.
func parentsOfAll() (map[int]int, error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := make(map[int]int, len(names))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if parent, err := statField(text, 4); err == nil {
			parents[pid] = int(parent)
		}
	}
	return parents, nil
}

func descendants(root int, parents map[int]int) []int {
	found := []int{root}
	for i := 0; i < len(found); i++ {
		for pid, parent := range parents {
			if parent == found[i] && pid != root {
				found = append(found, pid)
			}
		}
	}
	return found
}

// CoreTime is the time of a core since the machine started.
type CoreTime struct{ Busy, Total time.Duration }

// Core reads the time of the core with the given number. Steal time, in which another machine used it, counts as busy.
func Core(core int) (CoreTime, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return CoreTime{}, err
	}
	return parseCore(text, core)
}

func parseCore(text []byte, core int) (CoreTime, error) {
	name := "cpu" + strconv.Itoa(core)
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 9 || string(fields[0]) != name {
			continue
		}
		var t CoreTime
		for i, field := range fields[1:9] { // user nice system idle iowait irq softirq steal
			ticks, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				return CoreTime{}, fmt.Errorf("/proc/stat: %s: %w", name, err)
			}
			spent := time.Duration(ticks) * userHz
			t.Total += spent
			if i != 3 && i != 4 {
				t.Busy += spent
			}
		}
		return t, nil
	}
	return CoreTime{}, fmt.Errorf("/proc/stat: no %s", name)
}

// BusyShare returns the share of the time between two readings in which the core was busy, from 0 to 1.
func BusyShare(before, after CoreTime) float64 {
	if after.Total <= before.Total {
		return 0
	}
	return float64(after.Busy-before.Busy) / float64(after.Total-before.Total)
}
