package eventlog

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"reverse-proxy/proxy/eventlog/eventlogtest"
)

func readLines(t *testing.T, path string) []string {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return eventlogtest.WithoutTimes(string(log))
}

func TestPathsThatAreNotLogFilesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    string // after the key; PATH is replaced by the path
	}{
		{"a FIFO that nobody reads is refused", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "PATH is a named pipe; use the path of a regular file"},
		{"a FIFO with a reader is refused", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
		}, "PATH is a named pipe; use the path of a regular file"},
		{"a directory is refused", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "PATH is a directory; use the path of a regular file"},
		{"a socket is refused", func(t *testing.T, path string) {
			ln, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ln.Close() })
		}, "PATH is a socket; use the path of a regular file"},
		{"a symbolic link to a device is refused", func(t *testing.T, path string) {
			if err := os.Symlink("/dev/null", path); err != nil {
				t.Fatal(err)
			}
		}, "PATH is a device; use the path of a regular file"},
		{"a path below a file is refused", func(t *testing.T, path string) {
			if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "open PATH: not a directory"},
		{"a path in a missing directory is refused", func(*testing.T, string) {},
			"open PATH: no such file or directory; create its directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			dir, err := os.MkdirTemp("", "log") // short enough for a socket
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, "log")
			if strings.HasPrefix(tt.want, "open") {
				path = filepath.Join(dir, "sub", "log")
			}
			tt.prepare(t, path)
			l, err := New(Options{FilePath: path}, io.Discard)
			if err == nil {
				l.Close()
				t.Fatal("got no error")
			}
			if want := "logging.log_file_path: " + strings.ReplaceAll(tt.want, "PATH", path); err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestAPathThatMayNotBeWrittenSaysWhatToDo(t *testing.T) {
	got := logFileError(&fs.PathError{Op: "open", Path: "/l", Err: syscall.EACCES}).Error()
	if want := "logging.log_file_path: open /l: permission denied; let the daemon's user write there, or restart it if its directory was created again"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheLogFileIsAppendedTo(t *testing.T) {
	for _, tt := range []struct {
		name, before string
		want         []string
	}{
		{"a new file gets the line", "", []string{"INFO SHUTDOWN"}},
		{"a file with whole lines keeps them", "first\n", []string{"first", "INFO SHUTDOWN"}},
		{"a file that ends within a line gets a new line", "first\ntor", []string{"first", "tor", "INFO SHUTDOWN"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "log")
			path := target + ".link"
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
			if tt.before != "" {
				if err := os.WriteFile(target, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l := eventlogtest.Open(t, New, Options{FilePath: path}, io.Discard)
			l.Log(LevelInfo, "SHUTDOWN")
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			eventlogtest.WantLines(t, "file", readLines(t, target), tt.want...)
			info, err := os.Stat(target)
			if err != nil {
				t.Fatal(err)
			}
			if tt.before == "" && info.Mode().Perm()&^0o640 != 0 {
				t.Errorf("got mode %v, want 0640 or less", info.Mode())
			}
		})
	}
}

func TestReopenAfterARenameLosesNoLine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "log")
	l, err := New(Options{FilePath: path}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each, rotations = 4, 2000, 20
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			for i := range each {
				l.Log(LevelInfo, "SHUTDOWN", Int("g", g), Int("i", i))
			}
		})
	}
	for i := range rotations {
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i)); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatalf("Reopen: %v", err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("the new file: %v", err)
		}
	}
	wg.Wait()
	l.Log(LevelInfo, "SHUTDOWN", Str("g", "last"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range rotations {
		if got := openDescriptors(t, fmt.Sprintf("%s.%d", path, i)); len(got) != 0 {
			t.Errorf("file %d: got the descriptors %v, want none", i, got)
		}
	}
	seen := map[string]int{}
	for i := range rotations {
		for _, line := range readLines(t, fmt.Sprintf("%s.%d", path, i)) {
			seen[line]++
		}
	}
	for _, line := range readLines(t, path) {
		seen[line]++
	}
	if got, want := len(seen), writers*each+1; got != want {
		t.Errorf("got %d different lines, want %d", got, want)
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("line %q: got it %d times, want once", line, n)
		}
	}
}

func TestLinesLoggedAfterReopenAreInTheNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := eventlogtest.Open(t, New, Options{FilePath: path}, io.Discard)
	for i := range 20 {
		old := fmt.Sprintf("%s.%d", path, i)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
		l.Log(LevelInfo, "LOG_REOPENED", Int("i", i))
		for deadline := time.Now().Add(10 * time.Second); len(readLines(t, path)) == 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("rotation %d: the line is not in the new file after 10 s", i)
			}
		}
		eventlogtest.WantLines(t, "the new file", readLines(t, path), fmt.Sprintf("INFO LOG_REOPENED i=%d", i))
	}
}

