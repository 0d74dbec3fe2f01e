package soak

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"reverse-proxy/steps"
)

// soakRequests is the number of requests in the first part.
const soakRequests = 1_000_000

// soakRounds is the number of rounds in which everything happens at once; after each the daemon has to come to rest.
const soakRounds = 6

// TestSoak is `make soak`: a million requests, and then everything at once for SOAK_MINUTES.
func TestSoak(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("SOAK_MINUTES"), 64)
	if err != nil {
		t.Skip("make soak runs this; SOAK_MINUTES says for how long")
	}
	requests := bound(t, "SOAK_REQUESTS", soakRequests)
	large := startLarge(t)
	// The load of the second part is as long as seven hexadecimal digits can number, which no round uses up.
	d, load := startSoak(t, max(requests, 1<<24), large)

	began := time.Now()
	load.limit(requests)
	if err := load.Run(t.Context()); err != nil {
		t.Errorf("%v: %v", load, err)
	}
	t.Logf("%v in %v", load, time.Since(began).Round(time.Second))
	load.closeIdle()
	if f, err := d.rest(t.Context(), footprint{}); err != nil {
		t.Error(err)
	} else {
		t.Logf("at rest: %v", f)
	}

	load.limit(1 << 24)
	load.unsteady = "unsteady.test"
	storm := &turmoil{daemon: d, load: load, large: "large.test", largeAddr: large}
	var first footprint
	for round := range soakRounds {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(minutes*float64(time.Minute)/soakRounds))
		ended := make(chan error, 1)
		go func() { ended <- load.Run(ctx) }()
		err := errors.Join(storm.run(ctx), <-ended)
		cancel()
		if err != nil {
			t.Errorf("round %d: %v: %v", round+1, load, err)
		}
		load.closeIdle()
		now, err := d.rest(t.Context(), first)
		if err != nil {
			t.Errorf("round %d: %v", round+1, err)
		}
		t.Logf("round %d: %v; at rest: %v", round+1, load, now)
		if first == (footprint{}) {
			first = now
		}
	}
}

// bound returns a number from the environment, for a shorter run, or else the usual one.
func bound(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, text, err)
	}
	return number
}

// TestSoakOverHTTP2 is part of `make soak`: a million requests with an identity each, to upstreams that speak HTTP/2.
func TestSoakOverHTTP2(t *testing.T) {
	if os.Getenv("SOAK_MINUTES") == "" {
		t.Skip("make soak runs this")
	}
	d := newDaemon(t)
	load, err := NewLoadOverHTTP2(bound(t, "SOAK_REQUESTS", soakRequests), []string{"a.test", "b.test", "c.test"}, d.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	if err := d.ConfigureText(load.Text()); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, d)
	began := time.Now()
	if err := load.Run(t.Context()); err != nil {
		t.Errorf("%v: %v", load, err)
	}
	t.Logf("%v in %v", load, time.Since(began).Round(time.Second))
}

// startSoak starts the real binary in front of the upstreams of a load.
func startSoak(t *testing.T, requests int, large string) (*Daemon, *Load) {
	t.Helper()
	d := newDaemon(t)
	load, err := NewLoad(requests, []string{"a.test", "b.test", "c.test", "unsteady.test"}, d.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	sites := load.Sites()
	sites["large.test"] = large
	if err := d.Configure(sites); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, d)
	return d, load
}

// newDaemon returns a daemon that is not running.
func newDaemon(t *testing.T) *Daemon {
	t.Helper()
	d := &Daemon{Dir: t.TempDir()}
	for _, port := range []*int{&d.Port, &d.HTTP, &d.Health} {
		number, release, err := steps.SharedPort()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		*port = number
	}
	return d
}

// startDaemon builds the real binary and starts it with the configuration that was written.
func startDaemon(t *testing.T, d *Daemon) {
	t.Helper()
	binary := filepath.Join(d.Dir, "reverse-proxy")
	build := exec.Command("go", "build", "-o", binary, "reverse-proxy/cmd/reverse-proxy")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if err := d.Start(binary); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// soakReloads is the number of reloads that change a list of upstreams.
const soakReloads = 1000

// TestSoakReloads is part of `make soak`: a thousand reloads that change the upstreams of a site under load, while one of them is
// down.
func TestSoakReloads(t *testing.T) {
	if os.Getenv("SOAK_MINUTES") == "" {
		t.Skip("make soak runs this")
	}
	d := newDaemon(t)
	load, err := NewBalanced("a.test", 5, d.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	load.Repeatable = true
	if err := d.ConfigureText(load.ChurnSite(0)); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, d)
	if err := load.Churn(d, bound(t, "SOAK_RELOADS", soakReloads)); err != nil {
		t.Error(err)
	}
	t.Log(load)
}

// startLarge starts an upstream whose answers are longer than slow clients read.
func startLarge(t *testing.T) (addr string) {
	t.Helper()
	piece := []byte(strings.Repeat("0123456789abcdef", 4096))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
