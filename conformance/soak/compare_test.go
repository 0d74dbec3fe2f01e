package soak

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"reverse-proxy/steps"
)

// How long each load runs without and with its fault.
const (
	compareBefore = 2 * time.Second
	compareDuring = 10 * time.Second
)

// TestSoakFaultsBesideHAProxy is part of `make soak`: the script of TestNoFaultOfAnUpstreamCostsARequestThatNeedNotFail with HAProxy in
// the proxy's place too. It prints the table of docs/faults.md.
func TestSoakFaultsBesideHAProxy(t *testing.T) {
	if os.Getenv("SOAK_MINUTES") == "" {
		t.Skip("make soak runs this")
	}
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed; make deps installs it")
	}
	var table strings.Builder
	table.WriteString("| fault | proxy | requests | failed | need not | sent twice | p99 before, ms | p99 of the others, ms |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, of := range FaultCases() {
		row, err := faultBehindProxy(t, of)
		if err != nil {
			t.Errorf("%s: %v", of.Name, err) // only our own promises are checked
		}
		table.WriteString("| " + of.Name + " | reverse-proxy | " + row.String() + " |\n")
		table.WriteString("| | HAProxy | " + faultBehindHAProxy(t, of).String() + " |\n")
	}
	t.Logf("the table of docs/faults.md:\n%s", table.String())
}

func faultBehindProxy(t *testing.T, of FaultCase) (FaultRow, error) {
	t.Helper()
	d := newDaemon(t)
	load := compared(t, d.Port)
	if err := d.ConfigureText(load.Site(Settings, 0, 1, 2)); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, d)
	err := load.Suffer(of, compareBefore, compareDuring)
	return load.Row(of), err
}

func faultBehindHAProxy(t *testing.T, of FaultCase) FaultRow {
	t.Helper()
	port, release, err := steps.SharedPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	load := compared(t, port)
	peer, err := load.StartHAProxy(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Stop()
	_ = load.Suffer(of, compareBefore, compareDuring) // what was wrong is in the row
	return load.Row(of)
}

// compared starts the upstreams of a load.
func compared(t *testing.T, port int) *Balanced {
	t.Helper()
	load, err := NewBalanced("a.test", 3, port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	return load
}

func TestARowCountsWhatBecameOfRequestsDuringTheFault(t *testing.T) {
	start := time.Now()
	b := &Balanced{began: start, broken: start.Add(time.Second), members: []*member{
		{seen: map[string]int{"b": 1, "c": 1, "d": 1}}, {seen: map[string]int{"a": 1, "c": 1, "e": 1}},
	}}
	at := func(id, method string, after time.Duration, status int, took time.Duration) {
		b.results = append(b.results, result{id: id, method: method, began: start.Add(after), status: status, took: took})
	}
	at("e", "GET", -time.Minute, 200, 3*time.Millisecond)
	at("a", "GET", 2*time.Second, 200, 5*time.Millisecond)
	at("b", "POST", 2*time.Second, 502, time.Second)
	at("c", "GET", 2*time.Second, 200, time.Second)
	at("d", "GET", 2*time.Second, 502, time.Second)
	got := b.Row(FaultCase{FailsPOST: true})
	if want := (FaultRow{Requests: 4, Failed: 2, Needless: 1, Twice: 1, P99: 5 * time.Millisecond, Before: 3 * time.Millisecond}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := got.String(), "4 | 2 | 1 | 1 | 3.0 | 5.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
