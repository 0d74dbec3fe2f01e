//go:build linux

package syscount

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// sleeper starts a program that makes system calls until the test ends.
func sleeper(t *testing.T) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do sleep 0.01; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	return cmd.Process.Pid
}

// TestCallsAreCounted counts with each tool that this machine allows.
func TestCallsAreCounted(t *testing.T) {
	for name, begin := range map[string]func([]int) (*Count, error){"perf": beginPerf, "strace": beginStrace, "any": Begin} {
		t.Run(name, func(t *testing.T) {
			c, err := begin([]int{sleeper(t), sleeper(t)})
			if err != nil {
				t.Skip(err)
			}
			time.Sleep(200 * time.Millisecond) // the window: anything longer than one turn of the loop does
			if calls, err := c.End(); err != nil || calls < 1 {
				t.Errorf("got %d, %v, want some calls", calls, err)
			}
		})
	}
}

func TestAProcessThatIsNotThereIsAnError(t *testing.T) {
	const none = 1<<22 + 1 // above the kernel's largest process number
	if c, err := Begin([]int{none}); err == nil {
		_, _ = c.End()
		t.Error("got no error, want one")
	} else if !strings.Contains(err.Error(), "neither perf nor strace") {
		t.Errorf("got %v, want the names of the tools", err)
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		parse func(string) (int64, error)
		text  string
		want  int64
	}{
		"perf":                       {parsePerf, "Events disabled\nEvents enabled\n148,,raw_syscalls:sys_enter,2890995,100.00,,\n", 148},
		"perf that could not count":  {parsePerf, "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n", -1},
		"perf that says nothing":     {parsePerf, "", -1},
		"strace":                     {parseStrace, "strace: Process 7 attached\n    calls syscall\n      107 read\n-----\n      109 total\n", 109},
		"strace that did not attach": {parseStrace, "strace: attach: ptrace: Operation not permitted\n", -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.parse(c.text)
			if c.want < 0 {
				if err == nil {
					t.Errorf("got %d, want an error", got)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %d, %v, want %d", got, err, c.want)
			}
		})
	}
}
