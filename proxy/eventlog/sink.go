package eventlog

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxLogBuffer is how many bytes of lines may wait for a slow sink. Lines that do not fit are dropped.
	maxLogBuffer = 1 << 20
	// logBatchInterval is how long a line that is not urgent may stay in the buffer, so that many lines are written
	// together. A write for each line would make a request cost about 5 % more.
	logBatchInterval = 100 * time.Millisecond
	// logBatchBytes is how many waiting bytes are written without waiting for the end of the interval.
	logBatchBytes = 64 << 10
	// logErrorInterval is the shortest time between two LOG_WRITE_ERROR lines about one sink.
	logErrorInterval = 10 * time.Second
)

// sink is one destination of lines. It has a bounded buffer that any goroutine may append to without waiting, and one
// goroutine that swaps the buffer for an empty one and writes it. While that goroutine writes, and while no line is
// urgent, lines accumulate for its next write.
type sink struct {
	// name is "stdout" or "file", as lines about the sink show it.
	name string
	// other is the sink that this one's failures are reported to. It is nil if there is only one.
	other *sink
	// line lays out a line about the sink.
	line func(level Level, event string, attrs ...Attr) []byte
	// done is closed when the goroutine has ended.
	done chan struct{}

	// mu guards the fields below it. All sinks of a Logger share it, so that they receive lines in the same order.
	mu      *sync.Mutex
	wake    *sync.Cond // due, next or stopped has changed
	pending []byte     // whole lines that are still to be written
	due     bool       // pending must be written now
	timer   *time.Timer
	dropped int // lines that have not fit in the buffer since the last swap
	out     output
	next    *output // replaces out before the next write
	stopped bool

	// The fields below belong to the goroutine, and to finish after it has ended.
	spare    []byte    // the other of the two buffers
	torn     bool      // the output ends within a line
	lost     int       // lines that an output has not accepted or that were dropped since, and that are not yet reported
	lastErr  error     // why the last of these lines was lost
	reported time.Time // when LOG_WRITE_ERROR was written last

	// missing is how many lines the sink has lost since its start, for any reason.
	missing atomic.Uint64
}

func newLogSink(name string, out output, mu *sync.Mutex, line func(Level, string, ...Attr) []byte) *sink {
	s := &sink{name: name, out: out, torn: out.torn, mu: mu, wake: sync.NewCond(mu), line: line,
		done: make(chan struct{})}
	s.timer = time.AfterFunc(time.Hour, s.batchEnded)
	s.timer.Stop()
	return s
}

// append adds a line to be written immediately or with the batch, or counts it as dropped if the buffer is full. It
// never waits. The caller holds mu.
func (s *sink) append(line []byte, when Urgency) {
	if !s.add(line, when) && !s.stopped {
		s.dropped++
		s.missing.Add(1)
	}
}

// Urgency says when a line is written.
type Urgency bool

const (
	// AtOnce is for lines that a reader may be waiting for: a person, a pipeline, fail2ban.
	AtOnce Urgency = true
	// Batched is for lines that every request causes.
	Batched Urgency = false
)

// offer adds a line about the other sink if there is room. A line that does not fit is not counted, because two full
// sinks would report to each other without end.
func (s *sink) offer(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(line, AtOnce)
}

// add copies the line into the buffer if it fits. The caller holds mu.
func (s *sink) add(line []byte, when Urgency) bool {
	if s.stopped || len(s.pending)+len(line) > maxLogBuffer {
		return false
	}
	if len(s.pending) == 0 && when == Batched {
		s.timer.Reset(logBatchInterval)
	}
	s.pending = append(s.pending, line...)
	if !s.due && (when == AtOnce || len(s.pending) >= logBatchBytes) {
		s.due = true
		s.wake.Signal()
	}
	return true
}

// batchEnded makes the goroutine write the lines gathered so far.
func (s *sink) batchEnded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = len(s.pending) > 0
	s.wake.Signal()
}

// replace makes the sink write to out from its next write on. It closes the output that was in use.
func (s *sink) replace(out output) error {
	s.mu.Lock()
	stopped, unused := s.stopped, s.next
	if !stopped {
		s.next = &out
		s.wake.Signal()
	}
	s.mu.Unlock()
	if unused != nil { // nothing has been written since the last call
		unused.close()
	}
	if stopped {
		out.close()
		return fmt.Errorf("%s: the log is closed", s.name)
	}
	return nil
}

