package steps

import (
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// newWorld makes a scenario without godog.
func newWorld(t *testing.T) *World {
	t.Helper()
	suite, err := NewSuite("", "")
	if err != nil {
		t.Fatal(err)
	}
	w := &World{suite: suite}
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Errorf("got the error %v at the end of the scenario, want none", err)
		}
	})
	return w
}

func TestAWorldLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	suite, err := NewSuite("", "")
	if err != nil {
		t.Fatal(err)
	}
	w := &World{suite: suite}
	if err := w.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.noUpstream("gone"); err != nil {
		t.Error(err)
	}
	if err := w.addSite("a.example.test", "app"); err != nil {
		t.Error(err)
	}
	if err := w.get("http://" + w.upstreams["app"].address + "/"); err != nil {
		t.Error(err)
	}
	if err := w.close(); err != nil {
		t.Errorf("got the error %v, want none", err)
	}
	if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
		t.Errorf("got the directory %s, want it removed (error %v)", w.dir, err)
	}
}

func TestTheDefaultConfigurationHasDistinctPorts(t *testing.T) {
	w := newWorld(t)
	if err := w.addListener(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, at := range w.endpoints() {
		if seen[at.address] {
			t.Errorf("%s: got %s a second time, want an address of its own", at.key, at.address)
		}
		seen[at.address] = true
		if !free(at.address) {
			t.Errorf("%s: got %s, which is taken, want a free one", at.key, at.address)
		}
	}
	if len(seen) != 5 {
		t.Errorf("got %d addresses, want those of the health port and of two listeners", len(seen))
	}
}

func TestTwoScenariosNeverShareAnAddress(t *testing.T) {
	one, other := newWorld(t), newWorld(t)
	if one.addresses.prefix == other.addresses.prefix {
		t.Errorf("got the block %s twice, want two", one.addresses.prefix)
	}
	first, err := one.addresses.sharedPort("health")
	if err != nil {
		t.Fatal(err)
	}
	again, err := one.addresses.sharedPort("health")
	if err != nil || again != first {
		t.Errorf("got the ports %d and %d for one name (error %v), want the same", first, again, err)
	}
	if second, err := other.addresses.sharedPort("health"); err != nil || second == first {
		t.Errorf("got the port %d for both scenarios (error %v), want two", second, err)
	}
}

// The following steps are tried against the suite's own upstreams, without a daemon in between.

func TestClientAndUpstreamSeeTheSameBytes(t *testing.T) {
	w := newWorld(t)
	steps := []error{
		w.upstreamAnswers("app", 404, "nothing here"),
		w.get("http://" + mustAddress(t, w, "app") + "/a%2Fb?c=%20&d"),
		w.answerIsWith(404, "nothing here"),
		w.receivedRequest("app", "GET /a%2Fb?c=%20&d"),
		w.receivedField("app", "Host", mustAddress(t, w, "app")),
		w.receivedNoField("app", "User-Agent"),
		w.sendChunked("POST", "http://"+mustAddress(t, w, "app")+"/", 300000),
		w.receivedBodySize("app", 300000),
		w.receivedField("app", "Transfer-Encoding", "chunked"),
		w.receivedCount("app", 2),
		w.upstreamAccepted("app", 1),
	}
	for i, err := range steps {
		if err != nil {
			t.Errorf("step %d: got the error %v, want none", i+1, err)
		}
	}
	for name, err := range map[string]error{
		"the status is another one":   w.answerIs(200),
		"the target is another one":   w.receivedRequest("app", "GET /"),
		"the field is another one":    w.receivedField("app", "Host", "other"),
		"the field is missing":        w.receivedField("app", "X-Missing", ""),
		"a request has been received": w.receivedNothing("app"),
	} {
		if err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

func TestAStreamingUpstreamSendsWhenItIsReleased(t *testing.T) {
	w := newWorld(t)
	steps := []func() error{
		func() error { return w.upstreamStreams("app", "one|two") },
		func() error { return w.begin("alice", "http://"+mustAddress(t, w, "app")+"/") },
		func() error { return w.hasReceived("alice", "one") },
		func() error { return w.release("app") },
		func() error { return w.answeredNamed("alice", 200) },
		func() error { return w.answerBody("onetwo") },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: got the error %v, want none", i+1, err)
		}
	}
}

func TestABlackHoleNeitherAcceptsNorRefuses(t *testing.T) {
	w := newWorld(t)
	if err := w.blackHole("hole"); err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", mustAddress(t, w, "hole"), 2*pollInterval)
	if err == nil {
		_ = conn.Close()
	}
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		t.Errorf("got the error %v, want a timeout", err)
	}
}

func TestTheServiceManagerHearsDatagrams(t *testing.T) {
	w := newWorld(t)
	if err := w.neverTold("READY=1"); err != nil {
		t.Error(err)
	}
	conn, err := net.Dial("unixgram", w.notify.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, message := range []string{"RELOADING=1\nMONOTONIC_USEC=5", "READY=1\nSTATUS=fine"} {
		if _, err := conn.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	for i, err := range []error{
		w.told("READY=1"), w.toldTogether("RELOADING=1", "MONOTONIC_USEC="), w.toldBefore("RELOADING=1", "READY=1"),
	} {
		if err != nil {
			t.Errorf("sentence %d: got the error %v, want none", i+1, err)
		}
	}
	if w.neverTold("READY=1") == nil {
		t.Error("got no error after READY=1, want one")
	}
}

func mustAddress(t *testing.T, w *World, upstream string) string {
	t.Helper()
	address, err := w.upstreamAddress(upstream)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(address, "127.") {
		t.Fatalf("got the address %s, want one of the loopback network", address)
	}
	return address
}
