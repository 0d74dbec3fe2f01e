package config

import "errors"

// ErrorLines returns the errors that err consists of, each on one line.
func ErrorLines(err error) []string {
	// Joined errors come first: errors.As would find the configuration errors of one part and lose the others.
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var lines []string
		for _, part := range joined.Unwrap() {
			lines = append(lines, ErrorLines(part)...)
		}
		return lines
	}
	if refused, ok := errors.AsType[Errors](err); ok {
		return refused.Lines()
	}
	return []string{err.Error()}
}
