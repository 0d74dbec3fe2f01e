package config

import "strings"

// KeyError is one error in a configuration: the key that holds it, and what is wrong with its value and what would be
// right, in one sentence without a final stop.
type KeyError struct {
	// Key is the dotted path with indices, as in `listeners[1].sites[0].upstream`; "" where no key is at fault.
	Key string
	// Problem says what is wrong with the value and what would be right.
	Problem string
}

// Error renders the key and then the problem.
func (e KeyError) Error() string {
	if e.Key == "" {
		return e.Problem
	}
	return e.Key + ": " + e.Problem
}

// Errors is everything that is wrong with one configuration, in the order of the file: validation collects all errors
// before it reports them (S-1.2). It is never empty when it is returned as an error.
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
