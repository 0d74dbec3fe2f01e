package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// mutant is one small edit that breaks a promise.
type mutant struct {
	// Name is unique. It says what the broken code does.
	Name string `toml:"name"`
	// Promise is the number of docs/promises.md that the edit breaks.
	Promise string `toml:"promise"`
	// File is the edited file, relative to the root.
	File string `toml:"file"`
	// Old occurs exactly once in the file. New replaces it.
	Old string `toml:"old"`
	New string `toml:"new"`
	// Tests are the tests that must all fail: the name of a test in the directory of File, `./conformance TestX` for one
	// elsewhere, or `features/x.feature: title` for a scenario.
	Tests []string `toml:"tests"`
}

// load reads the lists of a directory.
func load(dir string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	names := map[string]bool{}
	for _, path := range paths {
		var list struct {
			Mutant []mutant `toml:"mutant"`
		}
		meta, err := toml.DecodeFile(path, &list)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			return nil, fmt.Errorf("%s: unknown key %s", path, unknown[0])
		}
		for _, m := range list.Mutant {
			if m.Name == "" || m.Promise == "" || m.Old == m.New || len(m.Tests) == 0 {
				return nil, fmt.Errorf("%s: mutant %q: needs a name, a promise, two different texts and a test", path, m.Name)
			}
			if names[m.Name] {
				return nil, fmt.Errorf("%s: mutant %q: listed twice", path, m.Name)
			}
			names[m.Name] = true
		}
		all = append(all, list.Mutant...)
	}
	return all, nil
}

// errStale is returned for a mutant whose text the code no longer has.
var errStale = errors.New("stale")

// edited returns the file with the edit applied.
func (m *mutant) edited(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.Old); n != 1 {
		return "", fmt.Errorf("%w: %s has the old text %d times, want once", errStale, m.File, n)
	}
	return strings.Replace(string(text), m.Old, m.New, 1), nil
}

// command runs one of the tests: arguments for the go command, and additions to its environment.
type command struct{ args, env []string }

// command returns the command that runs an entry of Tests.
func (m *mutant) command(root, test string) (command, error) {
	if file, title, ok := strings.Cut(test, ": "); ok {
		line, err := scenarioLine(filepath.Join(root, file), title)
		if err != nil {
			return command{}, err
		}
		return command{
			args: []string{"test", "-count=1", "-vet=off", "-run", "^TestFeatures$", "./conformance"},
			env:  []string{fmt.Sprintf("FEATURES=%s:%d", file, line)},
		}, nil
	}
	dir, name, ok := strings.Cut(test, " ")
	if !ok {
		dir, name = "./"+filepath.Dir(m.File), test
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = "^" + parts[i] + "$"
	}
	return command{args: []string{"test", "-count=1", "-vet=off", "-timeout=3m", "-run", strings.Join(parts, "/"), dir}}, nil
}

// scenarioLine returns the line on which the scenario with that title begins.
func scenarioLine(path, title string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	lines := strings.Split(string(text), "\n")
	found := slices.IndexFunc(lines, func(line string) bool {
		keyword, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		return (keyword == "Scenario" || keyword == "Scenario Outline") && rest == title
	})
	if found < 0 {
		return 0, fmt.Errorf("%w: %s has no scenario %q", errStale, path, title)
	}
	return found + 1, nil
}
