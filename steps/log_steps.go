package steps

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cucumber/godog"
)

func (w *World) logSteps() []step {
	return []step{
		{`the log has a line {string}`, w.logHas, "An event; waits for it. The log is the daemon's stdout, here and below."},
		{`the log has a line {string} with:`, w.logHasWith, "A table of keys and values. `*` stands for any value that is not empty, a leading `~` for a part of it; the key `level` for the line's level. Waits for it."},
		{`the log has a new line {string}`, w.logHasNew, "Since the last signal, reload, admin command or `the log lines so far are ignored`."},
		{`the log has a new line {string} with:`, w.logHasNewWith, ""},
		{`the log lines so far are ignored`, w.logPast, "New lines are those after this step."},
		{`the log has {int} line(s) {string}`, w.logCount, "Exactly that many of the event so far; waits until there are that many."},
		{`the log has {int} line(s) {string} with:`, w.logCountWith, ""},
		{`the log has no line {string}`, w.logLacks, "Checks the lines so far."},
		{`the log has no line {string} with:`, w.logLacksWith, ""},
		{`the log has the events in this order:`, w.logOrder, "A table of one column: an event, or an event and one `key=value`. Other lines may be between them. Waits for all."},
		{`the line {string} has the keys {string}`, w.logKeys, "All keys of the first such line, in their order, separated by spaces."},
		{`the log has a line that contains {string}`, w.logContains, "The raw text. Waits for it."},
		{`the log has no line that contains {string}`, w.logContainsNot, "The raw text."},
		{`every line of the log is well-formed`, w.logWellFormed, "Each can be parsed, as text or JSON."},
		{`the file {string} has the same lines as the log`, w.logFileSame, "Waits for it."},
	}
}

func (w *World) logHas(event string) error { return w.logHasWith(event, &godog.Table{}) }

func (w *World) logHasWith(event string, table *godog.Table) error {
	want, err := pairMap(table)
	if err != nil {
		return err
	}
	_, err = w.awaitLine(event, want, 0)
	return err
}

func (w *World) logHasNew(event string) error { return w.logHasNewWith(event, &godog.Table{}) }

func (w *World) logHasNewWith(event string, table *godog.Table) error {
	want, err := pairMap(table)
	if err != nil {
		return err
	}
	_, err = w.awaitLine(event, want, w.logMark)
	return err
}

func (w *World) logPast() error {
	w.markLog()
	return nil
}

// count waits until there are exactly that many lines, and fails if there are more.
func (w *World) count(want int, event string, table *godog.Table, from int) error {
	keys, err := pairMap(table)
	if err != nil {
		return err
	}
	got := 0
	err = w.eventually(func() error {
		lines, err := w.logLines(from)
		if err != nil {
			return err
		}
		got = 0
		for _, line := range lines {
			if line.matches(event, keys) {
				got++
			}
		}
		if got < want {
			return fmt.Errorf("got %d lines %s %v, want %d", got, event, keys, want)
		}
		return nil
	})
	if err == nil && got > want {
		err = fmt.Errorf("got %d lines %s %v, want %d", got, event, keys, want)
	}
	return err
}

func (w *World) logCount(want int, event string) error {
	return w.count(want, event, &godog.Table{}, 0)
}

func (w *World) logCountWith(want int, event string, table *godog.Table) error {
	return w.count(want, event, table, 0)
}

func (w *World) logLacks(event string) error { return w.count(0, event, &godog.Table{}, 0) }

func (w *World) logLacksWith(event string, table *godog.Table) error {
	return w.count(0, event, table, 0)
}

func (w *World) logOrder(table *godog.Table) error {
	return w.eventually(func() error {
		lines, err := w.logLines(0)
		if err != nil {
			return err
		}
		for _, row := range table.Rows {
			event, pair, _ := strings.Cut(row.Cells[0].Value, " ")
			want := map[string]string{}
			if key, value, ok := strings.Cut(pair, "="); ok {
				want[key] = value
			}
			i := slices.IndexFunc(lines, func(line logLine) bool { return line.matches(event, want) })
			if i < 0 {
				return fmt.Errorf("no line %s %s in its place", event, pair)
			}
			lines = lines[i+1:]
		}
		return nil
	})
}

func (w *World) logKeys(event, keys string) error {
	line, err := w.awaitLine(event, nil, 0)
	if err != nil {
		return err
	}
	if got := strings.Join(line.keys, " "); got != keys {
		return fmt.Errorf("got the keys %q, want %q", got, keys)
	}
	return nil
}

func (w *World) logContains(text string) error {
	return w.eventually(func() error {
		for _, line := range w.daemon.stdout.lines() {
			if strings.Contains(line, text) {
				return nil
			}
		}
		return fmt.Errorf("no line with %q in the log", text)
	})
}

func (w *World) logContainsNot(text string) error {
	for _, line := range w.daemon.stdout.lines() {
		if strings.Contains(line, text) {
			return fmt.Errorf("got the line %q, want none with %q", clip(line), text)
		}
	}
	return nil
}

func (w *World) logWellFormed() error {
	_, err := w.logLines(0)
	return err
}

func (w *World) logFileSame(name string) error {
	return w.eventually(func() error {
		text, err := os.ReadFile(w.path(name))
		if err != nil {
			return err
		}
		file, stdout := completeLines(string(text)), w.daemon.stdout.lines()
		if !slices.Equal(file, stdout) {
			return fmt.Errorf("got %d lines in the file and %d on stdout, want the same", len(file), len(stdout))
		}
		return nil
	})
}
