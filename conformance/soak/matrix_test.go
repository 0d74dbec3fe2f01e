package soak

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	ServeMember()
	os.Exit(m.Run())
}

// How long each load of the matrix runs without and with its fault.
const (
	matrixBefore = time.Second
	matrixDuring = 3 * time.Second
)

// TestSoakFaultMatrix is part of `make soak`: one of five upstreams has a fault, for each fault and each way to reach the
// upstreams, while clients of HTTP/1.1 and HTTP/2 make requests (S-18.2). It prints a table with a row for each combination.
// The other upstreams' answers stay within twice their usual p99: so does the median of the rows of each fault, as a single
// row depends on what else the machine does.
func TestSoakFaultMatrix(t *testing.T) {
	if os.Getenv("SOAK_MINUTES") == "" {
		t.Skip("make soak runs this")
	}
	dir, remove, err := ScratchDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	d := newDaemon(t)
	var loads []*Balanced
	sites, rounds := "", map[string][]int{}
	var order []string
	all := Matrix()
	for i, c := range all {
		load, err := c.NewLoad(dir, fmt.Sprintf("%c%c.test", 'a'+i/26, 'a'+i%26), 5, d.Port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(load.Close)
		load.Pause = MatrixPause
		loads = append(loads, load)
		sites += load.Site(c.Settings(), 0, 1, 2, 3, 4)
		if rounds[c.FaultCase.Name] == nil {
			order = append(order, c.FaultCase.Name)
		}
		rounds[c.FaultCase.Name] = append(rounds[c.FaultCase.Name], i)
	}
	if err := d.ConfigureText("[[listeners.sites]]\nhost = \"a.test\"\nupstream = \"127.0.0.1:1\"\n" + sites); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, d)
	var table strings.Builder
	table.WriteString("| fault | upstreams | clients | requests | failed | need not | sent twice | p99 before, ms | p99 of the others, ms |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, fault := range order {
		for _, i := range rounds[fault] { // side by side, the p99 would be that of a busy machine
			if err := loads[i].Suffer(all[i].FaultCase, matrixBefore, matrixDuring); err != nil {
				t.Errorf("%v: %v", all[i], err)
			}
		}
		var slower []float64
		for _, i := range rounds[fault] {
			for _, clients := range []string{"HTTP/1.1", "HTTP/2"} {
				row := loads[i].rowOf(all[i].FaultCase, func(r result) bool { return r.http2 == (clients == "HTTP/2") })
				fmt.Fprintf(&table, "| %s | %s | %s | %v |\n", fault, all[i].Wire.Name, clients, row)
				if row.Requests == 0 {
					t.Errorf("%v: clients of %s made no requests", all[i], clients)
				}
				slower = append(slower, row.slower())
			}
		}
		slices.Sort(slower)
		if median := slower[len(slower)/2]; median > 2 {
			t.Errorf("%s: got a p99 of the other upstreams %.2f times as long, the median of %.2f, want at most twice", fault, median, slower)
		}
	}
	t.Logf("faults over every combination of protocols:\n%s", table.String())
}

func TestEachFaultOfTheMatrixHasOneNameAndEachWireHasThem(t *testing.T) {
	seen := map[string]bool{}
	perWire := map[string]int{}
	for _, c := range Matrix() {
		if seen[c.String()] {
			t.Errorf("got %v twice", c)
		}
		seen[c.String()] = true
		perWire[c.Wire.Name]++
		if !c.HTTP2 && c.Fault >= GoesAway || !c.TLS && c.Fault >= Expires && c.Fault < GoesAway {
			t.Errorf("got %v, which this wire cannot have", c)
		}
	}
	for _, w := range Wires() {
		if perWire[w.Name] < 14 {
			t.Errorf("got %d faults over %s, want 14 at least", perWire[w.Name], w.Name)
		}
	}
	if _, err := Pick("refuses over HTTP/2", "no such fault"); err == nil {
		t.Error("got no error for a name that no combination has")
	}
}

// TestTheJudgeFindsARequestThatWasLostOrSentTwice shows that a load without findings proves something.
func TestTheJudgeFindsARequestThatWasLostOrSentTwice(t *testing.T) {
	start := time.Now()
	for _, test := range []struct {
		name           string
		of             FaultCase
		wire           Wire
		method         string
		after          time.Duration // since the fault
		status         int
		atBad, atSound int
		want           string
	}{
		{"a GET is answered", FaultCase{}, Wire{}, "GET", time.Minute, 200, 0, 1, ""},
		{"a GET is lost", FaultCase{}, Wire{}, "GET", time.Minute, 502, 1, 0, "need not"},
		{"a POST may be lost", FaultCase{FailsPOST: true}, Wire{}, "POST", time.Minute, 502, 1, 0, ""},
		{"a POST is lost although it was never sent", FaultCase{FailsPOST: true}, Wire{}, "POST", time.Minute, 502, 0, 0, "never sent"},
		{"a POST is lost on a connection that others used too", FaultCase{FailsPOST: true}, Wire{HTTP2: true}, "POST", time.Minute, 502, 0, 0, ""},
		{"a POST is lost where nobody counts", FaultCase{FailsPOST: true, Unseen: true}, Wire{}, "POST", time.Minute, 502, 0, 0, ""},
		{"a POST is lost on a connection that ends", FaultCase{}, Wire{}, "POST", -time.Millisecond, 502, 1, 0, ""},
		{"a POST is lost on a connection that has ended", FaultCase{}, Wire{}, "POST", noticed / 2, 502, 1, 0, "need not"},
		{"a POST is lost on a connection of HTTP/2 that has just ended", FaultCase{}, Wire{HTTP2: true}, "POST", noticed / 2, 502, 1, 0, ""},
		{"a POST is sent twice", FaultCase{FailsPOST: true, Again: true}, Wire{}, "POST", time.Minute, 200, 1, 1, "sent twice"},
		{"a GET may be sent twice", FaultCase{Again: true}, Wire{}, "GET", time.Minute, 200, 1, 1, ""},
		{"a GET is sent twice and may not be", FaultCase{}, Wire{}, "GET", time.Minute, 200, 1, 1, "sent twice"},
		{"a GET is sent three times", FaultCase{Again: true}, Wire{}, "GET", time.Minute, 200, 3, 0, "too often"},
		{"a GET has reached a sound upstream", FaultCase{FailsGET: true}, Wire{}, "GET", time.Minute, 502, 0, 1, "a sound upstream got it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &Balanced{wire: test.wire, began: start, broken: start, members: []*member{
				{seen: map[string]int{"x": test.atBad, "before": 1}}, {seen: map[string]int{"x": test.atSound}},
			}}
			b.results = []result{
				{id: "before", method: "GET", began: start.Add(-time.Minute), status: 200},
				{id: "after", method: "GET", began: start.Add(time.Minute), status: 200},
				{id: "x", method: test.method, began: start.Add(test.after), status: test.status},
			}
			err := b.judge(test.of)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
