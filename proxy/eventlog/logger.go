package eventlog

import (
	"errors"
	"io"
	"sync"
	"time"
)

// logFlushTimeout bounds how long Close waits for the sinks to take the last lines: a stdout that no program reads must
// not keep the daemon from exiting (S-11.1).
const logFlushTimeout = 2 * time.Second

// LineScratch is the size in bytes of the stack buffer in which a line is formatted. Nearly every line fits and costs
// no allocation. A longer one (up to a few dozen KiB, because values are clipped) moves to the heap.
const LineScratch = 512

// Options is the `[logging]` table. All of it is static.
type Options struct {
	// Level is the least severe level that is written.
	Level Level
	// Format is the layout of a line.
	Format Format
	// FilePath is the absolute path of the log file, which is written in addition to stdout; "" means none.
	FilePath string
}

// Logger writes the daemon's lines (S-8) to stdout and, if configured, to a file. It is safe for concurrent use.
//
// Log never waits for I/O. It copies a line into the bounded buffer of each sink, and each sink writes from its own
// goroutine. A sink that is too slow loses whole lines, which are counted and reported. It stalls neither the caller
// nor the other sink (S-8.4).
type Logger struct {
	min     Level
	json    bool
	path    string
	mu      sync.Mutex // shared by the sinks
	stdout  *sink
	file    *sink // nil when logging.log_file_path is not set
	repeats logRepeats
	// reopening serializes calls of Reopen, so that the file opened last is the one in use.
	reopening sync.Mutex

	closeOnce sync.Once
	closeErr  error
}

// New opens the sinks that cfg names: always stdout, and the log file if its path is set. The error names the key
// `logging.log_file_path`. The caller must close the Logger; until then, lines may still be buffered.
//
// If stdout is an *os.File, it is duplicated and not closed; writing to the duplicate does not raise the SIGPIPE that a
// broken pipe on descriptor 1 raises.
func New(cfg Options, stdout io.Writer) (*Logger, error) {
	if cfg.FilePath == "" {
		return newLogger(cfg, stdoutOutput(stdout), nil), nil
	}
	file, err := openLogFile(cfg.FilePath)
	if err != nil {
		return nil, err
	}
	return newLogger(cfg, stdoutOutput(stdout), &file), nil
}

// newLogger starts a Logger that writes to outputs that are already open. file is nil if there is no log file.
func newLogger(cfg Options, stdout output, file *output) *Logger {
	l := &Logger{min: cfg.Level, json: cfg.Format == FormatJSON, path: cfg.FilePath}
	l.stdout = newLogSink("stdout", stdout, &l.mu, l.line)
	if file != nil {
		l.file = newLogSink("file", *file, &l.mu, l.line)
		l.stdout.other, l.file.other = l.file, l.stdout
	}
	l.repeats.init(l)
	for _, s := range l.sinks() {
		go s.run()
	}
	return l
}

// Log writes one line for the event with its attributes in the given order, unless level is below the configured one.
// It does not keep the attributes. A line of ordinary length costs no allocation.
func (l *Logger) Log(level Level, event string, attrs ...Attr) {
	if level < l.min {
		return
	}
	var scratch [LineScratch]byte
	l.Write(startLine(scratch[:0], l.json, time.Now(), level, event).attrs(attrs).End(), AtOnce)
}

// Enabled reports whether lines of the level are written. It is for callers whose attributes are expensive to make.
func (l *Logger) Enabled(level Level) bool { return level >= l.min }

// Repeating is Log for a failure that can repeat without end: lines with the same key are written at most once in 10 s.
// The first is written at once, and those that follow within 10 s are counted. After the 10 s one line is written with
// the attributes of the last of them and their number, as `repeated`, at its end (S-8.6). Beyond 256 keys of one event
// at a time, all further keys are treated as one. Close writes the lines that are still held back.
func (l *Logger) Repeating(level Level, key, event string, attrs ...Attr) {
	l.RepeatingBy(level, RepeatKey{Key: key}, event, attrs...)
}

// Reopen opens the path of the log file again and writes to the new file from then on, so that logrotate can rename the
// old one (S-8.3). Lines that wait in the buffer go to the new file; none is lost. If Reopen fails, the old file stays
// in use, and the error names `logging.log_file_path` and the cause. Without a log file Reopen does nothing.
func (l *Logger) Reopen() error {
	if l.file == nil {
		return nil
	}
	l.reopening.Lock()
	defer l.reopening.Unlock()
	out, err := openLogFile(l.path)
	if err != nil {
		return err
	}
	return l.file.replace(out)
}

// Close writes the lines that Repeating holds back and everything buffered, for at most 2 s, and closes the file. Lines
// logged afterwards are lost. The error says what could not be written; the Logger is closed anyway.
func (l *Logger) Close() error {
	l.closeOnce.Do(func() {
		l.repeats.stop()
		sinks := l.sinks()
		for _, s := range sinks {
			s.stop()
		}
		deadline := time.NewTimer(logFlushTimeout)
		defer deadline.Stop()
		expired := false
		var errs []error
		for _, s := range sinks {
			if !expired {
				select {
				case <-s.done:
				case <-deadline.C:
					expired = true
				}
			}
			errs = append(errs, s.finish())
		}
		l.closeErr = errors.Join(errs...)
	})
	return l.closeErr
}

// Write hands a finished line to every sink.
func (l *Logger) Write(line []byte, when Urgency) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stdout.append(line, when)
	if l.file != nil {
		l.file.append(line, when)
	}
}

// StartLine begins a line with the given time in buf, which may be on the caller's stack. It does not check the level:
// call Enabled first, and pass the finished line to Write.
func (l *Logger) StartLine(buf []byte, at time.Time, level Level, event string) Line {
	return startLine(buf, l.json, at, level, event)
}

// line formats a line whatever its level. The sinks use it to report on themselves.
func (l *Logger) line(level Level, event string, attrs ...Attr) []byte {
	return startLine(nil, l.json, time.Now(), level, event).attrs(attrs).End()
}

// MissingLines yields the name of each sink with the number of lines that it has lost since its start. It takes no
// lock.
func (l *Logger) MissingLines(yield func(sink string, lines uint64) bool) {
	for _, s := range l.sinks() {
		if !yield(s.name, s.missing.Load()) {
			return
		}
	}
}

// sinks returns the sinks in use.
func (l *Logger) sinks() []*sink {
	if l.file == nil {
		return []*sink{l.stdout}
	}
	return []*sink{l.stdout, l.file}
}
