package eventlog

// Capturing returns a Logger that writes nowhere, and a function that returns the lines logged since its last call. It is
// for tests of what is logged: a line is available as soon as it is logged. Close ends the windows of Repeating.
func Capturing(cfg Options) (*Logger, func() string) {
	l := &Logger{min: cfg.Level, json: cfg.Format == FormatJSON}
	l.stdout = newLogSink("stdout", output{}, &l.mu, l.line)
	close(l.stdout.done) // it has no goroutine
	l.repeats.init(l)
	return l, func() string {
		l.mu.Lock() // the end of a batch reads pending
		defer l.mu.Unlock()
		taken := string(l.stdout.pending)
		l.stdout.pending = l.stdout.pending[:0]
		return taken
	}
}