// stop makes the goroutine end once it has written the waiting lines. Lines appended later are lost.
func (s *sink) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.timer.Stop()
	s.wake.Signal()
}

// finish closes the output and reports what was not written. It is called once, after stop, when the goroutine has
// ended or has run out of time.
func (s *sink) finish() error {
	s.mu.Lock()
	out, next := s.out, s.next
	s.next = nil
	s.mu.Unlock()
	err := out.close()
	if next != nil {
		next.close()
	}
	select {
	case <-s.done:
	default:
		return fmt.Errorf("%s: the last log lines were not accepted within %v; check its reader", s.name, logFlushTimeout)
	}
	if s.lost > 0 {
		return fmt.Errorf("%s: %d log lines lost: %w", s.name, s.lost, s.lastErr)
	}
	return err
}

// run writes what is appended until stop.
func (s *sink) run() {
	defer close(s.done)
	for {
		batch, dropped, ok := s.take()
		if !ok {
			return
		}
		s.writeBatch(batch, dropped)
	}
}

// take waits for work and swaps the buffers and, after a replace, the outputs. It returns the lines to write and the
// number of lines dropped after them. ok is false once the sink is stopped and everything is written.
func (s *sink) take() (batch []byte, dropped int, ok bool) {
	s.mu.Lock()
	for !s.due && s.next == nil && !s.stopped {
		s.wake.Wait()
	}
	var old output
	if s.next != nil {
		old, s.out, s.torn = s.out, *s.next, s.next.torn
		s.next = nil
	}
	ok = len(s.pending) > 0 || !s.stopped
	batch, dropped = s.pending, s.dropped
	s.pending, s.spare, s.dropped, s.due = s.spare[:0], batch, 0, false
	s.mu.Unlock()
	old.close() // not under the lock: on a network file system this can take long
	return batch, dropped, ok
}

// writeBatch writes the lines of a batch and then, if lines were dropped after them, a line with their number. If
// earlier lines could not be written, it first writes how many; if that fails, the batch is lost too.
func (s *sink) writeBatch(batch []byte, dropped int) {
	if len(batch) == 0 {
		return
	}
	if s.lost > 0 {
		notice := s.line(LevelWarn, "LOG_DROPPED", Str("sink", s.name), Int("lines", s.lost))
		if _, err := s.write(notice); err != nil {
			s.missing.Add(uint64(countLines(batch)))
			s.fail(err, countLines(batch)+dropped)
			return
		}
		s.lost, s.lastErr = 0, nil
		s.tellOther(notice)
	}
	var notice []byte
	if dropped > 0 {
		notice = s.line(LevelWarn, "LOG_DROPPED", Str("sink", s.name), Int("lines", dropped))
		batch = append(batch, notice...)
		s.spare = batch
	}
	n, err := s.write(batch)
	if err != nil {
		missing := countLines(batch[n:])
		if dropped > 0 {
			missing += dropped - 1 // the unwritten notice does not count as a lost line
		}
		s.missing.Add(uint64(max(missing-dropped, 0))) // the dropped lines have already been counted
		s.fail(err, missing)
		return
	}
	if dropped > 0 {
		s.tellOther(notice)
	}
}

// write writes whole lines, preceded by a newline if the last write ended within a line. It returns the number of bytes
// of b that were written.
func (s *sink) write(b []byte) (int, error) {
	out := s.out // only this goroutine changes it
	if s.torn {
		if _, err := out.w.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		s.torn = false
	}
	n, err := out.w.Write(b)
	n = min(max(n, 0), len(b))
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if n > 0 {
		s.torn = b[n-1] != '\n'
	}
	return n, err
}

// fail counts lines that could not be written and reports them to the other sink, at most once in logErrorInterval.
func (s *sink) fail(err error, lines int) {
	s.lost += lines
	s.lastErr = err
	now := time.Now()
	if !s.reported.IsZero() && now.Sub(s.reported) < logErrorInterval {
		return
	}
	s.reported = now
	s.tellOther(s.line(LevelError, "LOG_WRITE_ERROR",
		Str("sink", s.name), Err(err), Int("lines", s.lost)))
}

func (s *sink) tellOther(line []byte) {
	if s.other != nil {
		s.other.offer(line)
	}
}

func countLines(b []byte) int { return bytes.Count(b, []byte{'\n'}) }
