package proxy

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/eventlog"
)

// withoutTimes returns the lines of a log, each without its time.
func withoutTimes(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if at, rest, ok := strings.Cut(line, " "); ok && strings.HasSuffix(at, "Z") {
			line = rest
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}

// wantLines compares lines of a log.
func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// bubbleLogger returns a Logger with stdout only, and a function that returns its lines so far, within a synctest bubble.
func bubbleLogger(t *testing.T, cfg eventlog.Options) (*eventlog.Logger, func() []string) {
	out := &syncBuffer{}
	l := openLogger(t, cfg, out)
	return l, func() []string {
		synctest.Wait()
		return withoutTimes(out.String())
	}
}
