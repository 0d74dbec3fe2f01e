//go:build linux

package main

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/bench/internal/load"
)

// cpu returns a round of 1,000 requests in 2 s that cost that many microseconds each.
func cpu(micros float64) round {
	return round{result: load.Result{Requests: 1000, Seconds: 2, ProxySeconds: micros / 1000, CoreBusy: 0.5}}
}

func failure(text string) round { return round{err: errors.New(text)} }

// sample returns a scenario of each kind, with a peer that failed once, one that always failed, and one that is
// missing.
func sample() []outcome {
	peers := []peer{{name: peerOurs}, {name: peerNginx}, {name: peerHAProxy}, {name: peerCaddy, missing: "caddy: not found"}}
	paced := func(p50, p90 float64) []round {
		return []round{{result: load.Result{Requests: 6, Seconds: 2, CoreBusy: 0.25,
			Latencies: map[string]float64{"p50": p50, "p90": p90, "p99": 300.04, "p99.9": 900}}}}
	}
	idle := func(kib float64) []round { return []round{{result: load.Result{BytesPerConnection: kib * 1024}}} }
	return []outcome{
		{scenario{name: "work", about: "some work"}, peers, map[string][]round{
			peerOurs:    {cpu(20), cpu(30), cpu(22)},
			peerNginx:   {cpu(25), failure("it\nbroke"), cpu(20)},
			peerHAProxy: {failure("a|b"), failure("c"), failure("d")},
		}, map[string]round{peerOurs: {result: load.Result{Requests: 1000, Calls: 4567}},
			peerNginx: {result: load.Result{Requests: 100, Calls: 600}}}},
		{scenario{name: "idle", metric: memory}, peers[:2], map[string][]round{peerOurs: idle(20), peerNginx: idle(16)}, nil},
		{scenario{name: "slow", metric: latency}, peers[:2], map[string][]round{
			peerOurs: paced(100, 150), peerNginx: paced(80, 200)}, nil},
	}
}

func TestJSONHasTheAgreedLayout(t *testing.T) {
	got, err := renderJSON(sample())
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "scenarios": [
    {
      "name": "work",
      "us_per_request": {
        "nginx": 22.5,
        "reverse-proxy": 22
      },
      "calls_per_request": {
        "nginx": 6,
        "reverse-proxy": 4.57
      },
      "ratio": {
        "nginx": 0.95
      }
    },
    {
      "name": "idle",
      "kib_per_connection": {
        "nginx": 16,
        "reverse-proxy": 20
      },
      "ratio": {
        "nginx": 1.25
      }
    },
    {
      "name": "slow",
      "latency_us": {
        "nginx": {
          "p50": 80,
          "p90": 200,
          "p99": 300,
          "p99.9": 900
        },
        "reverse-proxy": {
          "p50": 100,
          "p90": 150,
          "p99": 300,
          "p99.9": 900
        }
      },
      "ratio": {
        "nginx": 1.25
      },
      "ratio_p90": {
        "nginx": 0.75
      }
    }
  ]
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestJSONOfNothingIsAnEmptyList(t *testing.T) {
	if got, err := renderJSON(nil); err != nil || string(got) != "{\n  \"scenarios\": []\n}\n" {
		t.Errorf("got %q, %v, want an empty list", got, err)
	}
}

func TestTheTableShowsFiguresFailuresAndWhatIsMissing(t *testing.T) {
	want := `### work

some work

| peer          | CPU µs a request | requests/s | load core % | calls a request | ours / peer (min–max) | rounds                    |
| ------------- | ---------------: | ---------: | ----------: | --------------: | --------------------: | ------------------------- |
| reverse-proxy |            22.00 |        500 |          50 |            4.57 |                     – | 3                         |
| nginx         |            22.50 |        500 |          50 |            6.00 |      0.95 (0.80–1.10) | 2 of 3, failed: it        |
| haproxy       |                – |          – |           – |               – |                     – | 0 of 3, failed: a/b       |
| caddy         |                – |          – |           – |               – |                     – | skipped: caddy: not found |

`
	if diff := cmp.Diff(want, renderTable(sample()[:1])); diff != "" {
		t.Error(diff)
	}
}

func TestTableOfLatenciesHasItsPercentiles(t *testing.T) {
	table := renderTable(sample()[2:])
	for _, want := range []string{"| p50 µs | p90 µs | p99 µs | p99.9 µs |", "p50 1.25 (1.25–1.25), p90 0.75 (0.75–0.75)"} {
		if !strings.Contains(table, want) {
			t.Errorf("got no %q in\n%s", want, table)
		}
	}
}

func TestTableOfMemoryHasKiB(t *testing.T) {
	table := renderTable(sample()[1:2])
	for _, want := range []string{"KiB a connection", "20.0", "1.25 (1.25–1.25)"} {
		if !strings.Contains(table, want) {
			t.Errorf("got no %q in\n%s", want, table)
		}
	}
}

func TestOnlyOurFailureFailsTheRun(t *testing.T) {
	outcomes := sample()
	if err := ourFailure(outcomes); err != nil {
		t.Errorf("got %v for failures of peers, want none", err)
	}
	outcomes[1].rounds[peerOurs] = []round{failure("ours broke")}
	if err := ourFailure(outcomes); err == nil || !strings.Contains(err.Error(), "ours broke") {
		t.Errorf("got %v, want ours", err)
	}
}

func TestRoundThatFailedHasNoFigures(t *testing.T) {
	r := failure("x")
	for name, value := range map[string]float64{"cpu": r.value(cpuTime), "memory": r.value(memory), "latency": r.value(latency),
		"rate": r.rate(), "busy": r.busy(),
		"p90": r.percentile("p90")} {
		if !math.IsNaN(value) {
			t.Errorf("%s: got %v, want NaN", name, value)
		}
	}
}

func TestTableNamesWhatTheTimeIsDividedBy(t *testing.T) {
	for unit, want := range map[string]string{"": "| CPU µs a request | requests/s |", "page": "| CPU µs a page | pages/s |",
		"event": "| CPU µs an event | events/s |"} {
		o := sample()[0]
		o.scenario.unit = unit
		if table := renderTable([]outcome{o}); !strings.Contains(table, want) {
			t.Errorf("got no %q in\n%s", want, table)
		}
	}
}
