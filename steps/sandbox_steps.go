package steps

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func (w *World) sandboxSteps() []step {
	return []step{
		{`no thread of the proxy can gain privileges`, w.noNewPrivileges, "NoNewPrivs in /proc."},
		{`threads of the proxy can gain privileges`, w.newPrivileges, ""},
		{`the sandbox of the proxy is the one that this kernel supports`, w.sandboxMatchesKernel, "`on` with the kernel's version of Landlock, or `unavailable` with the reason; checked in `status` and in the log."},
		{`the proxy will be started on a kernel without Landlock`, w.withoutLandlock, "strace injects the error. For scenarios tagged @strace."},
	}
}

// landlockABI returns the kernel's version of Landlock; 0 for none.
func landlockABI() int {
	const versionFlag = 1
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, versionFlag)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// HasLandlock reports whether the kernel has Landlock, which scenarios tagged @landlock need.
func (s *Suite) HasLandlock() bool { return landlockABI() > 0 }

// HasStrace reports whether strace is installed, which scenarios tagged @strace need.
func (s *Suite) HasStrace() bool {
	_, err := exec.LookPath("strace")
	return err == nil
}

// threadsWith counts the daemon's threads, and those whose status has the line.
func (w *World) threadsWith(line string) (with, all int, err error) {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", w.daemon.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended in the meantime
		}
		all++
		if strings.Contains(string(status), "\n"+line+"\n") {
			with++
		}
	}
	if all == 0 {
		return 0, 0, errors.New("the daemon has no threads")
	}
	return with, all, nil
}

func (w *World) noNewPrivileges() error {
	with, all, err := w.threadsWith("NoNewPrivs:\t1")
	if err == nil && with != all {
		err = fmt.Errorf("got %d of %d threads with NoNewPrivs 1, want all", with, all)
	}
	return err
}

func (w *World) newPrivileges() error {
	with, all, err := w.threadsWith("NoNewPrivs:\t0")
	if err == nil && with != all {
		err = fmt.Errorf("got %d of %d threads with NoNewPrivs 0, want all; the suite itself must not run with it", with, all)
	}
	return err
}

func (w *World) sandboxMatchesKernel() error {
	want := map[string]string{"status": "on", "landlock_abi": fmt.Sprint(landlockABI())}
	answer := `"sandbox":{"state":"on","landlock_abi":` + want["landlock_abi"] + `}`
	if landlockABI() == 0 {
		want = map[string]string{"status": "unavailable"}
		answer = `"sandbox":{"state":"unavailable","error":"`
	}
	if err := w.eventually(func() error { _, err := w.findLine("SANDBOX", want, 0); return err }); err != nil {
		return err
	}
	if err := w.adminCommand("status"); err != nil {
		return err
	}
	return w.adminContains(answer)
}

func (w *World) withoutLandlock() error {
	w.launch.noLandlock = true
	return nil
}

// tracedWithoutLandlock makes the kernel appear to the command not to have Landlock.
func tracedWithoutLandlock(cmd *exec.Cmd) (*exec.Cmd, error) {
	const call = "landlock_create_ruleset"
	return traced(cmd, "--seccomp-bpf", "-e", "trace="+call, "-e", "inject="+call+":error=ENOSYS")
}

// traced changes by strace what some system calls of the command do. strace runs as a separate process, so that the started
// process is the daemon itself.
func traced(cmd *exec.Cmd, changes ...string) (*exec.Cmd, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, errors.New("strace is not installed; make deps installs it")
	}
	args := append([]string{"-D", "-f", "-qq", "-o", os.DevNull}, changes...)
	withTrace := exec.Command(strace, append(append(args, cmd.Path), cmd.Args[1:]...)...)
	withTrace.Env, withTrace.ExtraFiles = cmd.Env, cmd.ExtraFiles
	return withTrace, nil
}
