package config

import (
	"fmt"
	"strings"
)

// KeyError is one error in a configuration: the key at fault, where it is, and in one sentence without a final period
// what is wrong with its value and what would be right (S-1.8).
type KeyError struct {
	// Key is the dotted path with indices, as in `listeners[1].sites[0].upstream`; "" where no key is at fault.
	Key string
	// Problem says what is wrong with the value and what would be right.
	Problem string
	// Line is the line of the key in the file, counted from 1. For a missing key it is the line of the table that
	// should have it; 0 if there is none.
	Line int
	// Host is the host of the site to which the key belongs; "" for none.
	Host string
}

// Error renders the key, its place and the problem, as in `listeners[0].sites[1].host (line 20, a.example): missing; …`.
func (e KeyError) Error() string {
	if e.Key == "" {
		return e.Problem
	}
	return e.Key + e.place() + ": " + e.Problem
}

// place renders the line and the host, as far as they are known, after a space.
func (e KeyError) place() string {
	switch {
	case e.Line == 0:
		return ""
	case e.Host == "":
		return fmt.Sprintf(" (line %d)", e.Line)
	}
	return fmt.Sprintf(" (line %d, %s)", e.Line, e.Host)
}

// Errors holds everything that is wrong with one configuration, in the order of the file (S-1.2). It is never empty
// when it is returned as an error.
type Errors []KeyError

// Error renders all the errors on one line, separated by semicolons.
func (e Errors) Error() string {
	return strings.Join(e.Lines(), "; ")
}

// Lines renders each error on a line of its own, for `--validate`, the log and the admin socket.
func (e Errors) Lines() []string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return lines
}
