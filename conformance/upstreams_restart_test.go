package conformance_test

import (
	"path/filepath"
	"testing"

	"reverse-proxy/conformance/soak"
)

// restartRate is how many requests a second there are, which every machine reaches. `make soak` has 2,000.
const restartRate = 100

// TestARollingRestartOfUpstreamsLosesNoRequest restarts three upstreams of HTTP/2 one after the other, each drained before, and
// then all at once while their site is paused (S-18.6). A scenario does the same with two upstreams of HTTP/1.1.
func TestARollingRestartOfUpstreamsLosesNoRequest(t *testing.T) {
	daemon := &soak.Daemon{Port: sharedPort(t), HTTP: sharedPort(t), Health: sharedPort(t), Dir: t.TempDir()}
	daemon.Admin = filepath.Join(daemon.Dir, "admin.sock")
	load, err := soak.NewBalancedOver(soak.Wire{HTTP2: true}, "", "a.test", 3, daemon.Port, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	load.Rate = restartRate
	startSoaked(t, daemon, load.Site("", 0, 1, 2))
	if _, err := load.Restart(daemon); err != nil {
		t.Error(err)
	}
	t.Log(load)
}
