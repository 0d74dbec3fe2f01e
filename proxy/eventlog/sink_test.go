package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// scriptedOutput is an output that can block, fail, and accept only a part of a write.
type scriptedOutput struct {
	mu      sync.Mutex
	taken   bytes.Buffer
	writes  int
	blocked chan struct{} // closed to allow writes; nil if writes do not block
	err     error         // the error of writes, after they have taken partial bytes
	partial int
	healthy int // the number of writes that succeed before err applies
}

func (o *scriptedOutput) Write(b []byte) (int, error) {
	if o.blocked != nil {
		<-o.blocked
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	if o.err != nil && o.writes > o.healthy {
		n := min(o.partial, len(b))
		o.taken.Write(b[:n])
		return n, o.err
	}
	return o.taken.Write(b)
}

func (o *scriptedOutput) fail(err error, partial int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err, o.partial = err, partial
}

// lines returns the lines taken so far, without their times.
func (o *scriptedOutput) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return eventlogtest.WithoutTimes(o.taken.String())
}

// scriptedLogger returns a Logger whose stdout and file are controlled by the test. It runs in a synctest bubble.
func scriptedLogger(t *testing.T) (l *Logger, stdout, file *scriptedOutput) {
	stdout, file = &scriptedOutput{}, &scriptedOutput{}
	l = newLogger(Options{}, output{w: stdout}, &output{w: file})
	t.Cleanup(func() { l.Close() })
	return l, stdout, file
}

func TestABlockedStdoutStallsNeitherCallerNorFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, file := scriptedLogger(t)
		stdout.blocked = make(chan struct{})
		const total = 30_000
		start := time.Now()
		for i := range total {
			l.Log(LevelInfo, "SHUTDOWN", Int("i", i), Str("pad", strings.Repeat("x", 40)))
			if i%1000 == 0 {
				synctest.Wait() // the file's goroutine has written; that of stdout is blocked
			}
		}
		synctest.Wait()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("logging waited %v, want no wait", waited)
		}
		if got := len(file.lines()); got != total {
			t.Errorf("file: got %d lines, want %d", got, total)
		}
		if got := len(l.stdout.pending); got > maxLogBuffer {
			t.Errorf("stdout's buffer: got %d bytes, want %d at most", got, maxLogBuffer)
		}
		close(stdout.blocked)
		synctest.Wait()
		l.Log(LevelInfo, "SHUTDOWN", Int("i", total))
		synctest.Wait()

		lines := stdout.lines()
		written := len(lines) - 2 // without the count and the last line
		eventlogtest.WantLines(t, "the end of stdout", lines[written:],
			fmt.Sprintf("WARN LOG_DROPPED sink=stdout lines=%d", total-written), fmt.Sprintf("INFO SHUTDOWN i=%d", total))
		for i, line := range lines[:written] {
			if want := fmt.Sprintf("INFO SHUTDOWN i=%d pad=", i); !strings.HasPrefix(line, want) {
				t.Fatalf("line %d of stdout: got %q, want it to begin with %q", i, line, want)
			}
		}
		eventlogtest.WantLines(t, "the end of the file", file.lines()[total:],
			fmt.Sprintf("WARN LOG_DROPPED sink=stdout lines=%d", total-written), fmt.Sprintf("INFO SHUTDOWN i=%d", total))
	})
}

// batchedLine logs a line as a request does.
func batchedLine(l *Logger) {
	l.Write(l.StartLine(nil, time.Now(), LevelInfo, "REQUEST").Str("path", strings.Repeat("x", 100)).End(), Batched)
}

func TestMissingLinesAreReadWithoutTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, file := scriptedLogger(t)
		file.fail(syscall.ENOSPC, 0)
		l.Log(LevelInfo, "SHUTDOWN")
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		got := map[string]uint64{}
		for sink, lines := range l.MissingLines {
			got[sink] = lines
		}
		if diff := cmp.Diff(map[string]uint64{"stdout": 0, "file": 1}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestLinesOfRequestsAreWrittenInBatches(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines func(l *Logger)
		after time.Duration
		want  int // writes
	}{
		{"no line is written before the interval is over", func(l *Logger) { batchedLine(l) }, logBatchInterval - 1, 0},
		{"all lines of the interval are written at once", func(l *Logger) {
			for range 100 {
				batchedLine(l)
			}
		}, logBatchInterval, 1},
		{"an interval begins with its first line", func(l *Logger) {
			time.Sleep(10 * logBatchInterval) // of the bubble's clock
			batchedLine(l)
		}, logBatchInterval - 1, 0},
		{"a warning is written at once, with the lines before it", func(l *Logger) {
			batchedLine(l)
			l.Log(LevelWarn, "RATE_LIMIT")
		}, 0, 1},
		{"a full batch does not wait for the interval", func(l *Logger) {
			for range logBatchBytes / 100 {
				batchedLine(l)
			}
		}, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, stdout, file := scriptedLogger(t)
				tt.lines(l)
				time.Sleep(tt.after) // of the bubble's clock
				synctest.Wait()
				for name, o := range map[string]*scriptedOutput{"stdout": stdout, "file": file} {
					if o.writes != tt.want {
						t.Errorf("%s: got %d writes, want %d", name, o.writes, tt.want)
					}
				}
			})
		})
	}
}

func TestLinesGatherWhileTheSinkWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, _ := scriptedLogger(t)
		stdout.blocked = make(chan struct{})
		for i := range 101 {
			l.Log(LevelInfo, "SHUTDOWN", Int("i", i))
			synctest.Wait()
		}
		close(stdout.blocked)
		synctest.Wait()
		if got, want := stdout.writes, 2; got != want {
			t.Errorf("got %d writes, want %d: the first line, and all later ones", got, want)
		}
	})
}

func TestWriteErrorsAreCountedAndReportedOnTheOtherSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, file := scriptedLogger(t)
		log := func(i int) {
			l.Log(LevelInfo, "SHUTDOWN", Int("i", i))
			synctest.Wait()
		}
		log(0)
		file.fail(syscall.ENOSPC, 0)
		log(1)
		log(2)
		log(3)
		time.Sleep(logErrorInterval - time.Millisecond)
		log(4)
		time.Sleep(time.Millisecond)
		log(5)
		log(6)
		file.fail(nil, 0)
		log(7)
		log(8)
		eventlogtest.WantLines(t, "file", file.lines(),
			"INFO SHUTDOWN i=0", "WARN LOG_DROPPED sink=file lines=6", "INFO SHUTDOWN i=7", "INFO SHUTDOWN i=8")
		eventlogtest.WantLines(t, "stdout", stdout.lines(),
			"INFO SHUTDOWN i=0",
			"INFO SHUTDOWN i=1", `ERROR LOG_WRITE_ERROR sink=file error="no space left on device" lines=1`,
			"INFO SHUTDOWN i=2", "INFO SHUTDOWN i=3", "INFO SHUTDOWN i=4",
			"INFO SHUTDOWN i=5", `ERROR LOG_WRITE_ERROR sink=file error="no space left on device" lines=5`,
			"INFO SHUTDOWN i=6",
			"INFO SHUTDOWN i=7", "WARN LOG_DROPPED sink=file lines=6",
			"INFO SHUTDOWN i=8")
	})
}

func TestAFailingStdoutIsReportedInTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, file := scriptedLogger(t)
		stdout.fail(syscall.EPIPE, 0)
		l.Log(LevelInfo, "SHUTDOWN")
		synctest.Wait()
		got := file.lines()
		slices.Sort(got) // stdout may fail before the file has received the line
		eventlogtest.WantLines(t, "file", got, `ERROR LOG_WRITE_ERROR sink=stdout error="broken pipe" lines=1`, "INFO SHUTDOWN")
	})
}

