package conformance_test

import (
	"context"
	"path/filepath"
	"testing"

	"reverse-proxy/conformance/soak"
)

// identityRequests is how many requests like those of `make soak` are part of the suite.
const identityRequests = 20_000

func TestNoRequestIsMixedUpOrLost(t *testing.T) {
	daemon := &soak.Daemon{Port: sharedPort(t), HTTP: sharedPort(t), Health: sharedPort(t), Dir: t.TempDir()}
	load, err := soak.NewLoad(identityRequests, []string{"a.test", "b.test", "c.test"}, daemon.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	if err := daemon.Configure(load.Sites()); err != nil {
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
	if err := load.Run(context.Background()); err != nil {
		t.Errorf("%v: %v", load, err)
	}
	t.Logf("%v", load)
}
