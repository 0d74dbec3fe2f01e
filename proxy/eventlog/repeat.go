package eventlog

import (
	"strings"
	"sync"
	"time"
)

const (
	// RepeatWindow is the shortest time between two lines of the same repeating failure (S-8.6).
	RepeatWindow = 10 * time.Second
	// maxRepeatKeys bounds how many failures of one event are distinguished at a time. All others share one more
	// window. The bound is per event, so that failures that clients cause do not hide others.
	maxRepeatKeys = 256
	// maxRepeatKeyPart is how many bytes of each part of a key are compared.
	maxRepeatKeyPart = 256
)

// RepeatKey distinguishes repeating failures. It is several strings so that looking up a key does not allocate.
type RepeatKey struct {
	Key, Host, Upstream, Cause string
	// rest is the event whose remaining failures share a window because there are too many to distinguish. It is "" for
	// any other key.
	rest string
}

// bounded returns the key with each part clipped.
func (k RepeatKey) bounded() RepeatKey {
	clip := func(s string) string { return s[:min(len(s), maxRepeatKeyPart)] }
	return RepeatKey{Key: clip(k.Key), Host: clip(k.Host), Upstream: clip(k.Upstream), Cause: clip(k.Cause)}
}

// clone returns a key that shares no memory with the caller's buffers.
func (k RepeatKey) clone() RepeatKey {
	return RepeatKey{
		strings.Clone(k.Key), strings.Clone(k.Host), strings.Clone(k.Upstream), strings.Clone(k.Cause), k.rest,
	}
}

// logRepeats holds the open windows. A window opens with the first line of its key. If no other line follows during the
// window, it closes. Otherwise it ends with one line for all the lines held back, and the next window opens.
type logRepeats struct {
	log     *Logger
	mu      sync.Mutex
	windows map[RepeatKey]*repeatedLine
	// open is the number of windows of each event.
	open    map[string]int
	stopped bool
}

// repeatedLine is an open window and the last line that was held back in it.
type repeatedLine struct {
	timer *time.Timer
	event string
	held  int // number of lines held back
	level Level
	attrs []byte // formatted, because the attributes' strings need not outlive the call
}

func (r *logRepeats) init(l *Logger) {
	r.log = l
	r.windows = make(map[RepeatKey]*repeatedLine)
	r.open = make(map[string]int)
}

// RepeatingBy is Repeating with a key of several parts.
func (l *Logger) RepeatingBy(level Level, key RepeatKey, event string, attrs ...Attr) {
	if level < l.min {
		return
	}
	var scratch [LineScratch]byte
	ln := Line{buf: scratch[:0], json: l.json}.attrs(attrs)
	l.repeats.add(level, key.bounded(), event, ln.buf)
}

// add writes the line, or holds it back if the window of its key is open.
func (r *logRepeats) add(level Level, key RepeatKey, event string, attrs []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	w := r.windows[key]
	if w == nil && r.open[event] >= maxRepeatKeys {
		key = RepeatKey{rest: event}
		w = r.windows[key]
	}
	if w != nil {
		w.held++
		w.level, w.attrs = level, append(w.attrs[:0], attrs...)
		return
	}
	r.write(level, event, attrs, 0)
	key = key.clone()
	r.windows[key] = &repeatedLine{event: event, timer: time.AfterFunc(RepeatWindow, func() { r.windowEnded(key) })}
	r.open[event]++
}

// windowEnded writes one line for the lines held back and begins the next window, or forgets the key if there were
// none.
func (r *logRepeats) windowEnded(key RepeatKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.windows[key]
	if r.stopped || w == nil {
		return
	}
	if w.held == 0 {
		delete(r.windows, key)
		r.open[w.event]--
		return
	}
	r.write(w.level, w.event, w.attrs, w.held)
	w.held = 0
	w.timer.Reset(RepeatWindow)
}

// stop ends all windows, and writes the lines that they hold back. Later lines are lost.
func (r *logRepeats) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.stopped = true
	for _, w := range r.windows {
		w.timer.Stop()
		if w.held > 0 {
			r.write(w.level, w.event, w.attrs, w.held)
		}
	}
	r.windows = nil
}

// write writes a line whose attributes are already formatted. If it represents other lines too, it ends with
// `repeated`.
func (r *logRepeats) write(level Level, event string, attrs []byte, repeated int) {
	var scratch [LineScratch]byte
	ln := startLine(scratch[:0], r.log.json, time.Now(), level, event)
	ln.buf = append(ln.buf, attrs...)
	if repeated > 0 {
		ln = ln.Num("repeated", int64(repeated))
	}
	r.log.Write(ln.End(), AtOnce)
}