func TestTwoFailingSinksDoNotReportToEachOtherForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, file := scriptedLogger(t)
		stdout.fail(syscall.EIO, 0)
		file.fail(syscall.EIO, 0)
		l.Log(LevelInfo, "SHUTDOWN")
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := stdout.writes + file.writes; got > 4 {
			t.Errorf("got %d writes for one line, want 4 at most", got)
		}
	})
}

func TestATornLineIsNotJoinedToTheNext(t *testing.T) {
	for _, tt := range []struct {
		name    string
		err     error
		partial int
		want    []string
	}{
		{"the disk gets full in the middle of a line", syscall.ENOSPC, 31,
			[]string{"INFO S", "WARN LOG_DROPPED sink=file lines=1", "INFO SHUTDOWN i=2"}},
		{"the disk gets full before the newline", syscall.ENOSPC, len("2000-01-01T00:00:00.000Z INFO SHUTDOWN i=1"),
			[]string{"INFO SHUTDOWN i=1", "WARN LOG_DROPPED sink=file lines=1", "INFO SHUTDOWN i=2"}},
		{"the output takes only a part and returns no error", nil, 31,
			[]string{"INFO S", "WARN LOG_DROPPED sink=file lines=1", "INFO SHUTDOWN i=2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := &scriptedOutput{}
				var out io.Writer = file
				short := &shortOutput{w: file, limit: tt.partial}
				if tt.err == nil {
					out = short
				}
				l := newLogger(Options{}, output{w: io.Discard}, &output{w: out})
				defer l.Close()
				file.fail(tt.err, tt.partial)
				l.Log(LevelInfo, "SHUTDOWN", Int("i", 1))
				synctest.Wait()
				file.fail(nil, 0)
				short.limit = 1 << 20
				l.Log(LevelInfo, "SHUTDOWN", Int("i", 2))
				synctest.Wait()
				eventlogtest.WantLines(t, "file", file.lines(), tt.want...)
			})
		})
	}
}

// shortOutput breaks the contract of io.Writer: it takes at most limit bytes and returns no error.
type shortOutput struct {
	w     io.Writer
	limit int
}

func (o *shortOutput) Write(b []byte) (int, error) { return o.w.Write(b[:min(len(b), o.limit)]) }

func TestLinesDroppedAfterABatchThatFailsAreCountedOnce(t *testing.T) {
	for _, tt := range []struct {
		name    string
		healthy int
		first   []string // the lines that the file gets before it fails
	}{
		{"the write fails during which the buffer filled", 0, nil},
		{"the write of the full buffer fails", 1, []string{"INFO SHUTDOWN i=0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _, file := scriptedLogger(t)
				file.blocked, file.err, file.healthy = make(chan struct{}), syscall.EIO, tt.healthy
				l.Log(LevelInfo, "SHUTDOWN", Int("i", 0))
				synctest.Wait() // the goroutine is blocked with one line
				total := 1
				for ; l.file.dropped < 10; total++ {
					l.Log(LevelInfo, "SHUTDOWN", Str("pad", strings.Repeat("x", 2000)))
					synctest.Wait()
				}
				close(file.blocked)
				synctest.Wait()
				file.fail(nil, 0)
				l.Log(LevelInfo, "SHUTDOWN", Int("i", total))
				synctest.Wait()
				eventlogtest.WantLines(t, "file", file.lines(), append(tt.first,
					fmt.Sprintf("WARN LOG_DROPPED sink=file lines=%d", total-tt.healthy), fmt.Sprintf("INFO SHUTDOWN i=%d", total))...)
				if got, want := l.file.missing.Load(), uint64(total-tt.healthy); got != want {
					t.Errorf("the metric: got %d lines, want %d", got, want)
				}
				if got := l.stdout.missing.Load(); got != 0 {
					t.Errorf("the metric of stdout: got %d lines, want 0", got)
				}
			})
		})
	}
}

func TestCloseWritesTheBufferedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, file := scriptedLogger(t)
		for i := range 1000 {
			l.Log(LevelInfo, "SHUTDOWN", Int("i", i))
		}
		if err := l.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		l.Log(LevelInfo, "SHUTDOWN", Str("when", "too late"))
		l.Repeating(LevelInfo, "a", "SHUTDOWN", Str("when", "too late"))
		for name, got := range map[string][]string{"stdout": stdout.lines(), "file": file.lines()} {
			if len(got) != 1000 || got[999] != "INFO SHUTDOWN i=999" {
				t.Errorf("%s: got %d lines, want 1000 in their order", name, len(got))
			}
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestCloseIsBoundedWhenStdoutIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stdout, file := scriptedLogger(t)
		stdout.blocked = make(chan struct{})
		defer close(stdout.blocked) // its goroutine ends with the test
		l.Log(LevelInfo, "SHUTDOWN")
		start := time.Now()
		err := l.Close()
		if took := time.Since(start); took != logFlushTimeout {
			t.Errorf("Close took %v, want %v", took, logFlushTimeout)
		}
		if want := "stdout: the last log lines were not accepted within 2s; check its reader"; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		eventlogtest.WantLines(t, "file", file.lines(), "INFO SHUTDOWN")
	})
}

func TestCloseReportsWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, file := scriptedLogger(t)
		file.fail(syscall.ENOSPC, 0)
		l.Log(LevelInfo, "SHUTDOWN")
		l.Log(LevelInfo, "SHUTDOWN")
		err := l.Close()
		if want := "file: 2 log lines lost: no space left on device"; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want it to wrap ENOSPC", err)
		}
	})
}

func TestAnUnreadPipeDoesNotStallOrHang(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags int
	}{
		{"a blocking pipe, as a shell gives it, does not stall the daemon", 0},
		{"a pipe in non-blocking mode does not stall the daemon", unix.O_NONBLOCK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			var fds [2]int
			if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|tt.flags); err != nil {
				t.Fatal(err)
			}
			r, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
			defer w.Close()
			defer r.Close() // a blocked writer gets EPIPE
			path := filepath.Join(t.TempDir(), "log")
			l, err := New(Options{FilePath: path}, w)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for i := range 40_000 {
				l.Log(LevelInfo, "SHUTDOWN", Int("i", i), Str("pad", strings.Repeat("x", 50)))
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("logging took %v, want no wait for the pipe", took)
			}
			start = time.Now()
			err = l.Close()
			if took := time.Since(start); took > time.Minute {
				t.Errorf("Close took %v, want about %v", took, logFlushTimeout)
			}
			if err == nil || !strings.Contains(err.Error(), "stdout: ") {
				t.Errorf("got error %v, want one about stdout", err)
			}
			log, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(log, []byte(" SHUTDOWN i=0 ")) {
				t.Errorf("the file has %d bytes without the first line", len(log))
			}
		})
	}
}

func TestManyGoroutinesLoseNoLineAndTearNone(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "log")
	var stdout bytes.Buffer
	l, err := New(Options{FilePath: path}, &stdout)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				l.Log(LevelInfo, "SHUTDOWN", Int("g", g), Int("i", i))
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(log, stdout.Bytes()) {
		t.Error("the file has other lines than stdout, or the same in another order")
	}
	next := [8]int{}
	for _, line := range eventlogtest.WithoutTimes(string(log)) {
		var g, i int
		if _, err := fmt.Sscanf(line, "INFO SHUTDOWN g=%d i=%d", &g, &i); err != nil || next[g] != i {
			t.Fatalf("line %q: got error %v, want line %d of its goroutine", line, err, next[g])
		}
		next[g]++
	}
	if want := [8]int{500, 500, 500, 500, 500, 500, 500, 500}; next != want {
		t.Errorf("got %v lines a goroutine, want %v", next, want)
	}
}
