package conformance_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"reverse-proxy/conformance/soak"
)

// startSoaked starts the daemon with those sites.
func startSoaked(t *testing.T, daemon *soak.Daemon, sites string) {
	t.Helper()
	if err := daemon.ConfigureText(sites); err != nil {
		t.Fatal(err)
	}
	root, binary := projectRoot(t), filepath.Join(t.TempDir(), "reverse-proxy")
	buildCoveredDaemon(t, root, binary)
	if err := daemon.Start(binary, "GOCOVERDIR="+coverDir(t, root), "GORACE=atexit_sleep_ms=0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := daemon.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoFaultOfAnUpstreamCostsARequestThatNeedNotFail gives each of several sites another fault in one of its three upstreams,
// under a steady load, and follows every request (S-18.2).
func TestNoFaultOfAnUpstreamCostsARequestThatNeedNotFail(t *testing.T) {
	daemon := &soak.Daemon{Port: sharedPort(t), HTTP: sharedPort(t), Health: sharedPort(t), Dir: t.TempDir()}
	cases := soak.FaultCases()
	loads, sites := make([]*soak.Balanced, len(cases)), ""
	for i := range cases {
		load, err := soak.NewBalanced(string(rune('a'+i))+".test", 3, daemon.Port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(load.Close)
		loads[i] = load
		sites += load.Site(soak.Settings, 0, 1, 2)
	}
	startSoaked(t, daemon, sites)
	var running sync.WaitGroup
	for i, of := range cases {
		running.Go(func() {
			if err := loads[i].Suffer(of, 500*time.Millisecond, 5*time.Second); err != nil {
				t.Error(err)
			}
			t.Logf("%s: %s", of.Name, loads[i])
		})
	}
	running.Wait()
}

// reloadsOfList is how many of the reloads of `make soak` are part of the suite.
const reloadsOfList = 30

// TestReloadsThatChangeTheListLoseNoRequest changes the list of upstreams under a steady load while one of them is down (S-18.3).
func TestReloadsThatChangeTheListLoseNoRequest(t *testing.T) {
	daemon := &soak.Daemon{Port: sharedPort(t), HTTP: sharedPort(t), Health: sharedPort(t), Dir: t.TempDir()}
	load, err := soak.NewBalanced("a.test", 5, daemon.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	load.Repeatable = true
	startSoaked(t, daemon, load.ChurnSite(0))
	if err := load.Churn(daemon, reloadsOfList); err != nil {
		t.Error(err)
	}
	t.Log(load)
}
