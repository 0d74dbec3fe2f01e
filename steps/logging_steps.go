package steps

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cucumber/godog"
	"golang.org/x/sys/unix"
)

func (w *World) loggingSteps() []step {
	return []step{
		{`the file {string} has a line {string} with:`, w.fileHasLine, "As in `the log has a line`, for the log file; even while some of its lines are incomplete. Waits for it."},
		{`the file {string} has {int} line(s) {string}`, w.fileCountLines, "Exactly that many of the event so far; waits until there are that many."},
		{`every line of the file {string} is well-formed`, w.fileWellFormed, "Each can be parsed, as text or JSON."},
		{`every line of the file {string} is plain ASCII`, w.fileASCII, "No control character, no colour, nothing beyond `~`; waits until there is a line."},
		{`the files together have the same lines as the log:`, w.filesSame, "A table of one column: the files in the order in which they were written, compressed ones (`.gz`) too. Waits for it."},
		{`the fail2ban filter {string} finds in {string}:`, w.fail2banFinds, "The real fail2ban-regex with the shipped filter of that name. A table of two columns: each address that it would ban, and how often it matched; it must find nothing else. Waits for it."},
		{`the proxy will be started with a stdout that nobody reads`, w.unreadStdout, "A pipe; the log can be checked only in its file, or when it is read again."},
		{`the stdout of the proxy is read again`, w.readStdout, "From then on, with all that waited: the sentences about the log can be used again."},
		{`the reader of the proxy's stdout dies`, w.closeStdout, "Of a stdout that nobody reads: writing to it fails from then on."},
		{`the proxy will be started with a full disk as its stdout`, w.fullStdout, "The device /dev/full."},
		{`the proxy can open no more files`, w.exhaustDescriptors, "Every accept fails from then on; what is open stays open."},
		{`the proxy can open files again`, w.restoreDescriptors, ""},
		{`a small disk {string}`, w.smallDisk, "A directory with a file system of 64 KiB of its own. For scenarios with the tag @mount only."},
		{`the disk {string} is full`, w.fillDisk, ""},
		{`the disk {string} has room again`, w.freeDisk, ""},
		{`the disk {string} is read-only`, w.freezeDisk, "A small disk, from now on: its files can be read, and nothing written."},
	}
}

// fileLines parses a log file, without the lines that a full disk has torn.
func (w *World) fileLines(name string) (lines []logLine, torn int, err error) {
	text, err := os.ReadFile(w.path(name))
	if err != nil {
		return nil, 0, err
	}
	for _, line := range completeLines(string(text)) {
		parsed, err := parseLog([]string{line})
		if err != nil {
			torn++
			continue
		}
		lines = append(lines, parsed...)
	}
	return lines, torn, nil
}

func (w *World) fileHasLine(name, event string, table *godog.Table) error {
	want, err := pairMap(table)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		lines, _, err := w.fileLines(name)
		if err == nil && !slices.ContainsFunc(lines, func(l logLine) bool { return l.matches(event, want) }) {
			err = fmt.Errorf("no line %s with %v among %d in %s", event, want, len(lines), name)
		}
		return err
	})
}

func (w *World) fileCountLines(name string, want int, event string) error {
	got := 0
	err := w.eventually(func() error {
		lines, _, err := w.fileLines(name)
		if err != nil {
			return err
		}
		got = 0
		for _, line := range lines {
			if line.event == event {
				got++
			}
		}
		if got < want {
			return fmt.Errorf("got %d lines %s in %s, want %d", got, event, name, want)
		}
		return nil
	})
	if err == nil && got > want {
		err = fmt.Errorf("got %d lines %s in %s, want %d", got, event, name, want)
	}
	return err
}

func (w *World) fileWellFormed(name string) error {
	lines, torn, err := w.fileLines(name)
	if err != nil {
		return err
	}
	if torn > 0 || len(lines) == 0 {
		return fmt.Errorf("got %d lines and %d that are none in %s", len(lines), torn, name)
	}
	return nil
}

func (w *World) fileASCII(name string) error {
	return w.eventually(func() error {
		text, err := os.ReadFile(w.path(name))
		if err != nil {
			return err
		}
		if len(text) == 0 {
			return fmt.Errorf("%s is empty", name)
		}
		for _, c := range text {
			if c != '\n' && (c < ' ' || c > '~') {
				return fmt.Errorf("got the byte %#x in %s, want only printable ASCII", c, name)
			}
		}
		return nil
	})
}

