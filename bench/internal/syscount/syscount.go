//go:build linux

// Package syscount counts the system calls of processes while they run, with perf or else with strace.
package syscount

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds how long a tool may take to attach itself and to end.
const patience = 20 * time.Second

// Count is a count that is under way.
type Count struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	// printed is the standard error of the tool, in which parse finds the number.
	printed *bytes.Buffer
	parse   func(text string) (int64, error)
	// drained is closed when all of it is read.
	drained chan struct{}
}

// Begin begins to count the system calls of the processes, including those of threads that they start later. It uses perf,
// which slows the processes down less, or strace where the kernel's tracepoints are not accessible. The count has begun when
// Begin returns.
func Begin(pids []int) (*Count, error) {
	c, err := beginPerf(pids)
	if err == nil {
		return c, nil
	}
	c, other := beginStrace(pids)
	if other == nil {
		return c, nil
	}
	return nil, fmt.Errorf("system calls: neither perf nor strace can count them: %w", errors.Join(err, other))
}

// End ends the count and returns the number of calls.
func (c *Count) End() (int64, error) {
	defer c.cancel()
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, fmt.Errorf("%s: %w", c.cmd.Path, err)
	}
	<-c.drained
	_ = c.cmd.Wait() // it says that it was interrupted
	calls, err := c.parse(c.printed.String())
	if err != nil {
		return 0, fmt.Errorf("%s: %w in %q", c.cmd.Path, err, c.printed)
	}
	return calls, nil
}

// abort ends the tool after a failure to begin.
func (c *Count) abort() {
	c.cancel()
	<-c.drained
	_ = c.cmd.Wait()
}

// start starts a tool. It calls line with each line that the tool writes to its standard error.
func start(parse func(string) (int64, error), line func(string), files []*os.File, program string, args ...string) (*Count, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	c := &Count{cmd: cmd, cancel: cancel, printed: &bytes.Buffer{}, parse: parse, drained: make(chan struct{})}
	go func() {
		defer close(c.drained)
		lines := bufio.NewReader(stderr)
		for {
			text, err := lines.ReadString('\n')
			c.printed.WriteString(text)
			if line(text); err != nil {
				return
			}
		}
	}()
	return c, nil
}

// list joins process numbers with commas.
func list(pids []int) string {
	var texts []string
	for _, pid := range pids {
		texts = append(texts, strconv.Itoa(pid))
	}
	return strings.Join(texts, ",")
}

// beginPerf starts perf without counting, and has it count as soon as it says that it is ready.
func beginPerf(pids []int) (*Count, error) {
	control, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	acks, theirs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, control.Close(), ours.Close())
	}
	defer func() { _, _ = ours.Close(), acks.Close() }()
	// ExtraFiles begin with descriptor 3.
	c, err := start(parsePerf, func(string) {}, []*os.File{control, theirs}, "perf", "stat", "-x", ",",
		"-e", "raw_syscalls:sys_enter", "-D", "-1", "--control", "fd:3,4", "-p", list(pids))
	if err := errors.Join(err, control.Close(), theirs.Close()); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(ours, "enable\n"); err != nil {
		c.abort()
		return nil, fmt.Errorf("perf: %w: %s", err, c.printed)
	}
	if err := acks.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.abort()
		return nil, err
	}
	if _, err := acks.Read(make([]byte, 16)); err != nil {
		c.abort()
		return nil, fmt.Errorf("perf: did not begin: %w: %s", err, c.printed)
	}
	return c, nil
}

// parsePerf reads the number from a line such as `148,,raw_syscalls:sys_enter,…`.
func parsePerf(text string) (int64, error) {
	for line := range strings.SplitSeq(text, "\n") {
		if number, _, ok := strings.Cut(line, ","); ok && strings.Contains(line, "raw_syscalls:sys_enter") {
			return strconv.ParseInt(number, 10, 64)
		}
	}
	return 0, errors.New("no count")
}

// beginStrace starts strace and waits until it is attached to all processes.
func beginStrace(pids []int) (*Count, error) {
	attached := make(chan struct{}, 1)
	missing := len(pids)
	line := func(text string) {
		if !strings.Contains(text, " attached") {
			return
		}
		// One line for each process, even if it has many threads; more follow for new threads.
		if missing--; missing == 0 {
			attached <- struct{}{}
		}
	}
	args := []string{"-c", "-f", "-U", "calls,name"}
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	c, err := start(parseStrace, line, nil, "strace", args...)
	if err != nil {
		return nil, err
	}
	select {
	case <-attached:
		return c, nil
	case <-c.drained:
	case <-time.After(patience):
	}
	c.abort()
	return nil, fmt.Errorf("strace: did not attach itself: %s", c.printed)
}

// parseStrace reads the number from the last line of the table, `1234 total`.
func parseStrace(text string) (int64, error) {
	for line := range strings.SplitSeq(text, "\n") {
		if fields := strings.Fields(line); len(fields) == 2 && fields[1] == "total" {
			return strconv.ParseInt(fields[0], 10, 64)
		}
	}
	return 0, errors.New("no total")
}
