package proxy

import (
	"testing"
	"testing/synctest"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// bubbleLogger returns a Logger with stdout only, and a function that returns its lines so far, within a synctest bubble.
func bubbleLogger(t *testing.T, cfg eventlog.Options) (*eventlog.Logger, func() []string) {
	out := &syncBuffer{}
	l := openLogger(t, cfg, out)
	return l, func() []string {
		synctest.Wait()
		return eventlogtest.WithoutTimes(out.String())
	}
}
