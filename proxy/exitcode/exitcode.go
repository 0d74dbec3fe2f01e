// Package exitcode names the exit codes of the program (S-1.5).
//
// It knows nothing of the commands: each of them decides what is a failure.
package exitcode

const (
	// OK is success; of `diff`, no difference.
	OK = 0
	// Error is a failure; of `diff`, that there are differences.
	Error = 1
	// Usage is wrong usage; of `diff`, also a failure.
	Usage = 2
)
