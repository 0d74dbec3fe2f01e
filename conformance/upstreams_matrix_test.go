package conformance_test

import (
	"os"
	"sync"
	"testing"
	"time"

	"reverse-proxy/conformance/soak"
)

func TestMain(m *testing.M) {
	soak.ServeMember()
	os.Exit(m.Run())
}

// TestFaultsOverEveryProtocolCostNoRequestThatNeedNotFail is the part of the matrix of `make soak` in which nothing waits for a
// timeout: each fault once at least, each way to reach the upstreams several times, and clients of HTTP/1.1 and HTTP/2 in each
// load (S-18.2).
func TestFaultsOverEveryProtocolCostNoRequestThatNeedNotFail(t *testing.T) {
	picked, err := soak.Pick(
		"refuses over HTTP/2",
		"refuses over HTTP/1.1, Unix socket",
		"killed over HTTP/1.1, TLS",
		"killed over HTTP/2, TLS",
		"flaps every second over HTTP/2",
		"closes on a request over HTTP/2, TLS",
		"closes every second connection over HTTP/1.1, Unix socket",
		"half a head over HTTP/2",
		"resets in the body over HTTP/1.1, TLS",
		"garbage over HTTP/2, TLS",
		"head beyond the bounds over HTTP/2",
		"answers before it was asked over HTTP/1.1, TLS",
		"certificate expired over HTTP/1.1, TLS",
		"certificate for another name over HTTP/2, TLS",
		"certificate of another CA over HTTP/2, TLS",
		"GOAWAY in the middle over HTTP/2",
		"GOAWAY to each request over HTTP/2, TLS",
		"REFUSED_STREAM over HTTP/2",
		"RST_STREAM of every other code over HTTP/2, TLS",
		"RST_STREAM in the body over HTTP/2",
		"lowers its stream limit over HTTP/2",
		"floods with PING over HTTP/2",
		"floods with SETTINGS over HTTP/2, TLS",
	)
	if err != nil {
		t.Fatal(err)
	}
	dir, remove, err := soak.ScratchDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	daemon := &soak.Daemon{Port: sharedPort(t), HTTP: sharedPort(t), Health: sharedPort(t), Dir: t.TempDir()}
	loads, sites := make([]*soak.Balanced, len(picked)), ""
	for i, c := range picked {
		load, err := c.NewLoad(dir, string(rune('a'+i))+".test", 5, daemon.Port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(load.Close)
		load.Clients, load.Pause = 4, 4*soak.MatrixPause
		loads[i] = load
		sites += load.Site(c.Settings(), 0, 1, 2, 3, 4)
	}
	startSoaked(t, daemon, sites)
	var running sync.WaitGroup
	for i, c := range picked {
		running.Go(func() {
			if err := loads[i].Suffer(c.FaultCase, 500*time.Millisecond, 4*time.Second); err != nil {
				t.Errorf("%v: %v", c, err)
			}
			t.Logf("%v: %v", c, loads[i])
		})
	}
	running.Wait()
}
