package proxy

import (
	"fmt"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// StartupError is the failure of one step of the startup.
type StartupError struct {
	// Step is the number of the step, 1 to 10, and Name its name in the log.
	Step int
	Name string
	// Cause is what failed; its text begins with the key or address at fault.
	Cause error
}

// Error renders the failure, on one line for each error that the cause holds, each naming the step (S-4.2).
func (e *StartupError) Error() string {
	text := ""
	for i, line := range config.ErrorLines(e.Cause) {
		if i > 0 {
			text += "\n"
		}
		text += fmt.Sprintf("startup step %d (%s): %s", e.Step, e.Name, line)
	}
	return text
}

// Unwrap returns the cause.
func (e *StartupError) Unwrap() error { return e.Cause }

// stepLog times the steps of the startup and logs a line for each completed one (S-4.1). Steps before the third,
// which opens the log, are logged once it is open.
type stepLog struct {
	log *eventlog.Logger
	// config is the configuration once it is loaded, for the lines in errors.
	config *config.Config
	step   int
	name   string
	began  time.Time
	early  []func(*eventlog.Logger)
}

// begin records which step runs from now on.
func (s *stepLog) begin(step int, name string) { s.step, s.name, s.began = step, name, time.Now() }

// done logs the step that has run.
func (s *stepLog) done() {
	step, name, took := s.step, s.name, time.Since(s.began)
	line := func(log *eventlog.Logger) {
		log.Log(eventlog.LevelInfo, "STARTUP", eventlog.Int("step", step), eventlog.Str("name", name), eventlog.Millis("duration_ms", took))
	}
	if s.log == nil {
		s.early = append(s.early, line)
		return
	}
	line(s.log)
}

// attach sets the log, and writes the lines of the steps that ran before it was open.
func (s *stepLog) attach(log *eventlog.Logger) {
	s.log = log
	for _, line := range s.early {
		line(log)
	}
	s.early = nil
}

// failed returns the error of the running step. It logs nothing: main prints the error, once.
func (s *stepLog) failed(cause error) error {
	return &StartupError{Step: s.step, Name: s.name, Cause: s.config.Located(cause)}
}

// cleanups holds what has to be undone if a later step fails, last in first out.
type cleanups []func()

// add registers an undo function, on the line after the resource was taken.
func (c *cleanups) add(undo func()) { *c = append(*c, undo) }

// run undoes everything in reverse order.
func (c *cleanups) run() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
}