func TestANewFileDoesNotBeginWithTheMissingNewlineOfTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		old := &scriptedOutput{err: syscall.ENOSPC, partial: 30}
		l := newLogger(Options{FilePath: path}, output{w: io.Discard}, &output{w: old})
		l.Log(LevelInfo, "SHUTDOWN", Int("i", 1))
		synctest.Wait()
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
		l.Log(LevelInfo, "SHUTDOWN", Int("i", 2))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		eventlogtest.WantLines(t, "the new file", readLines(t, path), "WARN LOG_DROPPED sink=file lines=1", "INFO SHUTDOWN i=2")
	})
}

func TestReopeningFasterThanTheSinkWritesKeepsOneFileAndAllLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		first := &scriptedOutput{blocked: make(chan struct{})}
		l := newLogger(Options{FilePath: path}, output{w: io.Discard}, &output{w: first})
		l.Log(LevelInfo, "SHUTDOWN", Int("i", 1))
		synctest.Wait() // the goroutine is now blocked on the old output
		l.Log(LevelInfo, "SHUTDOWN", Int("i", 2))
		for range 100 {
			if err := l.Reopen(); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(openDescriptors(t, path)); got != 1 {
			t.Errorf("got %d descriptors of the file, want 1", got)
		}
		close(first.blocked)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		eventlogtest.WantLines(t, "the old output", first.lines(), "INFO SHUTDOWN i=1")
		eventlogtest.WantLines(t, "the new file", readLines(t, path), "INFO SHUTDOWN i=2")
		if got := len(openDescriptors(t, path)); got != 0 {
			t.Errorf("after Close: got %d descriptors of the file, want 0", got)
		}
	})
}

// openDescriptors lists the descriptors of this process that refer to path.
func openDescriptors(t *testing.T, path string) (found []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == path {
			found = append(found, link)
		}
	}
	return found
}

func TestAReopenThatFailsKeepsTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	l := eventlogtest.Open(t, New, Options{FilePath: path}, io.Discard)
	l.Log(LevelInfo, "SHUTDOWN", Int("i", 1))
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	err := l.Reopen()
	if want := "logging.log_file_path: open " + path + ": no such file or directory; create its directory"; err == nil ||
		err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	l.Log(LevelInfo, "SHUTDOWN", Int("i", 2))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	eventlogtest.WantLines(t, "the old file", readLines(t, dir+".gone/log"), "INFO SHUTDOWN i=1", "INFO SHUTDOWN i=2")
}

func TestReopenWithoutAFileDoesNothing(t *testing.T) {
	if err := eventlogtest.Open(t, New, Options{}, io.Discard).Reopen(); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestReopenAfterCloseIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := eventlogtest.Open(t, New, Options{FilePath: path}, io.Discard)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || err.Error() != "file: the log is closed" {
		t.Errorf("got error %v, want file: the log is closed", err)
	}
}

func TestClosingTheLoggerLeavesStdoutOpen(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := eventlogtest.Open(t, New, Options{}, f)
	l.Log(LevelInfo, "SHUTDOWN")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("last words\n"); err != nil {
		t.Errorf("writing to stdout after Close: %v", err)
	}
	eventlogtest.WantLines(t, "stdout", readLines(t, f.Name()), "INFO SHUTDOWN", "last words")
}

// TestAStdoutWhoseReaderDiedDoesNotKillTheProcess runs itself as a child process, with a broken pipe as descriptor 1.
func TestAStdoutWhoseReaderDiedDoesNotKillTheProcess(t *testing.T) {
	if path := os.Getenv("LOG_TEST_BROKEN_STDOUT"); path != "" {
		l, err := New(Options{FilePath: path}, os.Stdout)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		l.Log(LevelInfo, "SHUTDOWN")
		l.Close()
		os.Exit(42)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	path := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAStdoutWhoseReaderDiedDoesNotKillTheProcess$")
	cmd.Env = append(os.Environ(), "LOG_TEST_BROKEN_STDOUT="+path)
	cmd.Stdout = w
	err = cmd.Run()
	if got, want := cmd.ProcessState.ExitCode(), 42; got != want {
		t.Fatalf("got exit code %d and error %v, want %d", got, err, want)
	}
	if got := readLines(t, path); !slices.Contains(got, "INFO SHUTDOWN") {
		t.Errorf("file: got %q, want the line", got)
	}
}
