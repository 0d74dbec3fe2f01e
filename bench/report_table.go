//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// renderTable renders a table for each scenario, readable as text and as Markdown.
func renderTable(outcomes []outcome) string {
	var text strings.Builder
	for _, o := range outcomes {
		fmt.Fprintf(&text, "### %s\n\n%s\n\n", o.scenario.name, o.scenario.about)
		text.WriteString(alignRows(o.rows()))
		text.WriteString("\n")
	}
	return text.String()
}

// rows returns the lines of a scenario's table, with the titles first.
func (o outcome) rows() [][]string {
	columns := o.columns()
	titles := []string{"peer"}
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	if o.scenario.metric == cpuTime {
		titles = append(titles, "calls "+o.scenario.perUnit())
	}
	rows := [][]string{append(titles, "ours / peer (min–max)", "rounds")}
	for _, p := range o.peers {
		row := []string{p.name}
		for _, c := range columns {
			row = append(row, number(o.median(p.name, c.value), c.digits))
		}
		if o.scenario.metric == cpuTime {
			row = append(row, number(o.callsPerUnit(p.name), 2))
		}
		rows = append(rows, append(row, o.ratioCell(p), o.roundsCell(p)))
	}
	return rows
}

// column is one figure of a round.
type column struct {
	title  string
	digits int
	value  func(round) float64
}

func (o outcome) columns() []column {
	busy := column{"load core %", 0, round.busy}
	switch o.scenario.metric {
	case memory:
		return []column{{"KiB a connection", 1, o.main()}}
	case latency:
		var columns []column
		for _, name := range percentileNames() {
			columns = append(columns, column{name + " µs", 0, func(r round) float64 { return r.percentile(name) }})
		}
		return append(columns, column{"requests/s", 0, round.rate}, busy)
	}
	return []column{{"CPU µs " + o.scenario.perUnit(), 2, o.main()}, {o.scenario.units() + "/s", 0, round.rate}, busy}
}

// ratioCell compares us with the peer; for latencies it compares the median and the 90th percentile.
func (o outcome) ratioCell(p peer) string {
	if p.name == peerOurs {
		return "–"
	}
	cell := func(f func(round) float64) string {
		ratio, ok := o.ratio(p.name, f)
		if !ok {
			return "–"
		}
		return fmt.Sprintf("%.2f (%.2f–%.2f)", ratio.Median, ratio.Min, ratio.Max)
	}
	if o.scenario.metric == latency {
		return "p50 " + cell(o.main()) + ", p90 " + cell(func(r round) float64 { return r.percentile("p90") })
	}
	return cell(o.main())
}

// roundsCell counts the rounds, and says why there are none or fewer.
func (o outcome) roundsCell(p peer) string {
	if p.missing != "" {
		return "skipped: " + p.missing
	}
	good := 0
	for _, r := range o.rounds[p.name] {
		if r.err == nil {
			good++
		}
	}
	cell := fmt.Sprint(good)
	if err := o.failed(p.name); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		cell += fmt.Sprintf(" of %d, failed: %s", len(o.rounds[p.name]), first)
	}
	return cell
}

// number formats a figure, or a dash if there is none.
func number(value float64, digits int) string {
	if math.IsNaN(value) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, value)
}

// alignRows pads the cells of a Markdown table: names are aligned left, figures right.
func alignRows(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var text strings.Builder
	last := len(widths) - 1
	left := func(i int) bool { return i == 0 || i == last }
	for n, row := range rows {
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(strings.ReplaceAll(cell, "|", "/")))
			cell = strings.ReplaceAll(cell, "|", "/")
			switch {
			case left(i):
				text.WriteString("| " + cell + padding + " ")
			default:
				text.WriteString("| " + padding + cell + " ")
			}
		}
		text.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			line := strings.Repeat("-", width)
			if !left(i) {
				line = line[1:] + ":"
			}
			text.WriteString("| " + line + " ")
		}
		text.WriteString("|\n")
	}
	return text.String()
}
