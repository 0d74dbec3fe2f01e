package steps

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// process is a program that a scenario started.
type process struct {
	name           string
	cmd            *exec.Cmd
	stdout, stderr output
	started        time.Time
	// exited is closed when the process has ended and all its output has been read.
	exited chan struct{}
	// endedAt is when it ended.
	endedAt time.Time
	// daemon reports whether the process serves until a signal ends it, and must then exit with 0.
	daemon bool
	// expected reports whether the scenario has checked the exit itself.
	expected bool
}

// start starts a program. The World ends it with the scenario.
func (w *World) start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, exited: make(chan struct{}), started: time.Now()}
	if cmd.Stderr = &p.stderr; cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	if cmd.Dir == "" {
		cmd.Dir = w.dir
	}
	// No process may outlive the suite, not even if it is killed. Its own process group lets a scenario see what a
	// process has left behind.
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig, cmd.SysProcAttr.Setpgid = syscall.SIGKILL, true
	cmd.WaitDelay = 5 * time.Second
	if err := w.inNetwork(cmd.Start); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	w.processes = append(w.processes, p)
	go func() {
		_ = cmd.Wait()
		p.endedAt = time.Now()
		close(p.exited)
	}()
	return p, nil
}

// running reports whether the process has not yet ended.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// wait waits for the process to end and returns its exit code; a signal that killed it is an error.
func (p *process) wait(limit time.Duration) (int, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		return 0, fmt.Errorf("%s has not ended within %v", p.name, limit)
	}
	p.expected = true
	code := p.cmd.ProcessState.ExitCode()
	if code < 0 {
		return 0, fmt.Errorf("%s was ended by %v", p.name, p.cmd.ProcessState)
	}
	return code, nil
}

// signal sends a signal to the process, which must be running.
func (p *process) signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("cannot send %v to %s: %w", sig, p.name, err)
	}
	return nil
}

// abort kills a process that does not end, and returns what it prints on SIGQUIT: a Go program prints its goroutines.
func (p *process) abort() string {
	printed := len(p.stderr.text())
	_ = p.signal(syscall.SIGQUIT)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		_ = p.signal(syscall.SIGKILL)
		<-p.exited
	}
	return p.stderr.text()[printed:]
}

// end ends the process if it still runs, and returns an error if its end or its output is not as it should be.
func (p *process) end() error {
	var problems []error
	if p.running() {
		_ = p.signal(syscall.SIGTERM)
		code, err := p.wait(patience)
		if err != nil && p.running() {
			problems = append(problems, fmt.Errorf("SIGTERM at the end of the scenario: %w\n%s", err, p.abort()))
		} else if p.daemon && (err != nil || code != 0) {
			problems = append(problems, fmt.Errorf("%s ended with %d (%v) after SIGTERM, want 0", p.name, code, err))
		}
	} else if p.daemon && !p.expected {
		problems = append(problems, fmt.Errorf("%s ended by itself: %v", p.name, p.cmd.ProcessState))
	}
	for _, printed := range []string{p.stdout.text(), p.stderr.text()} {
		for _, bad := range []string{"DATA RACE", "panic:", "fatal error:", "http: panic serving"} {
			if strings.Contains(printed, bad) {
				problems = append(problems, fmt.Errorf("%s printed %q", p.name, bad))
			}
		}
	}
	return errors.Join(problems...)
}

// requestLine is a line about a request, in both formats of the log.
var requestLine = regexp.MustCompile(`(?m)^.*(INFO REQUEST |"event":"REQUEST").*\n`)

// describe writes the clipped output of the process, for a failed scenario. Of a long one, it leaves out the requests first:
// under a load they would push everything else out.
func (p *process) describe(out io.Writer) {
	fmt.Fprintf(out, "%s (%s): %v\n", p.name, strings.Join(p.cmd.Args[1:], " "), p.cmd.ProcessState)
	for _, stream := range []struct{ name, text string }{{"stdout", p.stdout.text()}, {"stderr", p.stderr.text()}} {
		const most = 8 << 10
		if len(stream.text) > most {
			stream.text = requestLine.ReplaceAllString(stream.text, "")
		}
		if len(stream.text) > most {
			stream.text = "…" + stream.text[len(stream.text)-most:]
		}
		for line := range strings.Lines(stream.text) {
			fmt.Fprintf(out, "  %s| %s\n", stream.name, strings.TrimSuffix(line, "\n"))
		}
	}
}

// boundaryLine is a line about the start or the end, in both formats of the log.
var boundaryLine = regexp.MustCompile(`(?m)^.*( (STARTUP|SHUTDOWN) |"event":"(STARTUP|SHUTDOWN)").*\n`)

// lastLines returns the last lines that a daemon has logged between its start and its end, at most n and each clipped.
func (p *process) lastLines(n int) string {
	logged := completeLines(boundaryLine.ReplaceAllString(p.stdout.text(), ""))
	var text strings.Builder
	for _, line := range logged[max(0, len(logged)-n):] {
		text.WriteString("\n  log| " + clip(line))
	}
	return text.String()
}
