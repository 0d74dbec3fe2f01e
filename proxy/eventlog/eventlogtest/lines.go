// Package eventlogtest opens logs and compares their lines in tests. It knows nothing of the logger and is given what opens
// one, so that the logger's own tests can use it.
package eventlogtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// WithoutTimes returns the lines of a log in the text format, each without its time.
func WithoutTimes(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if at, rest, ok := strings.Cut(line, " "); ok && strings.HasSuffix(at, "Z") {
			line = rest
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}

// WantLines fails the test if the lines differ from those that are wanted. What names the log.
func WantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
