package steps

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cucumber/godog"
)

func (w *World) commandSteps() []step {
	return []step{
		{`the command {string} is run`, w.runLine, "`reverse-proxy` with arguments, separated by spaces, until it exits. The configuration is written first."},
		{`the configuration is validated`, func() error { return w.runLine("reverse-proxy --config ${config} --validate") }, ""},
		{`the command exits with {int}`, w.commandExits, ""},
		{`the command prints {string}`, w.commandPrints, "On stdout; part of it."},
		{`the command prints a line that matches {string}`, w.commandMatches, "On stdout; a regular expression for the whole line."},
		{`the command prints nothing`, w.commandSilent, "On stdout."},
		{`the command prints {string} on stderr`, w.commandComplains, "On stderr; part of it. The place of a key, as in `(line 3)`, may be left out."},
		{`the command prints nothing on stderr`, w.commandContent, "On stderr."},
		{`the command prints {int} line(s) on stderr`, w.complaintCount, ""},
		{`the command names each of:`, w.commandNames, "A table with one column, or several: the texts of a row are together on one line of stdout or stderr."},
		{`the command does not print {string}`, w.commandLacks, "Neither on stdout nor on stderr."},
	}
}

func (w *World) runLine(line string) error {
	words, err := w.commandWords(line)
	if err != nil {
		return err
	}
	return w.runCommand(words)
}

// commandWords splits a command of the daemon's binary into its arguments, and writes the configuration that the
// command reads.
func (w *World) commandWords(line string) ([]string, error) {
	line, err := w.expand(line)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "reverse-proxy" {
		return nil, fmt.Errorf("%q is not a command of the daemon's binary", line)
	}
	return words[1:], w.writeConfig()
}

func (w *World) commandExits(want int) error {
	if got := w.command.cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("got the exit code %d, want %d; it printed %q and complained %q",
			got, want, clip(w.command.stdout.text()), clip(w.command.stderr.text()))
	}
	return nil
}

func (w *World) commandPrints(want string) error { return contains(w.command.stdout.text(), want) }

func (w *World) commandComplains(want string) error { return contains(w.command.stderr.text(), want) }

func contains(text, want string) error {
	if !containsError(text, want) {
		return fmt.Errorf("got %q, want it to contain %q", text, want)
	}
	return nil
}

func (w *World) commandMatches(expression string) error {
	want, err := regexp.Compile("^(?:" + expression + ")$")
	if err != nil {
		return err
	}
	for _, line := range w.command.stdout.lines() {
		if want.MatchString(line) {
			return nil
		}
	}
	return fmt.Errorf("got %q, want a line that matches %s", w.command.stdout.text(), want)
}

func (w *World) commandSilent() error {
	if got := w.command.stdout.text(); got != "" {
		return fmt.Errorf("got %q, want nothing", clip(got))
	}
	return nil
}

func (w *World) commandContent() error {
	if got := w.command.stderr.text(); got != "" {
		return fmt.Errorf("got %q, want nothing", clip(got))
	}
	return nil
}

func (w *World) complaintCount(want int) error {
	if got := w.command.stderr.lines(); len(got) != want {
		return fmt.Errorf("got %d lines, want %d: %q", len(got), want, got)
	}
	return nil
}

func (w *World) commandNames(table *godog.Table) error {
	lines := append(w.command.stdout.lines(), w.command.stderr.lines()...)
	for _, row := range rows(table) {
		named := slices.ContainsFunc(lines, func(line string) bool {
			return !slices.ContainsFunc(row, func(text string) bool { return !containsError(line, text) })
		})
		if !named {
			return fmt.Errorf("no line with all of %q in %q", row, lines)
		}
	}
	return nil
}

func (w *World) commandLacks(text string) error {
	if all := w.command.stdout.text() + w.command.stderr.text(); strings.Contains(all, text) {
		return fmt.Errorf("got %q, want it not to contain %q", clip(all), text)
	}
	return nil
}
