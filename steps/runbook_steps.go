package steps

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func (w *World) runbookSteps() []step {
	return []step{
		{`the runbook shows under {string} what was written`, w.runbookTells, "Each line in a ```log block of docs/runbook.md under that heading is one that the daemon has written: a line of its log with that level, event and keys, in which `error`, `status` and other values that do not depend on the place are the same; any other line is one of standard error, or of the output of the last command. `…` stands for anything. Waits for all."},
		{`the runbook has a row under {string} for the error of the line {string}`, w.runbookExplains, "A table row under that heading whose first cell has, between backquotes, a text that is part of the line's `error`. Waits for the line."},
	}
}

var (
	runbookLogBlock = regexp.MustCompile("(?s)\n```log\n(.*?)\n```\n")
	runbookLogTime  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT`)
)

// runbookPlaces are the keys whose values depend on the place or the time.
var runbookPlaces = []string{"client_ip", "peer_ip", "host", "path", "upstream", "duration_ms", "listener", "domain", "directory", "certificate", "not_after", "days_left", "next_try", "lines",
	"repeated", "errors", "sites", "requests_in_flight", "requests_cut", "running", "file", "server_name"}

var runbookRow = regexp.MustCompile("(?m)^\\| (`.*?) \\|")

// runbookSection returns the text under a heading of docs/runbook.md; "" if there is none.
func runbookSection(text, heading string) string {
	_, section, _ := strings.Cut(text, "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// runbookExplains looks for a row about the error of the last such line.
func (w *World) runbookExplains(heading, event string) error {
	text, err := w.runbook()
	if err != nil {
		return err
	}
	rows := runbookRow.FindAllStringSubmatch(runbookSection(text, heading), -1)
	return w.eventually(func() error {
		log, err := parseLog(w.daemon.stdout.lines())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(log, func(l logLine) bool { return l.event == event })
		if i < 0 {
			return fmt.Errorf("there is no line %s", event)
		}
		got := log[i].values["error"]
		for _, row := range rows {
			for i, known := range strings.Split(row[1], "`") {
				if i%2 == 1 && strings.Contains(got, known) {
					return nil
				}
			}
		}
		return fmt.Errorf("no row under %q is about %q", heading, got)
	})
}

// runbookLines returns the log lines that docs/runbook.md shows under a heading.
func runbookLines(text, heading string) []string {
	var lines []string
	for _, block := range runbookLogBlock.FindAllStringSubmatch(runbookSection(text, heading), -1) {
		lines = append(lines, strings.Split(block[1], "\n")...)
	}
	return lines
}

func (w *World) runbook() (string, error) {
	text, err := os.ReadFile(filepath.Join(w.suite.Root, "docs", "runbook.md"))
	return string(text), err
}

// globMatches compares a text with a pattern in which `…` matches anything.
func globMatches(glob, text string) bool {
	parts := strings.Split(glob, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^(?s:" + strings.Join(parts, ".*") + ")$").MatchString(text)
}

// like reports whether a log line matches one that the runbook shows.
func (l logLine) like(shown logLine) bool {
	if l.level != shown.level || l.event != shown.event || !slices.Equal(l.keys, shown.keys) {
		return false
	}
	for key, value := range shown.values {
		if !slices.Contains(runbookPlaces, key) && !globMatches(value, l.values[key]) {
			return false
		}
	}
	return true
}

func (w *World) runbookTells(heading string) error {
	text, err := w.runbook()
	if err != nil {
		return err
	}
	shown := runbookLines(text, heading)
	if len(shown) == 0 {
		return fmt.Errorf("docs/runbook.md shows nothing under %q", heading)
	}
	return w.eventually(func() error {
		for _, line := range shown {
			if err := w.wasWritten(line); err != nil {
				return err
			}
		}
		return nil
	})
}

// wasWritten looks for one line of the runbook in the log.
func (w *World) wasWritten(line string) error {
	if runbookLogTime.MatchString(line) {
		want, err := parseLogLine(line)
		if err != nil {
			return err
		}
		log, err := parseLog(w.daemon.stdout.lines())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(log, func(l logLine) bool { return l.like(want) }) {
			return fmt.Errorf("the runbook shows %q, which the daemon has not written", line)
		}
		return nil
	}
	var printed []string
	for _, p := range []*process{w.daemon, w.command} {
		if p != nil {
			printed = append(printed, p.stdout.lines()...)
			printed = append(printed, p.stderr.lines()...)
		}
	}
	if !slices.ContainsFunc(printed, func(text string) bool { return globMatches(line, text) }) {
		return fmt.Errorf("the runbook shows %q, which was not printed: %q", line, clip(strings.Join(printed, "\n")))
	}
	return nil
}
