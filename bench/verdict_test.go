//go:build linux

package main

import (
	"errors"
	"math"
	"strings"
	"testing"

	"reverse-proxy/bench/internal/load"
)

func TestAVerdictSeesOnlyWhatTheNoiseCannotExplain(t *testing.T) {
	steady := []float64{10, 10.1, 9.9, 10, 10.05, 9.95, 10}
	scaled := func(values []float64, factor float64) []float64 {
		result := make([]float64, len(values))
		for i, value := range values {
			result[i] = value * factor
		}
		return result
	}
	noisy := []float64{10, 14, 8, 11, 7, 13, 9}
	for name, test := range map[string]struct {
		ours, before, again []float64
		want                string
	}{
		"the same figures are no difference":                             {steady, steady, steady, "no difference"},
		"five percent more on a steady machine is dearer":                {scaled(steady, 1.05), steady, steady, "dearer"},
		"five percent less on a steady machine is cheaper":               {scaled(steady, 0.95), steady, steady, "cheaper"},
		"half a percent is never a difference":                           {scaled(steady, 1.005), steady, steady, "no difference"},
		"as much as the build differs from itself is no difference":      {scaled(steady, 1.05), steady, scaled(steady, 1.06), "no difference"},
		"less than rounds differ on a noisy machine is no difference":    {scaled(steady, 1.05), noisy, steady, "no difference"},
		"one spoiled round among steady ones does not hide a difference": {append(scaled(steady, 1.05), 90), append(steady, 10), append(steady, 10), "dearer"},
		"a single round measures nothing":                                {[]float64{10}, []float64{5}, []float64{5}, "not measured"},
		"a missing round of the build before measures nothing":           {steady, nil, nil, "not measured"},
		"rounds that failed measure nothing":                             {steady, scaled(steady, math.NaN()), steady, "not measured"},
	} {
		t.Run(name, func(t *testing.T) {
			if v := compare(test.ours, test.before, test.again); v.String() != test.want {
				t.Errorf("got %q (ratio %.3f, noise %.3f), want %q", v, v.ratio, v.noise, test.want)
			}
		})
	}
}

func TestTheVerdictsNameEveryScenario(t *testing.T) {
	rounds := func(seconds float64) []round {
		r := round{result: load.Result{ProxySeconds: seconds, Requests: 1000}}
		return []round{r, r, r}
	}
	failed := []round{{err: errors.New("it ended")}}
	got := renderVerdicts([]outcome{
		{scenario: scenario{name: "h1-tls-1k"}, rounds: map[string][]round{peerOurs: rounds(2), peerOther: rounds(1), peerAgain: rounds(1)}},
		{scenario: scenario{name: "h2-tls-1k"}, rounds: map[string][]round{peerOurs: rounds(1), peerOther: failed, peerAgain: failed}},
	})
	for _, want := range []string{"| h1-tls-1k |         2.000 |   0.010 | dearer", "| h2-tls-1k |             – |       – | not measured"} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in\n%s", want, got)
		}
	}
}
