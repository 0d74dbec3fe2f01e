//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"

	"reverse-proxy/bench/internal/stats"
)

// leastDifference is the smallest change of a median that counts as a difference, however steady the rounds were.
const leastDifference = 0.01

// verdict says whether a scenario costs more or less than with the previous build, and how much of a change the noise of
// the machine could explain.
type verdict struct {
	// ratio is the median of our figures over those of the previous build, and noise how far from 1 the ratio may be by
	// chance.
	ratio, noise float64
}

// compare judges a scenario by three columns of figures: ours, the previous build's, and the previous build's again.
// The noise is the difference of the previous build from itself, plus twice the standard error of both medians. The
// ratio is NaN if fewer than two rounds are complete.
func compare(ours, before, again []float64) verdict {
	changed, self := stats.EachRatio(ours, before), stats.EachRatio(again, before)
	ownError := math.Hypot(stats.MedianError(changed), stats.MedianError(self))
	noise := math.Abs(stats.Median(self)-1) + 2*ownError
	if math.IsNaN(noise) {
		return verdict{math.NaN(), math.NaN()}
	}
	return verdict{stats.Median(changed), max(noise, leastDifference)}
}

// String returns the verdict as a word.
func (v verdict) String() string {
	switch {
	case math.IsNaN(v.ratio):
		return "not measured"
	case v.ratio > 1+v.noise:
		return "dearer"
	case v.ratio < 1-v.noise:
		return "cheaper"
	}
	return "no difference"
}

// renderVerdicts renders the table of the scenarios that differ from the previous build.
func renderVerdicts(outcomes []outcome) string {
	rows := [][]string{{"scenario", "ours / before", "noise ±", "verdict"}}
	for _, o := range outcomes {
		figures := func(peer string) []float64 { return each(o.rounds[peer], o.main()) }
		v := compare(figures(peerOurs), figures(peerOther), figures(peerAgain))
		rows = append(rows, []string{o.scenario.name, number(v.ratio, 3), number(v.noise, 3), v.String()})
	}
	var text strings.Builder
	fmt.Fprintf(&text, "### Compared with the build before\n\n%s\n", alignRows(rows))
	return text.String()
}
