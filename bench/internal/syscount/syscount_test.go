//go:build linux

package syscount

import (
	"io"
	"os/exec"
	"strings"
	"testing"
)

// startCat starts a cat. The returned function sends it a line and waits for its return, which takes a read and a write of it.
func startCat(t *testing.T) (pid int, call func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = in.Close(), cmd.Wait() })
	return cmd.Process.Pid, func() {
		t.Helper()
		if _, err := io.WriteString(in, "x\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCallsAreCounted counts with each tool that this machine allows.
func TestCallsAreCounted(t *testing.T) {
	for name, begin := range map[string]func([]int) (*Count, error){"perf": beginPerf, "strace": beginStrace, "any": Begin} {
		t.Run(name, func(t *testing.T) {
			first, callFirst := startCat(t)
			second, callSecond := startCat(t)
			c, err := begin([]int{first, second})
			if err != nil {
				t.Skipf("this machine does not let the tool count: %v", err)
			}
			callFirst()
			callSecond()
			if calls, err := c.End(); err != nil || calls < 2 { // their reads may have begun before the count
				t.Errorf("got %d, %v, want at least the write of each cat", calls, err)
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
		"perf has counted":      {parsePerf, "Events disabled\nEvents enabled\n148,,raw_syscalls:sys_enter,2890995,100.00,,\n", 148},
		"perf could not count":  {parsePerf, "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n", -1},
		"perf says nothing":     {parsePerf, "", -1},
		"strace has counted":    {parseStrace, "strace: Process 7 attached\n    calls syscall\n      107 read\n-----\n      109 total\n", 109},
		"strace did not attach": {parseStrace, "strace: attach: ptrace: Operation not permitted\n", -1},
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