func (w *World) filesSame(table *godog.Table) error {
	return w.eventually(func() error {
		var all []string
		for _, row := range table.Rows {
			text, err := w.readLog(row.Cells[0].Value)
			if err != nil {
				return err
			}
			all = append(all, completeLines(text)...)
		}
		if stdout := w.daemon.stdout.lines(); !slices.Equal(all, stdout) {
			return fmt.Errorf("got %d lines in the files and %d on stdout, want the same", len(all), len(stdout))
		}
		return nil
	})
}

func (w *World) fail2banFinds(filter, name string, table *godog.Table) error {
	var want []string
	for _, row := range table.Rows {
		if len(row.Cells) != 2 {
			return errors.New("the table needs the columns address and number")
		}
		want = append(want, row.Cells[0].Value+" "+row.Cells[1].Value)
	}
	slices.Sort(want)
	path := filepath.Join(w.suite.Root, "deploy", "fail2ban", "filter.d", filter+".conf")
	return w.eventually(func() error {
		cmd := exec.CommandContext(w.ctx, "fail2ban-regex", "-o", "<ip>", w.path(name), path)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output() // it exits with 1 if it finds nothing
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) || stderr.Len() > 0 {
			return fmt.Errorf("fail2ban-regex: %v %s", err, &stderr)
		}
		count := map[string]int{}
		for _, address := range strings.Fields(string(out)) {
			count[address]++
		}
		var got []string
		for address, n := range count {
			got = append(got, fmt.Sprint(address, " ", n))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("fail2ban would ban %q, want %q", got, want)
		}
		return nil
	})
}

// stdoutPipe is a stdout of the daemon that is read only when a scenario says so.
type stdoutPipe struct{ read, write *os.File }

func (w *World) unreadStdout() error {
	r, wr, err := os.Pipe()
	if err != nil {
		return err
	}
	w.stdout = &stdoutPipe{r, wr}
	w.launch.stdout = wr
	w.cleanup(func() error {
		_ = r.Close()
		_ = wr.Close()
		return nil
	})
	return nil
}

func (w *World) readStdout() error {
	if w.stdout == nil {
		return errors.New("the proxy has an ordinary stdout")
	}
	go func() { _, _ = io.Copy(&w.daemon.stdout, w.stdout.read) }() // ends when the scenario closes the pipe
	return nil
}

func (w *World) closeStdout() error {
	if w.stdout == nil {
		return errors.New("the proxy has an ordinary stdout")
	}
	return w.stdout.read.Close()
}

func (w *World) fullStdout() error {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	w.launch.stdout = f
	w.cleanup(f.Close)
	return nil
}

func (w *World) exhaustDescriptors() error {
	pid := w.daemon.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &w.descriptors); err != nil {
		return err
	}
	none := unix.Rlimit{Cur: 0, Max: w.descriptors.Max}
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &none, nil)
}

func (w *World) restoreDescriptors() error {
	return unix.Prlimit(w.daemon.cmd.Process.Pid, unix.RLIMIT_NOFILE, &w.descriptors, nil)
}

// smallDiskSize is the size of a small disk, in bytes.
const smallDiskSize = 64 << 10

// CanMount reports whether this user may mount a file system, which scenarios tagged @mount need.
func (s *Suite) CanMount() bool {
	dir, err := os.MkdirTemp("", "rp")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if mountSmallDisk(dir) != nil {
		return false
	}
	return syscall.Unmount(dir, syscall.MNT_DETACH) == nil
}

func mountSmallDisk(dir string) error {
	return syscall.Mount("none", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%d", smallDiskSize))
}

func (w *World) smallDisk(name string) error {
	if err := os.Mkdir(w.path(name), 0o700); err != nil {
		return err
	}
	if err := mountSmallDisk(w.path(name)); err != nil {
		return fmt.Errorf("cannot mount a small disk; the scenario needs the tag @mount: %w", err)
	}
	w.cleanup(func() error { return syscall.Unmount(w.path(name), syscall.MNT_DETACH) })
	return nil
}

func (w *World) fillDisk(name string) error {
	f, err := os.Create(filepath.Join(w.path(name), "filler"))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.Write(make([]byte, 2*smallDiskSize)); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("got %v, want a full disk", err)
	}
	return nil
}

// freezeDisk waits until no file of the disk is open for writing, which the kernel demands.
func (w *World) freezeDisk(name string) error {
	return w.eventually(func() error {
		return syscall.Mount("none", w.path(name), "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%d", smallDiskSize))
	})
}

func (w *World) freeDisk(name string) error { return os.Remove(filepath.Join(w.path(name), "filler")) }
